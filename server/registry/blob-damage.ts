import { type BlobImage, type CheckedBlob, listBlobImages } from '../db/blob-checks.ts'
import { markDamaged } from '../db/blobs.ts'
import type { Db } from '../db/database.ts'
import type { CleanupReport } from './cleanup-report.ts'

const mostUses = 100

/**
 * Marks a blob damaged, so that HEAD says 404 and the next push mends it, and names the images that
 * it hurts. Does nothing when it was mended meanwhile.
 */
export async function reportDamage(
  { db, report }: { readonly db: Db; readonly report: CleanupReport },
  blob: CheckedBlob,
  reason: string,
): Promise<void> {
  const marked = await db.write(markDamaged, { storeId: blob.storeId, location: blob.location })
  if (!marked && blob.state === 'live') return
  const { storeId, digest } = blob
  const uses = await listBlobImages(db.read, { storeId, digest, limit: mostUses + 1 })
  const damage = `The blob ${digest} is damaged; push its image again to mend it`
  report.fault(damage, new Error(reason))
  report.count('damaged', 1)
  for (const use of uses.slice(0, mostUses)) report.info(`Damaged image: ${formatUse(use)}`)
  if (uses.length > mostUses) report.info(`Damaged images: more than these ${mostUses}`)
}

function formatUse({ feed, repository, tag, digest }: BlobImage): string {
  const name = `${feed.toLowerCase()}/${repository}`
  return tag === null ? `${name}@${digest}` : `${name}:${tag} (${digest})`
}
