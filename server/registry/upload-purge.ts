import type { Db } from '../db/database.ts'
import { listPurgingUploads, type PurgedUpload, purgeIdle } from '../db/upload-purge.ts'

export interface PurgeTotal {
  readonly uploads: number
  readonly bytes: number
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
  feedId?: number,
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
  const pick = { idleMs, limit: batchSize, ...(feedId !== undefined && { feedId }) }
  while (await take(await db.write(purgeIdle, pick)));
  return { uploads, bytes }
}
