import { sql } from 'kysely'
import type { Queries } from './database.ts'
import { nowMsOnce } from './sql.ts'

export interface FreedLocation {
  readonly location: string
  readonly sizeBytes: number
  readonly since: number
}

export interface FreedPick {
  readonly storeId: number
  readonly graceMs: number
  readonly limit: number
  /** The last one that was looked at in this run; null: from the beginning. */
  readonly after: Pick<FreedLocation, 'location' | 'since'> | null
}

/** Longer than any write takes: what was freed just before a backup began may be in its copy. */
const backupMarginMs = 600_000

/** Only what was freed well before every backup that runs: their copies may name the rest. */
const beforeBackups = sql<number>`coalesce((
  select min(started_at) - ${sql.lit(backupMarginMs)} from backups
  where state = 'running' and lease_until >= ${nowMsOnce}), ${sql.lit(Number.MAX_SAFE_INTEGER)})`

/**
 * Bytes that no row has named for longer than the grace time, the longest first; without those that
 * a backup may still need (docs/decisions/0011).
 */
export async function listFreedLocations(db: Queries, pick: FreedPick): Promise<FreedLocation[]> {
  const query = db
    .selectFrom('freed_locations')
    .select(['location', 'size_bytes as sizeBytes', 'since'])
    .where('store_id', '=', pick.storeId)
    .where('since', '<', sql<number>`${nowMsOnce} - ${pick.graceMs}`)
    .where('since', '<', beforeBackups)
    .orderBy('since')
    .orderBy('location')
    .limit(pick.limit)
  if (pick.after === null) return query.execute()
  const { since, location } = pick.after
  return query.where(sql<boolean>`(since, location) > (${since}, ${location})`).execute()
}

/** Forgets locations whose bytes are gone; how many bytes these rows named, each counted once. */
export async function forgetFreedLocations(
  trx: Queries,
  input: { readonly storeId: number; readonly locations: readonly string[] },
): Promise<{ locations: number; bytes: number }> {
  if (input.locations.length === 0) return { locations: 0, bytes: 0 }
  const rows = await trx
    .deleteFrom('freed_locations')
    .where('store_id', '=', input.storeId)
    .where('location', 'in', input.locations)
    .returning('size_bytes')
    .execute()
  return {
    locations: rows.length,
    bytes: rows.reduce((sum, row) => sum + row.size_bytes, 0),
  }
}
