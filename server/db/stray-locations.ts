import { sql } from 'kysely'
import type { Queries } from './database.ts'
import { nowMs, nowMsOnce } from './sql.ts'

interface Locations {
  readonly storeId: number
  readonly locations: readonly string[]
}

/** Which of these locations no row names: none of a blob, an upload, or what was freed. */
export async function listUnnamed(db: Queries, input: Locations): Promise<string[]> {
  const { storeId, locations } = input
  if (locations.length === 0) return []
  const named = new Set<string>()
  // In the order in which a location moves from one to the next, so that none is missed on its way.
  for (const table of ['uploads', 'blobs', 'freed_locations'] as const) {
    const rows = await db
      .selectFrom(table)
      .select('location')
      .where('store_id', '=', storeId)
      .where('location', 'in', locations)
      .execute()
    for (const { location } of rows) named.add(location)
  }
  return locations.filter((location) => !named.has(location))
}

/** Remembers when bytes were first seen that no row names. */
export async function noteStrays(trx: Queries, input: Locations): Promise<void> {
  const { storeId, locations } = input
  if (locations.length === 0) return
  const seen = nowMs
  await trx
    .insertInto('stray_locations')
    .values(locations.map((location) => ({ store_id: storeId, location, seen_at: seen })))
    .onConflict((conflict) => conflict.columns(['store_id', 'location']).doNothing())
    .execute()
}

/**
 * Those of the locations that were seen before, longer ago than the grace time, and still have no
 * row: nothing will ever name them, since a location is used once and its row comes first.
 */
export async function takeStrays(
  trx: Queries,
  input: Locations & { readonly graceMs: number },
): Promise<string[]> {
  const { storeId, locations, graceMs } = input
  if (locations.length === 0) return []
  const rows = await trx
    .selectFrom('stray_locations')
    .select('location')
    .where('store_id', '=', storeId)
    .where('location', 'in', locations)
    .where('seen_at', '<', sql<number>`${nowMsOnce} - ${graceMs}`)
    .execute()
  return listUnnamed(trx, { storeId, locations: rows.map(({ location }) => location) })
}

/** Forgets strays whose bytes are gone. */
export async function forgetStrays(trx: Queries, input: Locations): Promise<void> {
  if (input.locations.length === 0) return
  await trx
    .deleteFrom('stray_locations')
    .where('store_id', '=', input.storeId)
    .where('location', 'in', input.locations)
    .execute()
}
