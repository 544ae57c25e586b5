import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type DialectAdapter,
  type Driver,
  type FunctionNode,
  Kysely,
  type QueryResult,
  type SelectModifierNode,
  type SelectQueryNode,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import type { Loan } from './sqlite.ts'

/** Kysely on an open connection. Closing the Kysely leaves the connection open. */
export function kyselyOn<S>(loan: Loan): Kysely<S> {
  return new Kysely<S>({ dialect: new SqliteDialect(loan) })
}

class SqliteDialect implements Dialect {
  readonly #loan: Loan

  constructor(loan: Loan) {
    this.#loan = loan
  }

  createAdapter(): DialectAdapter {
    return this.#loan.connection.adapter
  }

  createDriver(): Driver {
    return new SqliteDriver(this.#loan)
  }

  createIntrospector(db: Kysely<unknown>): SqliteIntrospector {
    return new SqliteIntrospector(db)
  }

  createQueryCompiler(): SqliteQueryCompiler {
    return new EntrepotSqliteCompiler()
  }
}

/** Transactions belong to the writer, which runs many as savepoints: Kysely begins none. */
class SqliteDriver implements Driver {
  readonly #connection: DatabaseConnection

  constructor(loan: Loan) {
    this.#connection = {
      executeQuery: <R>(query: CompiledQuery): Promise<QueryResult<R>> => {
        try {
          if (!loan.isOpen) {
            throw new Error('A statement came after its transaction had ended.')
          }
          return Promise.resolve(loan.connection.query<R>(query.sql, query.parameters))
        } catch (error) {
          return Promise.reject(error)
        }
      },
      streamQuery: () => {
        throw new Error('An open iterator would hide commits: read in pages instead.')
      },
    }
  }

  init(): Promise<void> {
    return Promise.resolve()
  }

  acquireConnection(): Promise<DatabaseConnection> {
    return Promise.resolve(this.#connection)
  }

  beginTransaction(): Promise<void> {
    return Promise.reject(new Error('Transactions are opened by Db.write alone.'))
  }

  commitTransaction(): Promise<void> {
    return Promise.reject(new Error('Transactions are closed by Db.write alone.'))
  }

  rollbackTransaction(): Promise<void> {
    return Promise.reject(new Error('Transactions are closed by Db.write alone.'))
  }

  releaseConnection(): Promise<void> {
    return Promise.resolve()
  }

  destroy(): Promise<void> {
    return Promise.resolve()
  }
}

const rowLocks: ReadonlySet<SelectModifierNode['modifier']> = new Set([
  'ForUpdate',
  'ForNoKeyUpdate',
  'ForShare',
  'ForKeyShare',
  'NoWait',
  'SkipLocked',
] as const)

const functionNames: ReadonlyMap<string, string> = new Map([
  ['greatest', 'max'],
  ['least', 'min'],
])

/** Row locks are left out (there is one writer), and functions get SQLite's names. */
class EntrepotSqliteCompiler extends SqliteQueryCompiler {
  protected override visitSelectQuery(node: SelectQueryNode): void {
    const modifiers = node.endModifiers?.filter(
      ({ modifier }) => modifier === undefined || !rowLocks.has(modifier),
    )
    super.visitSelectQuery(modifiers === undefined ? node : { ...node, endModifiers: modifiers })
  }

  protected override visitFunction(node: FunctionNode): void {
    super.visitFunction({ ...node, func: functionNames.get(node.func) ?? node.func })
  }
}
