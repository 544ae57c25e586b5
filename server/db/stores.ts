import type { Actor } from '../domain/actor.ts'
import { RegistryError } from '../domain/errors.ts'
import type { Queries } from './database.ts'
import { insertEvent } from './events.ts'
import { lockFeed } from './feeds.ts'
import { noteFormerStore } from './former-stores.ts'
import { nowMs } from './sql.ts'
import type { StoreType } from './store-schema.ts'

export interface StoreRecord {
  readonly id: number
  readonly type: StoreType
  readonly settings: string
  /** The id found in the store when it was first opened. */
  readonly marker: string | null
  readonly options: string
  /** Encrypted. */
  readonly secret: string | null
  readonly version: number
}

const columns = ['id', 'type', 'settings', 'marker', 'options', 'secret', 'version'] as const

export async function listStores(db: Queries): Promise<StoreRecord[]> {
  return db.selectFrom('stores').select(columns).orderBy('id').execute()
}

/** The store with these settings, made if there is none: feeds that name the same place share it. */
export async function ensureStore(
  trx: Queries,
  input: { readonly type: StoreType; readonly settings: string },
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

export async function findStore(db: Queries, id: number): Promise<StoreRecord | undefined> {
  return db.selectFrom('stores').select(columns).where('id', '=', id).executeTakeFirst()
}

/**
 * Remembers which store it is, so that another one in its place is noticed; which it is for all
 * processes: the first one that says so decides.
 */
export async function claimStoreMarker(
  trx: Queries,
  input: { readonly id: number; readonly marker: string },
): Promise<string | null> {
  const { id, marker } = input
  await trx
    .updateTable('stores')
    .set({ marker })
    .where('id', '=', id)
    .where('marker', 'is', null)
    .execute()
  return (await findStore(trx, id))?.marker ?? null
}

export interface StoreChange extends Pick<StoreRecord, 'type' | 'settings' | 'options' | 'secret'> {
  /** Absent: it is known already. */
  readonly marker?: string
}

/**
 * The store of this place, as it is used from now on, by every feed that has it. One that is there
 * keeps its marker.
 */
export async function saveStore(trx: Queries, input: StoreChange): Promise<StoreRecord> {
  const { type, settings, options, secret, marker } = input
  const { id, marker: known } = await ensureStore(trx, { type, settings })
  return trx
    .updateTable('stores')
    .set((eb) => ({
      ...{ options, secret, version: eb('version', '+', 1) },
      ...(known === null && marker !== undefined && { marker }),
    }))
    .where('id', '=', id)
    .returning(columns)
    .executeTakeFirstOrThrow()
}

/**
 * The store has another place from now on, with the bytes that it had: locations and marker stay.
 * Throws CONFLICT where another store has that place.
 */
export async function placeStore(
  trx: Queries,
  input: Omit<StoreChange, 'marker'> & { readonly id: number },
): Promise<void> {
  const { id, type, settings, options, secret } = input
  const other = await trx
    .selectFrom('stores')
    .select('id')
    .where('type', '=', type)
    .where('settings', '=', settings)
    .where('id', '<>', id)
    .executeTakeFirst()
  if (other !== undefined) {
    throw new RegistryError('CONFLICT', `The store ${other.id} has that place: each has its own.`)
  }
  await trx
    .updateTable('stores')
    .set((eb) => ({ type, settings, options, secret, version: eb('version', '+', 1) }))
    .where('id', '=', id)
    .execute()
}

/**
 * What is pushed to the feed from now on goes to this store; there may be something in the former
 * one. Throws NAME_UNKNOWN.
 */
export async function setFeedStore(
  trx: Queries,
  input: { readonly feedId: number; readonly storeId: number; readonly by: Actor },
): Promise<void> {
  const { feedId, storeId, by } = input
  await lockFeed(trx, feedId)
  const { store_id: formerId } = await trx
    .selectFrom('feeds')
    .select('store_id')
    .where('id', '=', feedId)
    .executeTakeFirstOrThrow()
  if (formerId === storeId) return
  await trx.updateTable('feeds').set({ store_id: storeId }).where('id', '=', feedId).execute()
  await noteFormerStore(trx, { feedId, from: formerId, to: storeId })
  const { type } = await trx
    .selectFrom('stores')
    .select('type')
    .where('id', '=', storeId)
    .executeTakeFirstOrThrow()
  const { name, address } = by
  const detail = { storeId, type }
  await insertEvent(trx, { kind: 'feed.storage', by: name, address, feedId, detail })
}

/** Whether anything is known to be in it. */
export async function hasBlobs(db: Queries, storeId: number): Promise<boolean> {
  const query = db.selectFrom('blobs').select('digest').where('store_id', '=', storeId).limit(1)
  return (await query.executeTakeFirst()) !== undefined
}
