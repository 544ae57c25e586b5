import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import { RegistryError } from '../domain/errors.ts'
import type { DatabaseLog, Db, Queries } from './database.ts'
import { copyInThread, type DatabaseContent } from './database-copy.ts'
import { type Examination, type ExaminationOrder, examineInThread } from './database-examination.ts'
import type { Upgrade } from './migrate.ts'
import type { Schema } from './schema.ts'
import { lend, SqliteConnection } from './sqlite.ts'
import { kyselyOn } from './sqlite-dialect.ts'
import { openSqliteWriter, type SqliteWriter } from './sqlite-writer.ts'
import { type DoneUpgrade, upgradeSqlite } from './upgrade.ts'
import { nameOf, type Write, type WriteInput, type WriteOutput, type WriteTable } from './writes.ts'

const checkMilliseconds = 5000

export interface SqliteOptions {
  readonly file: string
  readonly log: DatabaseLog
  readonly writes: WriteTable
  readonly upgrade: Upgrade
}

/** Opens an SQLite file: a writer thread, and a read-only connection of the calling thread. */
export async function openSqlite({ file, log, writes, upgrade }: SqliteOptions): Promise<Db> {
  try {
    const { from, pending, copy } = await prepareFile(file, upgrade)
    if (copy !== null) log.info({ from, pending, copy }, 'The database was upgraded')
    const writer = await openSqliteWriter({ file, writesModule: writes.module, log })
    // After the writer's, which has made the log that readers look into.
    const reader = new SqliteConnection({ file, mode: 'read' })
    return new SqliteDatabase({ writer, reader }, { file, writes })
  } catch (error) {
    throw describe(error, file)
  }
}

async function prepareFile(file: string, upgrade: Upgrade): Promise<DoneUpgrade> {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
  createPrivately(file)
  return await upgradeSqlite(file, upgrade)
}

/** SQLite gives the files beside it the same mode. An existing one is not even opened: closing it
 *  would take away the locks that this process holds on it. */
function createPrivately(file: string): void {
  if (!existsSync(file)) {
    closeSync(openSync(file, 'wx', 0o600))
  }
}

function describe(error: unknown, file: string): Error {
  const message = error instanceof Error ? error.message : String(error)
  return new RegistryError('UNAVAILABLE', `Cannot open the database ${file}: ${message}`, {
    cause: error,
  })
}

class SqliteDatabase implements Db {
  readonly dialect = 'sqlite'
  readonly read: Queries
  readonly #writer: SqliteWriter
  readonly #reader: SqliteConnection
  readonly #writes: WriteTable
  readonly #file: string

  constructor(
    { writer, reader }: { readonly writer: SqliteWriter; readonly reader: SqliteConnection },
    { file, writes }: Pick<SqliteOptions, 'file' | 'writes'>,
  ) {
    this.#writer = writer
    this.#reader = reader
    this.#writes = writes
    this.#file = file
    this.read = kyselyOn<Schema>(lend(reader))
  }

  async write<W extends Write>(write: W, input: WriteInput<W>): Promise<WriteOutput<W>> {
    const output = await this.#writer.write(nameOf(write, this.#writes), input)
    return output as WriteOutput<W>
  }

  copyTo(file: string): Promise<DatabaseContent> {
    return copyInThread({ file: this.#file, target: file })
  }

  examine(order: ExaminationOrder): Promise<Examination> {
    return examineInThread({ ...order, file: this.#file })
  }

  async check(): Promise<void> {
    await sql`select 1 from kysely_migration limit 1`.execute(this.read as Kysely<unknown>)
    const timeout = new AbortController()
    const late = wait(checkMilliseconds, undefined, { signal: timeout.signal }).then(() => {
      throw new RegistryError('UNAVAILABLE', 'The database takes no writes: its writer is stuck.')
    })
    try {
      await Promise.race([this.#writer.ping(), late])
    } finally {
      timeout.abort()
      late.catch(() => {})
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.drain()
    // Before the writer, which folds the log into the file once nobody reads it.
    this.#reader[Symbol.dispose]()
    await this.#writer[Symbol.asyncDispose]()
  }
}
