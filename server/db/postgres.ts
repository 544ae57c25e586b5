import { setTimeout as wait } from 'node:timers/promises'
import { Kysely, type LogEvent, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { isRefusal, RegistryError } from '../domain/errors.ts'
import type { DatabaseLog, DatabaseOptions, Db, Queries } from './database.ts'
import type { DatabaseContent } from './database-copy.ts'
import type { Examination } from './database-examination.ts'
import { listSteps, migratePostgres, type Upgrade, type UpgradeSteps } from './migrate.ts'
import { LentClient } from './postgres-client.ts'
import { isDeadlock, translatePostgresError } from './postgres-errors.ts'
import { nameOf, type Write, type WriteInput, type WriteOutput, type WriteTable } from './writes.ts'

// Far below the grace time of clean-up: what is judged early in a transaction must still hold at
// its end.
const statementTimeoutMilliseconds = 15_000
const transactionLimitMilliseconds = 30_000
const connectTimeoutMilliseconds = 10_000
const maxConnections = 8
const maxAttempts = 8

export interface PostgresOptions extends Pick<DatabaseOptions, 'onStatement'> {
  readonly url: string
  readonly log: DatabaseLog
  readonly writes: WriteTable
  readonly upgrade: Upgrade
}

/** Opens a PostgreSQL database: a pool for reads and one for writes, so that locks stop no read. */
export async function openPostgres(options: PostgresOptions): Promise<Db> {
  const { url, log, writes, upgrade } = options
  try {
    const migrator = openPool({ url, log, purpose: 'migrations' })
    try {
      const { from, pending } = await migratePostgres(migrator, upgrade)
      if (from !== null && pending.length > 0) {
        log.info({ from, pending }, 'The database was upgraded')
      }
    } finally {
      await migrator.destroy()
    }
  } catch (error) {
    throw describe(error)
  }
  return new PostgresDatabase(
    openPool({ ...options, purpose: 'requests' }),
    openPool({ ...options, purpose: 'requests' }),
    writes,
  )
}

/** What opening it would run; nothing is changed. */
export async function previewPostgres(url: string, upgrade: Upgrade): Promise<UpgradeSteps> {
  const log = { info: () => {}, warn: () => {} }
  const pool = openPool<unknown>({ url, log, purpose: 'migrations' })
  try {
    return await listSteps(pool, 'postgres', upgrade)
  } catch (error) {
    throw describe(error)
  } finally {
    await pool.destroy()
  }
}

function describe(error: unknown): Error {
  const cause = isRefusal(error, 'UNAVAILABLE') ? (error.cause ?? error) : error
  return new RegistryError(
    'UNAVAILABLE',
    `Cannot open the PostgreSQL database: ${messageOf(cause)}`,
    { cause: error },
  )
}

/** A failed connection to a name with several addresses says why only in its parts. */
function messageOf(error: unknown): string {
  const first = error instanceof AggregateError ? error.errors[0] : error
  return first instanceof Error ? first.message : String(first)
}

interface PoolOptions extends Pick<PostgresOptions, 'url' | 'log' | 'onStatement'> {
  /** Migrations have one connection and all the time they need. */
  readonly purpose: 'requests' | 'migrations'
}

function openPool<S>({ url, log, purpose, onStatement }: PoolOptions): Kysely<S> {
  const pool = new pg.Pool({
    ...durable(url),
    application_name: 'entrepot',
    keepAlive: true,
    connectionTimeoutMillis: connectTimeoutMilliseconds,
    types: { getTypeParser },
    ...(purpose === 'migrations'
      ? { max: 1 }
      : {
          max: maxConnections,
          statement_timeout: statementTimeoutMilliseconds,
          idle_in_transaction_session_timeout: statementTimeoutMilliseconds,
          // The client's own, for a server that no longer answers.
          query_timeout: statementTimeoutMilliseconds + 5_000,
        }),
  })
  // A connection that breaks is replaced; without listeners, on the pool for idle ones and on those
  // in use, it would end the process.
  const onError = (error: Error) => log.warn({ err: error }, 'A database connection broke.')
  pool.on('error', onError)
  pool.on('connect', (client) => client.on('error', onError))
  const limit = purpose === 'migrations' ? Number.POSITIVE_INFINITY : transactionLimitMilliseconds
  return new Kysely<S>({
    dialect: new PostgresDialect({
      pool: { connect: () => lendClient(pool, limit), end: () => pool.end() },
    }),
    ...(onStatement && { log: (event) => onStatement(statementOf(event)) }),
  })
}

/** Never its text: that of lists is long, and all of it is in the source. */
function statementOf({ query, queryDurationMillis, level }: LogEvent) {
  const [verb = ''] = /\w+/.exec(query.sql) ?? []
  const [, table] = /\b(?:from|into|update) "(\w+)"/i.exec(query.sql) ?? []
  const summary = [verb.toLowerCase(), ...(table === undefined ? [] : [table])].join(' ')
  return { summary, seconds: queryDurationMillis / 1000, isError: level === 'error' }
}

/**
 * A commit is on the disk before it is answered, whatever the server, the database or the role has
 * set. What the URL itself says in `options` comes later, and counts.
 */
function durable(url: string): { connectionString: string; options: string } {
  const [address = '', ...query] = url.split('?')
  const parameters = new URLSearchParams(query.join('?'))
  const options = ['-c synchronous_commit=on', ...parameters.getAll('options')].join(' ')
  if (!parameters.has('options')) return { connectionString: url, options }
  // pg would take the URL's instead of ours.
  parameters.delete('options')
  return { connectionString: `${address}?${parameters}`, options }
}

async function lendClient(pool: pg.Pool, limitMilliseconds: number): Promise<LentClient> {
  try {
    return new LentClient(await pool.connect(), limitMilliseconds)
  } catch (error) {
    throw translatePostgresError(error)
  }
}

const int8 = 20
const numeric = 1700

/** Whole numbers stay below 2^53 here; sums of them are `numeric`. pg would give strings. */
function getTypeParser(oid: number, format?: 'text' | 'binary'): (text: string) => unknown {
  return oid === int8 || oid === numeric ? Number : pg.types.getTypeParser(oid, format ?? 'text')
}

class PostgresDatabase implements Db {
  readonly dialect = 'postgres'
  readonly read: Queries
  readonly #writer: Queries
  readonly #writes: WriteTable

  constructor(read: Queries, writer: Queries, writes: WriteTable) {
    this.read = read
    this.#writer = writer
    this.#writes = writes
  }

  async write<W extends Write>(write: W, input: WriteInput<W>): Promise<WriteOutput<W>> {
    nameOf(write, this.#writes)
    for (let attempt = 1; ; attempt += 1) {
      try {
        const output = await this.#writer
          .transaction()
          .setIsolationLevel('read committed')
          .execute((trx) => write(trx, input as never))
        return output as WriteOutput<W>
      } catch (error) {
        if (!isDeadlock(error)) {
          throw error
        }
        if (attempt === maxAttempts) {
          throw new RegistryError('UNAVAILABLE', 'The database is too busy; try again.', {
            cause: error,
          })
        }
        await wait(Math.random() * 10 * attempt)
      }
    }
  }

  copyTo(): Promise<DatabaseContent> {
    const message =
      'A PostgreSQL database is copied by its own tools, such as pg_dump: docs/backup.md has the steps.'
    return Promise.reject(new RegistryError('UNAVAILABLE', message))
  }

  /** Its pages have checksums of their own, if it was set up with them. */
  async examine(): Promise<Examination> {
    const { rows } = await sql<{ version: string; checksums: string; bytes: number }>`select
      current_setting('server_version') as version,
      current_setting('data_checksums') as checksums,
      pg_database_size(current_database()) as bytes`.execute(this.read)
    const { version = '', checksums = '', bytes = 0 } = rows[0] ?? {}
    const hints =
      checksums === 'on'
        ? []
        : ['PostgreSQL keeps no checksums of its pages: it would not notice a damaged one.']
    return {
      engine: `PostgreSQL ${version}`,
      sizeBytes: bytes,
      problems: [],
      hints,
      isWhole: false,
    }
  }

  async check(): Promise<void> {
    await sql`select 1 from kysely_migration limit 1`.execute(this.read)
    const { rows } = await sql<{ off: boolean }>`select pg_is_in_recovery() as off`.execute(
      this.#writer,
    )
    if (rows[0]?.off !== false) {
      throw new RegistryError('UNAVAILABLE', 'The database is a read-only replica.')
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.read.destroy(), this.#writer.destroy()])
  }
}
