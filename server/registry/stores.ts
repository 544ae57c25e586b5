import path from 'node:path'
import type { BlobStore } from '../blobs/blob-store.ts'
import type { Db } from '../db/database.ts'
import { ensureStore, listStores, type StoreRecord, setStoreMarker } from '../db/stores.ts'
import { RegistryError } from '../domain/errors.ts'

/** The open stores of this process, by their row. */
export interface Stores extends AsyncDisposable {
  get(storeId: number): BlobStore
  /** The store of the data folder: where feeds put their bytes unless told otherwise. */
  readonly defaultStoreId: number
  list(): readonly { readonly name: string; readonly store: BlobStore }[]
}

export interface StoresOptions {
  readonly db: Db
  readonly dataDir: string
  /**
   * Opens the folder as a store, taking its lock: one process serves a disk store. `expectedId` is
   * the id that it had before, null the first time.
   */
  readonly openDisk: (folder: string, expectedId: string | null) => Promise<OpenDisk>
}

export interface OpenDisk {
  readonly id: string
  readonly store: BlobStore
}

/** Opens every store there is. Throws UNAVAILABLE, naming the folder, when one cannot be opened. */
export async function openStores({ db, dataDir, openDisk }: StoresOptions): Promise<Stores> {
  const standard = await ensureDefaultStore(db)
  const open = new Map<number, { name: string; store: BlobStore }>()
  const close = async () => {
    for (const { store } of open.values()) await store[Symbol.asyncDispose]()
  }
  try {
    for (const record of await listStores(db.read)) {
      const folder = folderOf(record, dataDir)
      const { id, store } = await openDisk(folder, record.marker)
      open.set(record.id, { name: folder, store })
      if (record.marker === null) await db.write(setStoreMarker, { id: record.id, marker: id })
    }
  } catch (error) {
    await close()
    throw error
  }
  return {
    defaultStoreId: standard.id,
    get(storeId) {
      const found = open.get(storeId)
      if (found) return found.store
      throw new RegistryError('UNAVAILABLE', `The store ${storeId} is not open in this process.`)
    },
    list: () => [...open.values()],
    [Symbol.asyncDispose]: close,
  }
}

export async function ensureDefaultStore(db: Db): Promise<StoreRecord> {
  return db.write(ensureStore, { type: 'disk', settings: JSON.stringify({ path: 'store' }) })
}

function folderOf(record: StoreRecord, dataDir: string): string {
  const settings = JSON.parse(record.settings) as { path: string }
  return path.resolve(dataDir, settings.path)
}
