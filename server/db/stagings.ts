import { sql } from 'kysely'
import type { Queries } from './database.ts'
import { type Params, prepared } from './prepared.ts'

interface StagingKey {
  readonly storeId: number
  readonly location: string
}

export interface StagingRecord {
  readonly writer: number
  readonly sizeBytes: number
  readonly state: string
}

interface StagingState extends StagingKey {
  readonly sizeBytes: number
  readonly state: string
}

const insert = prepared((db, p: Params<StagingState>) =>
  db
    .insertInto('stagings')
    .values({
      store_id: p.storeId,
      location: p.location,
      writer: sql.lit(0),
      next_number: sql.lit(1),
      size_bytes: p.sizeBytes,
      state: p.state,
    })
    .onConflict((conflict) => conflict.columns(['store_id', 'location']).doNothing()),
)

/** False: it is there already. */
export async function insertStaging(trx: Queries, input: StagingState): Promise<boolean> {
  return (await insert.run(trx, input)) > 0
}

const one = prepared((db, p: Params<StagingKey>) =>
  db
    .selectFrom('stagings')
    .select(['writer', 'size_bytes as sizeBytes', 'state'])
    .where('store_id', '=', p.storeId)
    .where('location', '=', p.location),
)

export async function findStaging(
  db: Queries,
  key: StagingKey,
): Promise<StagingRecord | undefined> {
  return one.find(db, key)
}

type Held = StagingState & { readonly writer: number }

const claim = prepared((db, p: Params<Held>) =>
  db
    .updateTable('stagings')
    .set((eb) => ({
      writer: eb('writer', '+', sql.lit(1)),
      size_bytes: p.sizeBytes,
      state: p.state,
    }))
    .where('store_id', '=', p.storeId)
    .where('location', '=', p.location)
    .where('writer', '=', p.writer),
)

/** Makes the caller the writer after `writer`. False: somebody else is already. */
export async function claimStaging(trx: Queries, input: Held): Promise<boolean> {
  return (await claim.run(trx, input)) > 0
}

const record = prepared((db, p: Params<Held>) =>
  db
    .updateTable('stagings')
    .set({ size_bytes: p.sizeBytes, state: p.state })
    .where('store_id', '=', p.storeId)
    .where('location', '=', p.location)
    .where('writer', '=', p.writer),
)

/** False: another writer has taken over. */
export async function recordStaging(trx: Queries, input: Held): Promise<boolean> {
  return (await record.run(trx, input)) > 0
}

const reserve = prepared(
  (db, p: Params<StagingKey & { readonly writer: number; readonly count: number }>) =>
    db
      .updateTable('stagings')
      .set((eb) => ({ next_number: eb('next_number', '+', p.count) }))
      .where('store_id', '=', p.storeId)
      .where('location', '=', p.location)
      .where('writer', '=', p.writer)
      .returning('next_number as next'),
)

/** The first of `count` numbers that nobody else gets. Undefined: another writer has taken over. */
export async function reserveParts(
  trx: Queries,
  input: StagingKey & { readonly writer: number; readonly count: number },
): Promise<number | undefined> {
  const row = await reserve.find(trx, input)
  return row && row.next - input.count
}

const remove = prepared((db, p: Params<StagingKey>) =>
  db.deleteFrom('stagings').where('store_id', '=', p.storeId).where('location', '=', p.location),
)

export async function deleteStaging(trx: Queries, key: StagingKey): Promise<void> {
  await remove.run(trx, key)
}

/** Which of the locations are staged. */
export async function listStaged(
  db: Queries,
  input: { readonly storeId: number; readonly locations: readonly string[] },
): Promise<string[]> {
  const [location, ...others] = input.locations
  if (location === undefined) return []
  if (others.length === 0) {
    const key = { storeId: input.storeId, location }
    return (await one.find(db, key)) === undefined ? [] : [location]
  }
  const rows = await db
    .selectFrom('stagings')
    .select('location')
    .where('store_id', '=', input.storeId)
    .where('location', 'in', input.locations)
    .execute()
  return rows.map((row) => row.location)
}

/** Staged locations after `after`. */
export async function listStagings(
  db: Queries,
  page: { readonly storeId: number; readonly after: string; readonly limit: number },
): Promise<{ location: string; sizeBytes: number }[]> {
  return db
    .selectFrom('stagings')
    .select(['location', 'size_bytes as sizeBytes'])
    .where('store_id', '=', page.storeId)
    .where('location', '>', page.after)
    .orderBy('location')
    .limit(page.limit)
    .execute()
}
