import type { CheckedBlob } from '../../db/blob-checks.ts'
import { markDamaged } from '../../db/blobs.ts'
import type { CopiedDatabase } from '../../db/copied-database.ts'
import type { Db } from '../../db/database.ts'
import { eachBlob, imagesOf, type VisitedBlob } from './each-blob.ts'
import type { MissingBlob } from './snapshots.ts'
import { type CopyDeps, copyVerified, type Reason } from './verified-copy.ts'

export interface BlobCopyDeps extends CopyDeps {
  readonly db: Db
  readonly copy: CopiedDatabase
}

/**
 * Copies every blob of a copied database that the backup has not, hashing what it reads. What is
 * missing or hashes otherwise is marked damaged in the server's database and named; the rest is
 * copied all the same. Throws when the target cannot be written.
 */
export async function copyBlobs(deps: BlobCopyDeps): Promise<MissingBlob[]> {
  const { copy, target, report } = deps
  const missing: MissingBlob[] = []
  await eachBlob({ copy, target, signal: report.signal }, async (visited) => {
    const fault = await copyOne(deps, visited)
    if (fault !== undefined) missing.push(fault)
  })
  return missing
}

/** Why the backup has not got it; undefined: it has. */
async function copyOne(
  deps: BlobCopyDeps,
  { blob, digest, thereBytes }: VisitedBlob,
): Promise<MissingBlob | undefined> {
  const { report } = deps
  if (thereBytes === blob.sizeBytes) {
    report.count('alreadyThere', 1)
    return undefined
  }
  report.progress(`blob ${digest}`)
  const reason = await copyVerified(deps, blob, digest)
  return reason && (await nameMissing(deps, blob, reason))
}

async function nameMissing(
  { db, copy, report }: BlobCopyDeps,
  blob: CheckedBlob,
  { text, isDamage }: Reason,
): Promise<MissingBlob | undefined> {
  // Called off in the middle: the run says so.
  if (report.signal.aborted) return undefined
  const { storeId, digest, location } = blob
  const { images, told } = imagesOf(copy, blob)
  // The next push of the image mends it, unless it has been mended since the copy was made.
  if (isDamage) await db.write(markDamaged, { storeId, location })
  report.fault(`The blob ${digest} is not in the backup${told}`, new Error(text))
  report.count('missing', 1)
  return { storeId, digest, reason: text, images }
}
