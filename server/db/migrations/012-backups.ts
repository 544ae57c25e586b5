import { type Kysely, type Migration, sql } from 'kysely'
import { wordsOf } from './words.ts'

/** Which version upgraded the database, and the backups that were made or are being made. */
export function backups(dialect: 'sqlite' | 'postgres'): Migration {
  const { id, integer, text, table } = wordsOf(dialect)
  const statements = [
    `create table upgrades (
      id ${id},
      version ${text} not null,
      migration ${text} not null,
      at ${integer} not null
    ) ${table}`,
    // Bytes that were freed after a running backup began stay until it has ended, or its lease has.
    `create table backups (
      id ${id},
      kind ${text} not null,
      target ${text} not null,
      state ${text} not null,
      started_at ${integer} not null,
      lease_until ${integer},
      ended_at ${integer},
      counts ${text} not null,
      error ${text}
    ) ${table}`,
    `create index backups_running on backups (lease_until) where state = 'running'`,
    'create index backups_kind on backups (kind, state, id)',
  ]
  return {
    up: async (db: Kysely<unknown>) => {
      for (const statement of statements) await sql.raw(statement).execute(db)
    },
  }
}
