import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { systemCode, unlessMissing } from '../../blobs/file-errors.ts'
import type { CheckedBlob } from '../../db/blob-checks.ts'
import type { CopiedDatabase } from '../../db/copied-database.ts'
import { algorithmOf, type Digest, parseDigest } from '../../domain/digest.ts'
import type { CleanupReport } from '../cleanup-report.ts'
import { type BackupLayout, blobPath } from './backup-files.ts'
import { eachBlob, imagesOf } from './each-blob.ts'
import type { RestoredStores } from './restored-stores.ts'
import type { MissingBlob } from './snapshots.ts'

interface BlobRestoreDeps {
  readonly layout: BackupLayout
  readonly copy: CopiedDatabase
  readonly stores: RestoredStores
  readonly report: CleanupReport
}

const pieceBytes = 1024 * 1024

interface Restored {
  readonly blobs: number
  readonly bytes: number
  readonly missing: readonly MissingBlob[]
}

/** Puts every blob of the database where it says that it is; those already there are passed over. */
export async function restoreBlobs(deps: BlobRestoreDeps): Promise<Restored> {
  const { copy, report } = deps
  const total = { blobs: 0, bytes: 0, missing: [] as MissingBlob[] }
  await eachBlob(copy, report.signal, async (blob) => {
    const reason = await restoreBlob(deps, blob)
    if (report.signal.aborted) return
    if (reason === undefined) {
      total.blobs += 1
      total.bytes += blob.sizeBytes
    } else {
      total.missing.push(nameMissing(deps, blob, reason))
    }
  })
  return total
}

function nameMissing(
  { copy, report }: BlobRestoreDeps,
  blob: CheckedBlob,
  reason: string,
): MissingBlob {
  const { storeId, digest } = blob
  const { images, told } = imagesOf(copy, blob)
  report.fault(`The blob ${digest} could not be restored${told}`, new Error(reason))
  report.count('missing', 1)
  return { storeId, digest, reason, images }
}

/** Why it could not be restored; undefined: it is there. Throws when the data folder is at fault. */
async function restoreBlob(deps: BlobRestoreDeps, blob: CheckedBlob): Promise<string | undefined> {
  const { layout, stores, report } = deps
  const digest = parseDigest(blob.digest)
  const store = stores.get(blob.storeId)
  report.progress(`blob ${digest}`)
  // It got its name after it had been hashed.
  await using there = await store.open(blob.location)
  if (there?.sizeBytes === blob.sizeBytes) {
    report.count('alreadyThere', 1)
    return undefined
  }
  const { file } = blobPath(layout, digest)
  const found = await unlessMissing(stat(file))
  if (found === undefined) return 'it is not in the backup'
  if (found.size !== blob.sizeBytes) {
    return `the backup has ${found.size} bytes of it instead of ${blob.sizeBytes}`
  }
  await store.abort(blob.location)
  await store.startUpload(blob.location)
  const reason = await fill(deps, { file, digest, blob })
  if (reason !== undefined || report.signal.aborted) {
    await store.abort(blob.location)
    return reason
  }
  await store.finish(blob.location)
  report.count('copied', 1)
  report.count('bytesCopied', blob.sizeBytes)
  return undefined
}

async function fill(
  { stores, report }: BlobRestoreDeps,
  of: { readonly file: string; readonly digest: Digest; readonly blob: CheckedBlob },
): Promise<string | undefined> {
  const { file, digest, blob } = of
  const algorithm = algorithmOf(digest)
  const hash = createHash(algorithm)
  const writer = await stores.get(blob.storeId).openUpload(blob.location, 0)
  if (writer === undefined) throw new Error('the bytes that were just begun are gone')
  try {
    for await (const piece of createReadStream(file, { highWaterMark: pieceBytes })) {
      hash.update(piece as Buffer)
      await writer.write(piece as Buffer)
      if (report.signal.aborted) return undefined
    }
    await writer.syncBytes()
  } catch (error) {
    // The store's own errors are refusals: this one is the backup's.
    if (systemCode(error) === undefined) throw error
    return `it could not be read: ${(error as Error).message}`
  } finally {
    await writer[Symbol.asyncDispose]()
  }
  const found = `${algorithm}:${hash.digest('hex')}`
  return found === digest ? undefined : `the backup's bytes are others, with the digest ${found}`
}
