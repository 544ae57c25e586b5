import type { Kysely } from 'kysely'
import { RegistryError } from '../domain/errors.ts'
import type { DatabaseContent } from './database-copy.ts'
import type { Examination, ExaminationOrder } from './database-examination.ts'
import type { Upgrade } from './migrate.ts'
import type { MigrationTable } from './migrations/index.ts'
import type { Schema } from './schema.ts'
import { openSqlite } from './sqlite-database.ts'
import { previewSqlite, type UpgradePreview } from './upgrade.ts'
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
  /**
   * Makes the file a copy of the database at one moment, as `copySqlite`, in a thread of its own; what
   * is in it. Throws UNAVAILABLE for PostgreSQL, which is copied by its own tools.
   */
  copyTo(file: string): Promise<DatabaseContent>
  /** Throws UNAVAILABLE, saying why, unless the database answers reads and takes writes. */
  check(): Promise<void>
  /** Looks for damage: of SQLite's file in a thread of its own, PostgreSQL looks after its own. */
  examine(order: ExaminationOrder): Promise<Examination>
}

export interface DatabaseLog {
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
}

/** One that was answered, or failed. */
export interface Statement {
  /** Verb and table: `select manifests`. */
  readonly summary: string
  readonly seconds: number
  readonly isError: boolean
}

export interface DatabaseOptions {
  /** `sqlite:<path>` or `postgres://…`. */
  readonly url: string
  readonly log?: DatabaseLog
  /** Told of each statement on PostgreSQL. SQLite's are no way away, those of writes in a thread. */
  readonly onStatement?: (statement: Statement) => void
  /** Other writes than the server's own: for tests of this room. */
  readonly writes?: WriteTable
  /** Of the program: a newer one that comes later says which version it was. */
  readonly version?: string
  /** Other tables than the server's own: for tests of this room. */
  readonly migrations?: MigrationTable
  /** False: an older database is refused, not upgraded, for a server of its version may run. */
  readonly mayUpgrade?: boolean
}

/**
 * Opens a database and brings its tables up to date; an SQLite file and its folder (mode 0700) are
 * made if missing. Throws UNAVAILABLE, saying why, when it cannot be reached, is no database, is
 * another program's, comes from a newer version or may not be upgraded.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Db> {
  const { url, log = silent, writes = serverWrites, onStatement } = options
  const upgrade = upgradeOf(options)
  const file = sqliteFileOf(url)
  if (file !== undefined) {
    return openSqlite({ file, log, writes, upgrade })
  }
  // Its driver is loaded where it is needed: each command would wait for it.
  const { openPostgres } = await import('./postgres.ts')
  return openPostgres({ url, log, writes, upgrade, ...(onStatement && { onStatement }) })
}

/** What `openDatabase` would do to the tables first, without doing it. Throws as it does. */
export async function previewUpgrade(
  options: Pick<DatabaseOptions, 'url' | 'version' | 'migrations'> & {
    /** False: what would run is listed alone, and not tried on a copy. */
    readonly triesIt?: boolean
  },
): Promise<UpgradePreview> {
  const { url } = options
  const file = sqliteFileOf(url)
  if (file !== undefined) {
    return previewSqlite(file, upgradeOf(options), options.triesIt)
  }
  const { previewPostgres } = await import('./postgres.ts')
  return { ...(await previewPostgres(url, upgradeOf(options))), tried: false }
}

/** Undefined: it is PostgreSQL's. Throws UNAVAILABLE for what is neither. */
export function sqliteFileOf(url: string): string | undefined {
  const file = /^sqlite:(.+)$/.exec(url)?.[1]
  if (file !== undefined && file !== ':memory:') return file
  if (/^postgres(ql)?:/.test(url)) return undefined
  throw new RegistryError(
    'UNAVAILABLE',
    'A database URL is sqlite:<path of a file> or postgres://….',
  )
}

function upgradeOf({
  version,
  migrations,
  mayUpgrade = true,
}: Pick<DatabaseOptions, 'version' | 'migrations' | 'mayUpgrade'>): Upgrade {
  return {
    mayRun: mayUpgrade,
    ...(version !== undefined && { version }),
    ...(migrations !== undefined && { migrations }),
  }
}

const silent: DatabaseLog = { info: () => {}, warn: () => {} }
