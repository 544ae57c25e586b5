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

export interface Purge extends PurgeScope {
  readonly report?: PurgeReport
}

/** Told of each upload; without it, what goes wrong with one is thrown. */
export interface PurgeReport {
  readonly signal: AbortSignal
  purged(upload: PurgedUpload): void
  failed(upload: PurgedUpload, error: unknown): void
}

export interface PurgeDeps {
  readonly db: Db
  /** Removes the bytes, then the rows. */
  readonly remove: (uploads: readonly PurgedUpload[]) => Promise<void>
}

const batchSize = 100
const removalsAtOnce = 8

/** Ends idle uploads in short batches; first what an earlier run left half done, of all feeds. */
export async function purgeIdleUploads(
  deps: PurgeDeps,
  idleMs: number,
  { report, ...within }: Purge,
): Promise<PurgeTotal> {
  const { db } = deps
  const isStopped = () => report?.signal.aborted === true
  let uploads = 0
  let bytes = 0
  const take = async (batch: readonly PurgedUpload[]) => {
    for (let at = 0; at < batch.length; at += removalsAtOnce) {
      const some = batch.slice(at, at + removalsAtOnce)
      const gone = await Promise.all(some.map((upload) => removeOne({ ...deps, report }, upload)))
      uploads += gone.filter((each) => each !== null).length
      bytes += gone.reduce<number>((sum, each) => sum + (each ?? 0), 0)
    }
    return batch.length === batchSize && !isStopped()
  }
  let after = ''
  const nextPurging = async () => {
    const batch = await listPurgingUploads(db.read, { limit: batchSize, after })
    after = batch.at(-1)?.id ?? after
    return batch
  }
  while (await take(await nextPurging()));
  const pick = { idleMs, limit: batchSize, ...within }
  while (!isStopped() && (await take(await db.write(purgeIdle, pick))));
  return { uploads, bytes }
}

/** Its bytes; null when it could not be removed, which is left for the next time. */
async function removeOne(
  { remove, report }: PurgeDeps & { readonly report: PurgeReport | undefined },
  upload: PurgedUpload,
) {
  try {
    await remove([upload])
    report?.purged(upload)
    return upload.offsetBytes
  } catch (error) {
    if (!report) throw error
    report.failed(upload, error)
    return null
  }
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
