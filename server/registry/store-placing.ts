import { verifyCloud } from '../blobs/cloud.ts'
import type { Db } from '../db/database.ts'
import { findStore, placeStore, type StoreRecord } from '../db/stores.ts'
import { isRefusal, RegistryError } from '../domain/errors.ts'
import { cloudPlaceOf, getStoreKind, type Properties, parseProperties } from './store-properties.ts'
import { partsOf, storeChangeOf } from './store-rows.ts'
import type { Secrets } from './stores.ts'

/** As the API takes a store. */
export interface GivenStore {
  readonly id: string
  readonly properties: Readonly<Record<string, unknown>>
}

/**
 * Says where a store in the cloud is now: its bytes were copied there, marker and all. Nothing is
 * copied, and the former place is not touched any more. Options and secrets that are left out stay,
 * and those that are null go, unless it is of another kind. Throws NOT_FOUND, INVALID_FIELDS,
 * CONFLICT, and UNAVAILABLE unless the store's own marker is at the new place.
 */
export async function moveStoreTo(
  deps: { readonly db: Db; readonly secrets: Secrets },
  storeId: number,
  given: GivenStore,
): Promise<void> {
  const { db, secrets } = deps
  const record = await findStore(db.read, storeId)
  if (record === undefined) {
    throw new RegistryError('NOT_FOUND', `There is no store ${storeId}.`)
  }
  const kind = getStoreKind(given.id)
  if (record.type === 'disk' || kind.id === 'disk' || record.marker === null) {
    throw new RegistryError(
      'CONFLICT',
      `The store ${storeId} cannot be said to be elsewhere: only one in a bucket or container that was used can. Bring folders back to where they were.`,
    )
  }
  const isSameKind = kind.id === record.type
  const properties = isSameKind ? withOptionsOf(record, given.properties) : given.properties
  const parts = parseProperties(kind, properties, isSameKind ? secretsOf(record, secrets) : {})
  await verifyCloud(cloudPlaceOf(parts), record.marker)
  await db.write(placeStore, { ...storeChangeOf(parts, secrets), id: storeId })
}

/** Whatever the case of the names is. */
function withOptionsOf(record: StoreRecord, given: GivenStore['properties']) {
  const names = new Set(Object.keys(given).map((name) => name.toLowerCase()))
  const options = Object.entries(JSON.parse(record.options) as Properties)
  return {
    ...Object.fromEntries(options.filter(([name]) => !names.has(name.toLowerCase()))),
    ...given,
  }
}

/** None where another secret key encrypted them: then they have to be given. */
function secretsOf(record: StoreRecord, secrets: Secrets): Properties {
  try {
    return partsOf(record, secrets).secrets
  } catch (error) {
    if (isRefusal(error, 'INTERNAL')) return {}
    throw error
  }
}
