import { randomUUID } from 'node:crypto'
import type { Db } from '../../db/database.ts'
import { commitUpload, insertUpload, type UploadRecord } from '../../db/uploads.ts'
import { algorithmOf, type Digest } from '../../domain/digest.ts'
import { isRefusal, RegistryError } from '../../domain/errors.ts'
import type { Pace } from '../backup/pace.ts'
import { digestOf, startHash } from '../running-hash.ts'
import type { Settings } from '../settings.ts'
import type { Stores } from '../stores.ts'
import type { Uploads, UploadTarget } from '../uploads.ts'

export interface LinkDeps {
  readonly db: Db
  readonly stores: Stores
  readonly settings: Settings
  readonly uploads: Pick<Uploads, 'cancel'>
  readonly pace: Pace
}

export interface Link {
  readonly target: UploadTarget
  readonly digest: Digest
  /** An absolute path. */
  readonly file: string
  readonly signal: AbortSignal
}

/**
 * Makes a file of somebody else's a blob of the repository without copying it: a second name for the
 * same bytes, which are hashed under that name. As with a push, the row is there before the file, and
 * the bytes are durable before the row counts: what a crash leaves is purged with idle uploads.
 * Returns why it cannot be; null: it is done. Throws DIGEST_INVALID for other bytes.
 */
export async function linkBlob(deps: LinkDeps, link: Link): Promise<string | null> {
  const { db, stores, uploads } = deps
  const { feed, repository, by } = link.target
  const store = stores.get(feed.storeId)
  const refusal = await store.whyNotLinked?.(link.file)
  if (store.link === undefined || refusal !== null) return refusal ?? 'the store takes no links.'
  const id = randomUUID()
  const upload = await db.write(insertUpload, {
    ...{ id, feedId: feed.id, repository, storeId: feed.storeId, location: id },
    ...{ algorithm: algorithmOf(link.digest), by },
  })
  let isKept = false
  try {
    await store.link(id, link.file)
    await commit(deps, link, upload)
    isKept = true
    return null
  } catch (error) {
    if (isRefusal(error, 'UNSUPPORTED')) return error.message
    throw error
  } finally {
    // Takes the second name away; the file itself stays.
    if (!isKept) await uploads.cancel(upload).catch(() => undefined)
  }
}

async function commit(deps: LinkDeps, { digest, signal }: Link, upload: UploadRecord) {
  const { db, stores, settings, pace } = deps
  const { id, epoch, repositoryId, storeId, location } = upload
  const reader = await stores.get(storeId).open(location)
  if (reader === undefined) throw new RegistryError('UNAVAILABLE', 'A linked file has vanished.')
  const { sizeBytes } = reader
  const running = startHash(algorithmOf(digest))
  try {
    for await (const piece of sizeBytes > 0 ? reader.read(0, sizeBytes - 1) : []) {
      signal.throwIfAborted()
      await pace.spend(piece.byteLength)
      running.hash.update(piece)
    }
  } catch (error) {
    // The file is the source's still: that it cannot be read is no trouble of the store.
    if (!isRefusal(error, 'UNAVAILABLE')) throw error
    throw new RegistryError('UPSTREAM_FAILED', 'Its file cannot be read.', { cause: error })
  } finally {
    await reader[Symbol.asyncDispose]()
  }
  if (digestOf(running) !== digest) {
    const message = `Its ${sizeBytes} bytes are damaged: they hash to ${digestOf(running)}.`
    throw new RegistryError('DIGEST_INVALID', message)
  }
  const graceMs = settings.graceMs()
  const row = { id, epoch, repositoryId, storeId, location, digest, sizeBytes, graceMs }
  if ((await db.write(commitUpload, row)) === 'committed') return
  throw new RegistryError('UNAVAILABLE', 'The upload was purged while its bytes were hashed.')
}
