import type { Kysely } from 'kysely'
import { RegistryError } from '../domain/errors.ts'
import type { Schema } from './schema.ts'
import { openSqlite } from './sqlite-database.ts'
import {
  serverWrites,
  type Write,
  type WriteInput,
  type WriteOutput,
  type WriteTable,
} from './writes.ts'

/** What statements run on: the whole database, or one transaction. */
export type Queries = Kysely<Schema>

/**
 * The database of one process. Reads of one page by index run on `read`; a write is a named
 * transaction function of `db/` that `writes.ts` lists, run whole: on SQLite in the writer thread
 * (several share one fsync), on PostgreSQL on a pooled connection, again after a deadlock.
 * When the promise resolves, the commit is durable.
 *
 * Errors: a RegistryError that the function threw arrives as one, with everything undone; a full
 * disk is STORAGE_FULL; a database that is gone is UNAVAILABLE; a broken key, unique or foreign, is
 * CONFLICT. After an error a write function must throw: on PostgreSQL its transaction is void.
 */
export interface Db extends AsyncDisposable {
  readonly dialect: 'sqlite' | 'postgres'
  readonly read: Queries
  write<W extends Write>(write: W, input: WriteInput<W>): Promise<WriteOutput<W>>
  /** Throws UNAVAILABLE, saying why, unless the database answers reads and takes writes. */
  check(): Promise<void>
}

export interface DatabaseLog {
  warn(facts: object, message: string): void
}

export interface DatabaseOptions {
  /** `sqlite:<path>` or `postgres://…`. */
  readonly url: string
  readonly log?: DatabaseLog
  /** Other writes than the server's own: for tests of this room. */
  readonly writes?: WriteTable
}

/**
 * Opens a database and brings its tables up to date; an SQLite file and its folder (mode 0700) are
 * made if missing. Throws UNAVAILABLE, saying why, when it cannot be reached, is no database, is
 * another program's or comes from a newer version.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Db> {
  const { url, log = silent, writes = serverWrites } = options
  const file = /^sqlite:(.+)$/.exec(url)?.[1]
  if (file !== undefined && file !== ':memory:') {
    return openSqlite({ file, log, writes })
  }
  if (/^postgres(ql)?:/.test(url)) {
    // Its driver is loaded where it is needed: each command would wait for it.
    const { openPostgres } = await import('./postgres.ts')
    return openPostgres({ url, log, writes })
  }
  throw new RegistryError(
    'UNAVAILABLE',
    'A database URL is sqlite:<path of a file> or postgres://….',
  )
}

const silent: DatabaseLog = { warn: () => {} }
