import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { CloudPlace } from '../blobs/cloud.ts'
import type { ClaimMarker } from '../blobs/cloud-marker.ts'
import type { Config } from '../config.ts'
import type { Db } from '../db/database.ts'
import { ensureStore, hasBlobs, listStores, type StoreRecord, saveStore } from '../db/stores.ts'
import { RegistryError } from '../domain/errors.ts'
import { cloudPlaceOf, getStoreKind, parseProperties, type StoreParts } from './store-properties.ts'
import { partsOf, settingsOf, storeChangeOf } from './store-rows.ts'
import type { Secrets } from './stores.ts'

/** The setting `default-store`. */
export type DefaultStore = Config['defaultStore']

/** The folder `store` in the data folder: what new registries get where nothing is configured. */
export function ensureFolder(db: Db): Promise<StoreRecord> {
  return db.write(ensureStore, { type: 'disk', settings: JSON.stringify({ path: 'store' }) })
}

/** Undefined: none is configured, or no server has started with it yet. Throws REQUEST_INVALID. */
export async function findDefaultStore(
  db: Db,
  configured: DefaultStore,
): Promise<StoreRecord | undefined> {
  return configured === null ? undefined : findRecord(db, parseDefaultStore(configured))
}

/** Where a new registry keeps its images. Throws UNAVAILABLE where no server has defined it yet. */
export async function getDefaultStoreId(db: Db, configured: DefaultStore): Promise<number> {
  if (configured === null) return (await ensureFolder(db)).id
  const record = await findDefaultStore(db, configured)
  if (record?.marker != null) return record.id
  throw new RegistryError(
    'UNAVAILABLE',
    'The store of the setting default-store is not there yet: a server that starts with it makes it.',
  )
}

/**
 * Makes the configured place a store, or speaks to the one that it is as it is configured now. Of
 * processes that start together each may come first. Throws REQUEST_INVALID, CONFLICT where there are
 * blobs of another server, UNAVAILABLE.
 */
export async function defineDefaultStore(
  deps: {
    readonly db: Db
    readonly secrets: Secrets
    readonly createCloud: (place: CloudPlace, claim: ClaimMarker) => Promise<string>
    readonly verifyCloud: (place: CloudPlace, id: string) => Promise<void>
  },
  configured: DefaultStore,
): Promise<void> {
  if (configured === null) return
  const { db, secrets, createCloud } = deps
  const parts = parseDefaultStore(configured)
  const change = storeChangeOf(parts, secrets)
  const known = await findRecord(db, parts)
  // Once something is in it, a marker that is missing is no reason to make another one.
  if (known?.marker != null && (await hasBlobs(db.read, known.id))) {
    if (isDeepStrictEqual(partsOf(known, secrets), parts)) return
    // Every process takes what is saved: it has to work.
    await deps.verifyCloud(cloudPlaceOf(parts), known.marker)
    await db.write(saveStore, change)
    return
  }
  await createCloud(cloudPlaceOf(parts), async (found) => {
    if (found !== undefined && found !== (await findRecord(db, parts))?.marker) throw unknownStore()
    // The first one that says so decides.
    return (await db.write(saveStore, { ...change, marker: found ?? randomUUID() })).marker
  })
}

function unknownStore(): RegistryError {
  return new RegistryError(
    'CONFLICT',
    'default-store names a place that holds the blobs of another Entrepot, or of this one before its database was restored: clean-up would remove what is pushed there. Give it a prefix of its own (TargetPath), or take the setting out; after a restore the images are in the data folder.',
  )
}

function parseDefaultStore(configured: NonNullable<DefaultStore>): StoreParts {
  try {
    const kind = getStoreKind(configured.id)
    if (kind.id !== 'disk') return parseProperties(kind, configured.properties)
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    throw new RegistryError('REQUEST_INVALID', `default-store: ${error.message}`, { cause: error })
  }
  throw new RegistryError('REQUEST_INVALID', 'default-store: is a store in the cloud, s3 or azure.')
}

async function findRecord(db: Db, parts: StoreParts): Promise<StoreRecord | undefined> {
  const settings = settingsOf(parts)
  const all = await listStores(db.read)
  return all.find((each) => each.type === parts.type && each.settings === settings)
}
