import {
  DatabaseSync,
  type DatabaseSyncInstance,
  type StatementSyncInstance,
} from '@photostructure/sqlite'
import { type DialectAdapter, type QueryResult, SqliteAdapter } from 'kysely'
import { RegistryError } from '../domain/errors.ts'
import { checkParameters } from './parameters.ts'
import { translateSqliteError } from './sqlite-errors.ts'

const busyTimeoutMilliseconds = 10_000
const maxStatements = 500

// No memory-mapped reads: an I/O error on a mapped page is a signal that ends the process.
const pragmas = `
  pragma mmap_size = 0;
  pragma cache_size = -16000;
  pragma temp_store = memory;
  pragma trusted_schema = off;
`
// Checkpoints run inside the writer, every 16 MiB of log; a log that grew shrinks to 64 MiB.
const writerPragmas = `
  pragma journal_mode = wal;
  pragma synchronous = full;
  pragma wal_autocheckpoint = 4000;
  pragma journal_size_limit = 67108864;
`

export interface SqliteFile {
  readonly file: string
  readonly mode: 'read' | 'write'
  /** `any`: a copy that nobody writes to has no write-ahead log. */
  readonly journal?: 'any'
}

/**
 * One open connection to a database file; all its statements are synchronous. Errors are
 * translated: CONFLICT for a broken key, STORAGE_FULL, UNAVAILABLE.
 */
export class SqliteConnection implements Disposable {
  readonly raw: DatabaseSyncInstance
  readonly mode: SqliteFile['mode']
  readonly adapter: DialectAdapter = new SqliteAdapter()
  readonly #statements = new Map<string, Statement>()

  /** Opens the file, which `write` creates if it is missing. */
  constructor({ file, mode, journal }: SqliteFile) {
    this.mode = mode
    try {
      this.raw = new DatabaseSync(file, {
        readOnly: mode === 'read',
        enableForeignKeyConstraints: true,
        timeout: busyTimeoutMilliseconds,
      })
    } catch (error) {
      throw translateSqliteError(error)
    }
    try {
      // BigInt: a plain number would come out as REAL.
      this.raw.function('now_ms', () => BigInt(Date.now()))
      this.exec(mode === 'write' ? pragmas + writerPragmas : pragmas)
      if (journal !== 'any') this.#requireLog()
    } catch (error) {
      this.raw.close()
      throw error
    }
  }

  /** Runs statements without parameters or results. */
  exec(sql: string): void {
    try {
      this.raw.exec(sql)
    } catch (error) {
      throw translateSqliteError(error)
    }
  }

  query<R>(sql: string, parameters: readonly unknown[] = []): QueryResult<R> {
    checkParameters(parameters)
    try {
      const { statement, reader } = this.#prepare(sql)
      if (reader) {
        return { rows: statement.all(...parameters) }
      }
      const { changes, lastInsertRowid } = statement.run(...parameters)
      return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) }
    } catch (error) {
      throw translateSqliteError(error)
    }
  }

  [Symbol.dispose](): void {
    this.#statements.clear()
    if (this.raw.isOpen) {
      this.raw.close()
    }
  }

  /** SQLite quietly keeps another journal where it cannot have this one. */
  #requireLog(): void {
    const [row] = this.query<{ journal_mode: string }>('pragma journal_mode').rows
    if (row?.journal_mode !== 'wal') {
      throw new RegistryError(
        'UNAVAILABLE',
        'The file system cannot hold a database that is read while it is written (SQLite WAL).',
      )
    }
  }

  #prepare(sql: string): Statement {
    const known = this.#statements.get(sql)
    if (known !== undefined) {
      return known
    }
    const statement = this.raw.prepare(sql)
    const made = { statement, reader: statement.columns().length > 0 }
    if (this.#statements.size >= maxStatements) {
      this.#dropOldest()
    }
    this.#statements.set(sql, made)
    return made
  }

  /** A tenth at once: statements with lists of every length would else push out one by one. */
  #dropOldest(): void {
    for (const sql of [...this.#statements.keys()].slice(0, maxStatements / 10)) {
      this.#statements.delete(sql)
    }
  }
}

interface Statement {
  readonly statement: StatementSyncInstance
  readonly reader: boolean
}

/**
 * A connection lent to one user. Statements fail once the loan is over, and on a writing
 * connection also when its transaction is: they would commit on their own.
 */
export interface Loan extends Disposable {
  readonly connection: SqliteConnection
  readonly isOpen: boolean
}

export function lend(connection: SqliteConnection): Loan {
  let isOpen = true
  return {
    connection,
    get isOpen() {
      return isOpen && (connection.mode === 'read' || connection.raw.isTransaction)
    },
    [Symbol.dispose]() {
      isOpen = false
    },
  }
}
