import { sql } from 'kysely'
import type { Queries } from './database.ts'
import type { Schema } from './schema.ts'

/** Whether an upload has a writer can be told from its epoch; undefined: there is no such upload. */
export async function findUploadEpoch(db: Queries, id: string): Promise<number | undefined> {
  const row = await db.selectFrom('uploads').select('epoch').where('id', '=', id).executeTakeFirst()
  return row?.epoch
}

const recent = 500

/** When the last things happened that are noted with a time: of the last few hundred the latest. */
export async function findLatestTime(db: Queries): Promise<number | null> {
  const { rows } = await sql<{ at: number | null }>`select max(at) as at from (
    select max(at) as at from (select at from events order by id desc limit ${recent}) e
    union all
    select max(requested_at) as at
    from (select requested_at from job_runs order by id desc limit ${recent}) r
  ) latest`.execute(db)
  const at = rows[0]?.at
  return at == null ? null : Number(at)
}

/** Names of the migrations that the database has, in their order. */
export async function listAppliedMigrations(db: Queries): Promise<string[]> {
  const { rows } = await sql<{
    name: string
  }>`select name from kysely_migration order by name`.execute(db)
  return rows.map(({ name }) => name)
}

/** What can be counted of the database without knowing whose it is. */
export const countedTables = [
  'feeds',
  'repositories',
  'manifests',
  'tags',
  'blobs',
  'links',
  'uploads',
  'candidates',
  'freed_locations',
  'stores',
  'users',
  'api_keys',
  'permissions',
  'events',
  'jobs',
  'job_runs',
  'backups',
] as const satisfies readonly (keyof Schema)[]

/** Reads the whole table: for a support bundle. */
export async function countRows(
  db: Queries,
  table: (typeof countedTables)[number],
): Promise<number> {
  const { rows } = await sql<{ rows: number }>`select count(*) as rows from ${sql.table(
    table,
  )}`.execute(db)
  return Number(rows[0]?.rows)
}

const mostPeople = 20_000

/** Every word by which users are called: names, names for display, mail addresses. */
export async function listPeople(db: Queries): Promise<string[]> {
  const rows = await db
    .selectFrom('users')
    .select(['name', 'display_name', 'email'])
    .limit(mostPeople)
    .execute()
  return rows
    .flatMap(({ name, display_name, email }) => [name, display_name, email])
    .filter((text) => text !== '')
}

/** The statements that made the tables (SQLite), or the tables with their columns (PostgreSQL). */
export async function describeTables(
  db: Queries,
  dialect: 'sqlite' | 'postgres',
): Promise<string[]> {
  if (dialect === 'sqlite') {
    const { rows } = await sql<{
      sql: string
    }>`select sql from sqlite_schema where sql is not null order by type desc, name`.execute(db)
    return rows.map((row) => row.sql)
  }
  const { rows } = await sql<{ line: string }>`select
    table_name || ': ' || string_agg(column_name || ' ' || data_type, ', ' order by ordinal_position)
      as line
    from information_schema.columns where table_schema = current_schema()
    group by table_name order by table_name`.execute(db)
  return rows.map(({ line }) => line)
}
