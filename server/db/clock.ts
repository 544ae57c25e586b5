import { sql } from 'kysely'
import type { Queries } from './database.ts'
import { nowMs } from './sql.ts'

/** The database's clock, milliseconds since 1970. */
export async function findDatabaseTime(db: Queries): Promise<number> {
  const { rows } = await sql<{ at: number }>`select ${nowMs} as at`.execute(db)
  return Number(rows[0]?.at)
}
