import {
  type Compilable,
  type CompiledQuery,
  type DialectAdapter,
  type Expression,
  sql,
} from 'kysely'
import type { Queries } from './database.ts'

/** The parameters as the builder sees them: expressions that stand for values of a later call. */
export type Params<P> = { readonly [K in keyof P]-?: Expression<P[K]> }

/** A query that is built and compiled once a dialect; then only its parameters change. */
export interface Prepared<P, R> {
  /** The first row. */
  find(db: Queries, params: P): Promise<R | undefined>
  list(db: Queries, params: P): Promise<R[]>
  /** Runs an INSERT, UPDATE or DELETE without RETURNING; the number of rows it touched. */
  run(db: Queries, params: P): Promise<number>
}

/**
 * For hot queries, reads and statements of writes alike:
 *
 *     const liveLink = prepared((db, p: Params<{ repositoryId: number; digest: string }>) =>
 *       db.selectFrom('links').selectAll()
 *         .where('repository_id', '=', p.repositoryId).where('digest', '=', p.digest))
 *     const link = await liveLink.find(db, { repositoryId, digest })
 *
 * A parameter is one value; lists of varying length cannot be prepared.
 */
export function prepared<P extends object, R>(
  build: (db: Queries, p: Params<P>) => Compilable<R>,
): Prepared<P, R> {
  const templates = new WeakMap<DialectAdapter, Template<R>>()
  const bind = (db: Queries, params: P): CompiledQuery<R> => {
    // The adapter is what a database and all its transactions have in common.
    const { adapter } = db.getExecutor()
    let template = templates.get(adapter)
    if (template === undefined) {
      template = compileTemplate(build(db, placeholders<P>()))
      templates.set(adapter, template)
    }
    return fill(template, params)
  }
  return {
    find: async (db, params) => (await db.executeQuery(bind(db, params))).rows[0],
    list: async (db, params) => (await db.executeQuery(bind(db, params))).rows,
    run: async (db, params) =>
      Number((await db.executeQuery(bind(db, params))).numAffectedRows ?? 0n),
  }
}

/** Stands in the parameter list of a compiled query where a named value belongs. */
class Placeholder {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

interface Template<R> {
  readonly compiled: CompiledQuery<R>
  readonly parameters: readonly unknown[]
}

function placeholders<P extends object>(): Params<P> {
  return new Proxy(Object.freeze({}), {
    get: (_, name) => sql`${new Placeholder(String(name))}`,
  }) as Params<P>
}

function compileTemplate<R>(query: Compilable<R>): Template<R> {
  const compiled = query.compile()
  return { compiled, parameters: compiled.parameters }
}

function fill<R>({ compiled, parameters }: Template<R>, params: object): CompiledQuery<R> {
  const values = params as Readonly<Record<string, unknown>>
  const { sql, query, queryId } = compiled
  const filled = parameters.map((parameter) =>
    parameter instanceof Placeholder ? values[parameter.name] : parameter,
  )
  return { sql, query, queryId, parameters: filled }
}
