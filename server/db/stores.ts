import type { Queries } from './database.ts'
import { nowMs } from './sql.ts'

export interface StoreRecord {
  readonly id: number
  readonly type: 'disk'
  readonly settings: string
  /** The id found in the store when it was first opened. */
  readonly marker: string | null
}

const columns = ['id', 'type', 'settings', 'marker'] as const

export async function listStores(db: Queries): Promise<StoreRecord[]> {
  return db.selectFrom('stores').select(columns).orderBy('id').execute()
}

/** The store with these settings, made if there is none: feeds that name the same place share it. */
export async function ensureStore(
  trx: Queries,
  input: { readonly type: 'disk'; readonly settings: string },
): Promise<StoreRecord> {
  const { type, settings } = input
  await trx
    .insertInto('stores')
    .values({ type, settings, marker: null, created_at: nowMs })
    .onConflict((conflict) => conflict.columns(['type', 'settings']).doNothing())
    .execute()
  return trx
    .selectFrom('stores')
    .select(columns)
    .where('type', '=', type)
    .where('settings', '=', settings)
    .executeTakeFirstOrThrow()
}

/** Remembers which store it is, so that another one in its place is noticed. */
export async function setStoreMarker(
  trx: Queries,
  input: { readonly id: number; readonly marker: string },
): Promise<void> {
  await trx.updateTable('stores').set({ marker: input.marker }).where('id', '=', input.id).execute()
}
