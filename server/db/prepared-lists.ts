import type { Compilable } from 'kysely'
import type { Queries } from './database.ts'
import { type Params, type Prepared, prepared } from './prepared.ts'
import { chunksOf } from './sql.ts'

/** A query with a list, prepared for lists of 1, 2, 4, 8 … items. */
export interface PreparedList<P, I, R> {
  list(db: Queries, params: P, items: readonly I[]): Promise<R[]>
  /** The number of rows that an INSERT, UPDATE or DELETE without RETURNING touched. */
  run(db: Queries, params: P, items: readonly I[]): Promise<number>
}

/**
 * As `prepared`, with a list of items. **Items may be bound twice**: a list is filled up with its
 * last item to the next power of two, which changes nothing in an `in (…)` or an insert that does
 * nothing on conflict. Long lists go in pieces; an empty one asks nothing.
 *
 *     const among = preparedList((db, p: Params<{ id: number }>, items: readonly Params<{ digest: string }>[]) =>
 *       db.selectFrom('links').select('digest').where('repository_id', '=', p.id)
 *         .where('digest', 'in', items.map((item) => item.digest)))
 */
export function preparedList<P extends object, I extends object, R>(
  build: (db: Queries, p: Params<P>, items: readonly Params<I>[]) => Compilable<R>,
): PreparedList<P, I, R> {
  const bySize = new Map<number, Prepared<object, R>>()
  const ofSize = (size: number): Prepared<object, R> => {
    const known = bySize.get(size)
    if (known !== undefined) return known
    const made = prepared<object, R>((db, p) =>
      build(
        db,
        p as Params<P>,
        Array.from({ length: size }, (_, at) => itemParams<I>(p, at)),
      ),
    )
    bySize.set(size, made)
    return made
  }
  const pieces = function* (params: P, items: readonly I[]) {
    for (const piece of chunksOf(items, maxItems)) {
      const size = 2 ** Math.ceil(Math.log2(piece.length))
      yield { query: ofSize(size), values: { ...params, ...flatten(piece, size) } }
    }
  }
  return {
    async list(db, params, items) {
      const rows: R[] = []
      for (const { query, values } of pieces(params, items)) {
        rows.push(...(await query.list(db, values)))
      }
      return rows
    },
    async run(db, params, items) {
      let touched = 0
      for (const { query, values } of pieces(params, items)) {
        touched += await query.run(db, values)
      }
      return touched
    },
  }
}

const maxItems = 512

/** `{ digest: 'a' }` at 3 becomes the parameter `digest 3`. */
function itemParams<I>(p: object, at: number): Params<I> {
  return new Proxy(Object.freeze({}), {
    get: (_, name) => (p as Record<string, unknown>)[`${String(name)} ${at}`],
  }) as Params<I>
}

function flatten(items: readonly object[], size: number): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  for (let at = 0; at < size; at++) {
    for (const [name, value] of Object.entries(items[Math.min(at, items.length - 1)] ?? {})) {
      values[`${name} ${at}`] = value
    }
  }
  return values
}
