import {
  type CompiledQuery,
  type ConnectionProvider,
  type DatabaseConnection,
  DefaultQueryExecutor,
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
  const dialect = new SqliteDialect(loan)
  const driver = dialect.createDriver()
  const executor = new SqliteExecutor(loan, dialect)
  return new Kysely<S>({ config: { dialect }, dialect, driver, executor })
}

/**
 * Hands each query straight to the connection. Kysely's own way there, which asks a driver for a
 * connection and gives it back, takes longer than a small query does.
 */
class SqliteExecutor extends DefaultQueryExecutor {
  readonly #loan: Loan

  constructor(loan: Loan, dialect: SqliteDialect) {
    const connection = connectionOf(loan)
    const connections: ConnectionProvider = { provideConnection: (use) => use(connection) }
    super(dialect.createQueryCompiler(), dialect.createAdapter(), connections)
    this.#loan = loan
  }

  override executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    return run(this.#loan, query)
  }
}

async function run<R>(loan: Loan, query: CompiledQuery): Promise<QueryResult<R>> {
  if (!loan.isOpen) throw new Error('A statement came after its transaction had ended.')
  return loan.connection.query<R>(query.sql, query.parameters)
}

function connectionOf(loan: Loan): DatabaseConnection {
  return {
    executeQuery: (query) => run(loan, query),
    streamQuery: () => {
      throw new Error('An open iterator would hide commits: read in pages instead.')
    },
  }
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
    return new SqliteDriver(connectionOf(this.#loan))
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

  constructor(connection: DatabaseConnection) {
    this.#connection = connection
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
