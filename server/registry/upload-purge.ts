import { isLocationNamed } from '../db/blobs.ts'
import type { Db } from '../db/database.ts'
import {
  deletePurgedUploads,
  listPurgingUploads,
  type PurgedUpload,
  purgeIdle,
} from '../db/upload-purge.ts'
import type { HashCache } from './running-hash.ts'
import type { Stores } from './stores.ts'

export interface PurgeTotal {
  readonly uploads: number
  readonly bytes: number
}

/** Absent: everywhere. */
export interface PurgeScope {
  readonly feedId?: number
  readonly repositoryId?: number
}

export interface PurgeDeps {
  readonly db: Db
  /** Removes the bytes, then the rows. */
  readonly remove: (uploads: readonly PurgedUpload[]) => Promise<void>
}

const batchSize = 100

/** Ends idle uploads in short batches; first what an earlier run left half done. */
export async function purgeIdleUploads(
  { db, remove }: PurgeDeps,
  idleMs: number,
  within: PurgeScope = {},
): Promise<PurgeTotal> {
  let uploads = 0
  let bytes = 0
  const take = async (batch: readonly PurgedUpload[]) => {
    await remove(batch)
    uploads += batch.length
    bytes += batch.reduce((sum, upload) => sum + upload.offsetBytes, 0)
    return batch.length === batchSize
  }
  while (await take(await listPurgingUploads(db.read, batchSize)));
  const pick = { idleMs, limit: batchSize, ...within }
  while (await take(await db.write(purgeIdle, pick)));
  return { uploads, bytes }
}

/** Removes the bytes of purged uploads that nobody in this process writes to, then their rows. */
export async function removePurged(
  { db, stores, hashes }: { readonly db: Db; readonly stores: Stores; readonly hashes: HashCache },
  uploads: readonly PurgedUpload[],
): Promise<void> {
  if (uploads.length === 0) return
  for (const { id, storeId, location } of uploads) {
    hashes.forget(id)
    if (await isLocationNamed(db.read, storeId, location)) continue
    await stores.get(storeId).abort(location)
  }
  await db.write(deletePurgedUploads, { ids: uploads.map(({ id }) => id) })
}
