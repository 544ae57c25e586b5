import type { CheckedBlob } from '../../db/blob-checks.ts'
import type { CopiedDatabase } from '../../db/copied-database.ts'
import type { Digest } from '../../domain/digest.ts'
import { RegistryError } from '../../domain/errors.ts'
import type { CleanupReport } from '../cleanup-report.ts'
import { eachBlob, imagesOf, type VisitedBlob } from './each-blob.ts'
import { isBackup } from './opening.ts'
import type { RestoredStores } from './restored-stores.ts'
import type { MissingBlob } from './snapshots.ts'
import type { BackupTarget } from './target.ts'
import { pour, type Reason } from './verified-copy.ts'

interface BlobRestoreDeps {
  readonly target: BackupTarget
  readonly copy: CopiedDatabase
  readonly stores: RestoredStores
  readonly report: CleanupReport
}

interface Restored {
  readonly blobs: number
  readonly bytes: number
  readonly missing: readonly MissingBlob[]
}

/** Puts every blob of the database where it says that it is; those already there are passed over. */
export async function restoreBlobs(deps: BlobRestoreDeps): Promise<Restored> {
  const { copy, target, report } = deps
  const total = { blobs: 0, bytes: 0, missing: [] as MissingBlob[] }
  await eachBlob({ copy, target, signal: report.signal }, async (visited) => {
    const { blob } = visited
    const reason = await restoreBlob(deps, visited)
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
async function restoreBlob(
  deps: BlobRestoreDeps,
  { blob, digest, thereBytes }: VisitedBlob,
): Promise<string | undefined> {
  const { stores, report } = deps
  const store = stores.get(blob.storeId)
  report.progress(`blob ${digest}`)
  // It got its name after it had been hashed.
  await using there = await store.open(blob.location)
  if (there?.sizeBytes === blob.sizeBytes) {
    report.count('alreadyThere', 1)
    return undefined
  }
  if (thereBytes === undefined) return 'it is not in the backup'
  if (thereBytes !== blob.sizeBytes) {
    return `the backup has ${thereBytes} bytes of it instead of ${blob.sizeBytes}`
  }
  await store.abort(blob.location)
  await store.startUpload(blob.location)
  const reason = await fill(deps, blob, digest)
  if (reason !== undefined || report.signal.aborted) {
    await store.abort(blob.location)
    if (reason?.isDamage === false) await requireTarget(deps)
    return reason?.text.replace(/^its bytes/, "the backup's bytes")
  }
  await store.finish(blob.location)
  report.count('copied', 1)
  report.count('bytesCopied', blob.sizeBytes)
  return undefined
}

async function fill(
  { stores, target, report }: BlobRestoreDeps,
  { storeId, location, sizeBytes }: CheckedBlob,
  digest: Digest,
): Promise<Reason | undefined> {
  const writer = await stores.get(storeId).openUpload(location, 0)
  if (writer === undefined) throw new Error('the bytes that were just begun are gone')
  try {
    const reason = await pour({
      ...{ digest, signal: report.signal },
      pieces: sizeBytes > 0 ? target.readBlob(digest, sizeBytes) : [],
      write: (piece) => writer.write(piece),
    })
    if (reason === undefined) await writer.syncBytes()
    return reason
  } finally {
    await writer[Symbol.asyncDispose]()
  }
}

/** While the backup cannot be reached, no blob is taken for lost: the restore can be gone on with. */
async function requireTarget({ target }: BlobRestoreDeps): Promise<void> {
  if (await isBackup(target)) return
  throw new RegistryError(
    'UNAVAILABLE',
    `The backup ${target.name} is gone: ${target.whyEmpty} The same command goes on with the restore.`,
  )
}
