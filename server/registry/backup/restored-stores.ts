import path from 'node:path'
import type { BlobStore } from '../../blobs/blob-store.ts'
import { openFileStore } from '../../blobs/file-store.ts'
import type { CopiedStore, RestoredStore } from '../../db/copied-database.ts'
import { RegistryError } from '../../domain/errors.ts'

/** The stores of a restored server, each a folder below its data folder. */
export interface RestoredStores extends AsyncDisposable {
  get(storeId: number): BlobStore
  readonly places: readonly RestoredStore[]
}

/** Of every store in the database, wherever it was; those that are there are gone on with. */
export async function openRestoredStores(
  dataDir: string,
  stores: readonly CopiedStore[],
): Promise<RestoredStores> {
  const open = new Map<number, BlobStore>()
  const places: RestoredStore[] = []
  const close = async () => {
    for (const store of open.values()) await store[Symbol.asyncDispose]()
  }
  try {
    for (const { id, type, settings } of stores) {
      // It becomes a path.
      if (!Number.isInteger(id)) throw noStore(id)
      const isStandard = type === 'disk' && JSON.parse(settings).path === 'store'
      const place = isStandard ? 'store' : `stores/${id}`
      const store = await openFileStore({ root: path.join(dataDir, place), reserveBytes: 0 })
      open.set(id, store)
      places.push({ id, path: place, marker: store.id })
    }
  } catch (error) {
    await close()
    throw error
  }
  return {
    places,
    get(storeId) {
      const store = open.get(storeId)
      if (store === undefined) throw new Error(`the copy has no store ${storeId}`)
      return store
    },
    [Symbol.asyncDispose]: close,
  }
}

function noStore(id: unknown): RegistryError {
  return new RegistryError(
    'UNAVAILABLE',
    `The database of the snapshot has a store "${id}", which is no number: it was changed. Restore another snapshot (--snapshot).`,
  )
}
