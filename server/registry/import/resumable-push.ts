import type { Db } from '../../db/database.ts'
import { findRepository } from '../../db/repositories.ts'
import { findUploadBy } from '../../db/uploads.ts'
import { algorithmOf, type Digest } from '../../domain/digest.ts'
import { isRefusal } from '../../domain/errors.ts'
import type { RequestBody } from '../upload-session.ts'
import type { UploadKey, Uploads, UploadTarget } from '../uploads.ts'
import type { SourceBlob } from './source.ts'

export interface ResumableDeps {
  readonly db: Db
  readonly uploads: Uploads
}

export interface ResumablePush {
  readonly target: UploadTarget
  readonly digest: Digest
  readonly blob: SourceBlob
  readonly signal: AbortSignal
}

/** Smaller ones are there in less time than looking for a half takes. */
const smallBytes = 8 * 1024 * 1024

/**
 * Stores a blob as a push does. Of a large one that breaks off, what came stays, and the next run goes
 * on behind it: its upload is found by whom it says it is of.
 */
export async function pushResumably(deps: ResumableDeps, push: ResumablePush): Promise<void> {
  const { target, digest, blob } = push
  if (blob.sizeBytes < smallBytes) {
    return await deps.uploads.pushWhole(target, digest, bodyOf(push, 0))
  }
  const earlier = await findEarlier(deps, push)
  const isDone = earlier !== undefined && (await finish(deps, push, earlier))
  if (isDone) return
  const begun = await deps.uploads.start({ ...target, by: ownerOf(push) }, algorithmOf(digest))
  const { id: repositoryId } = await getRepository(deps, target)
  await send(deps, push, { id: begun.id, repositoryId, offsetBytes: 0 })
}

/** False: what was there is of no use, and gone. */
async function finish(
  deps: ResumableDeps,
  push: ResumablePush,
  earlier: UploadKey & { readonly offsetBytes: number },
): Promise<boolean> {
  try {
    await send(deps, push, earlier)
    return true
  } catch (error) {
    if (isRefusal(error, 'DIGEST_INVALID') || isRefusal(error, 'BLOB_UPLOAD_UNKNOWN')) return false
    throw error
  }
}

async function send(
  { uploads }: ResumableDeps,
  push: ResumablePush,
  upload: UploadKey & { readonly offsetBytes: number },
): Promise<void> {
  const nothing = { lengthBytes: 0, async *chunks() {} }
  try {
    if (upload.offsetBytes < push.blob.sizeBytes) {
      await uploads.append(upload, { body: bodyOf(push, upload.offsetBytes), range: null })
    }
    await uploads.commit(upload, push.digest, { body: nothing, range: null })
  } catch (error) {
    // Bytes that are wrong are no beginning of anything; those that do not fit would fill the disk.
    const isUseless = isRefusal(error, 'DIGEST_INVALID') || isRefusal(error, 'QUOTA_EXCEEDED')
    if (isUseless) await uploads.cancel(upload).catch(() => undefined)
    throw error
  }
}

/** Nobody else writes to this upload: who calls the run off is who stops it. */
function bodyOf({ blob, signal }: ResumablePush, start: number): RequestBody {
  return { lengthBytes: null, chunks: () => blob.chunks(start, signal) }
}

async function findEarlier({ db }: ResumableDeps, push: ResumablePush) {
  const { feed, repository } = push.target
  const row = await findRepository(db.read, feed.id, repository)
  return row && (await findUploadBy(db.read, { repositoryId: row.id, by: ownerOf(push) }))
}

async function getRepository({ db }: ResumableDeps, { feed, repository }: UploadTarget) {
  const row = await findRepository(db.read, feed.id, repository)
  if (row !== undefined) return row
  throw new Error('an upload without its repository')
}

function ownerOf({ target, digest }: ResumablePush): string {
  return `${target.by} (import of ${digest})`
}
