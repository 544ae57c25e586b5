import type { BlobReader, BlobStore } from '../../blobs/blob-store.ts'
import { systemCode } from '../../blobs/file-errors.ts'
import type { BlobImage, CheckedBlob } from '../../db/blob-checks.ts'
import { markDamaged } from '../../db/blobs.ts'
import type { BlobCursor, CopiedDatabase } from '../../db/copied-database.ts'
import type { Db } from '../../db/database.ts'
import { type Digest, parseDigest } from '../../domain/digest.ts'
import { RegistryError } from '../../domain/errors.ts'
import type { CleanupReport } from '../cleanup-report.ts'
import { atBackup, type BackupLayout, BlobDraft, blobPath } from './backup-files.ts'
import { hasBlob } from './backup-folder.ts'
import type { Pace } from './pace.ts'
import type { MissingBlob } from './snapshots.ts'

export interface BlobCopyDeps {
  readonly db: Db
  readonly stores: { get(storeId: number): BlobStore }
  readonly layout: BackupLayout
  readonly copy: CopiedDatabase
  readonly pace: Pace
  readonly report: CleanupReport
}

const blobsAtOnce = 500
const copiesAtOnce = 4
const mostImages = 100

/**
 * Copies every blob of a copied database that the backup has not, hashing what it reads. What is
 * missing or hashes otherwise is marked damaged in the server's database and named; the rest is
 * copied all the same. Throws when the backup's folder cannot be written.
 */
export async function copyBlobs(deps: BlobCopyDeps): Promise<MissingBlob[]> {
  const { copy, report } = deps
  const missing: MissingBlob[] = []
  let after: BlobCursor | null = null
  while (!report.signal.aborted) {
    const page: CheckedBlob[] = copy.listBlobs(after, blobsAtOnce)
    const queue = page.values()
    const workers = Array.from({ length: copiesAtOnce }, async () => {
      for (const blob of queue) {
        if (report.signal.aborted) return
        const fault = await copyOne(deps, blob)
        if (fault !== undefined) missing.push(fault)
      }
    })
    // None goes on behind the back of one that failed.
    const failed = (await Promise.allSettled(workers)).find(({ status }) => status === 'rejected')
    if (failed?.status === 'rejected') throw failed.reason
    after = page.at(-1) ?? null
    if (page.length < blobsAtOnce) break
  }
  return missing
}

/** Why the backup has not got it; undefined: it has. */
async function copyOne(deps: BlobCopyDeps, blob: CheckedBlob): Promise<MissingBlob | undefined> {
  const { layout, report } = deps
  const digest = parseDigest(blob.digest)
  if (await atBackup(layout.root, () => hasBlob(layout, digest, blob.sizeBytes))) {
    report.count('alreadyThere', 1)
    return undefined
  }
  report.progress(`blob ${digest}`)
  const reason = await copyBytes(deps, blob, digest)
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
  const images = copy.listImages(blob, mostImages).map(formatImage)
  // The next push of the image mends it, unless it has been mended since the copy was made.
  if (isDamage) await db.write(markDamaged, { storeId, location })
  report.fault(
    `The blob ${digest} is not in the backup${images.length > 0 ? ` (${images.join(', ')})` : ''}`,
    new Error(text),
  )
  report.count('missing', 1)
  return { storeId, digest, reason: text, images }
}

export function formatImage({ feed, repository, digest, tag }: BlobImage): string {
  const name = `${feed.toLowerCase()}/${repository}`
  return tag === null ? `${name}@${digest}` : `${name}:${tag}`
}

interface Reason {
  readonly text: string
  /** Its bytes are to blame, not the way to them. */
  readonly isDamage: boolean
}

async function copyBytes(
  deps: BlobCopyDeps,
  blob: CheckedBlob,
  digest: Digest,
): Promise<Reason | undefined> {
  const { stores, layout } = deps
  const opened = await openBytes(stores, blob)
  if ('text' in opened) return opened
  await using reader = opened
  const draft = await atBackup(layout.root, () => BlobDraft.begin(layout, digest))
  let kept = false
  try {
    const reason = await fillDraft(deps, reader, draft)
    if (reason !== undefined) return reason
    const found = draft.digest()
    if (found !== digest) {
      return { text: `its bytes are others, with the digest ${found}`, isDamage: true }
    }
    await atBackup(layout.root, () => draft.keep(blobPath(layout, digest)))
    kept = true
    deps.report.count('copied', 1)
    deps.report.count('bytesCopied', draft.sizeBytes)
    return undefined
  } finally {
    if (!kept) await draft.drop()
  }
}

async function openBytes(
  stores: BlobCopyDeps['stores'],
  { storeId, location, sizeBytes }: CheckedBlob,
): Promise<BlobReader | Reason> {
  try {
    const reader = await stores.get(storeId).open(location)
    if (reader === undefined) return { text: 'its bytes are missing', isDamage: true }
    if (reader.sizeBytes === sizeBytes) return reader
    await reader[Symbol.asyncDispose]()
    const text = `it has ${reader.sizeBytes} bytes instead of ${sizeBytes}`
    return { text, isDamage: true }
  } catch (error) {
    return unreadable(error)
  }
}

/** Undefined: all of it came. What goes wrong in the backup's folder is thrown. */
async function fillDraft(
  { layout, pace, report }: BlobCopyDeps,
  reader: BlobReader,
  draft: BlobDraft,
): Promise<Reason | undefined> {
  const pieces = reader.read(0, reader.sizeBytes - 1)[Symbol.asyncIterator]()
  try {
    while (reader.sizeBytes > 0 && !report.signal.aborted) {
      const next = await pieces.next().catch(unreadable)
      if ('text' in next) return next
      if (next.done === true) return undefined
      await atBackup(layout.root, () => draft.write(next.value))
      await pace.spend(next.value.byteLength)
    }
    return report.signal.aborted ? { text: 'called off', isDamage: false } : undefined
  } finally {
    await pieces.return?.()
  }
}

/** What the store said; a mistake of ours is thrown. */
function unreadable(error: unknown): Reason {
  const isTold = error instanceof RegistryError || systemCode(error) !== undefined
  if (!isTold) throw error
  return { text: `it could not be read: ${(error as Error).message}`, isDamage: false }
}
