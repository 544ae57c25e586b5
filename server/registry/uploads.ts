import { randomUUID } from 'node:crypto'
import type { Db } from '../db/database.ts'
import { promiseBlob } from '../db/links.ts'
import { type PurgedUpload, purgeUpload } from '../db/upload-purge.ts'
import {
  commitUpload,
  findUpload,
  forkUpload,
  insertUpload,
  type UploadRecord,
} from '../db/uploads.ts'
import { algorithmOf, type Digest, type DigestAlgorithm } from '../domain/digest.ts'
import { isRefusal, RegistryError } from '../domain/errors.ts'
import type { RepositoryName } from '../domain/reference.ts'
import type { Feed } from './feeds.ts'
import { FreshUploads } from './fresh-uploads.ts'
import { mayBeWhole, RestOrWhole, startTwice } from './rest-or-whole.ts'
import { HashCache } from './running-hash.ts'
import type { Settings } from './settings.ts'
import type { Stores } from './stores.ts'
import { type Chunk, digestError, receiveChunk, refuseOutOfOrder } from './upload-chunk.ts'
import { type Purge, type PurgeTotal, purgeIdleUploads, removePurged } from './upload-purge.ts'
import { type Opening, type RequestBody, UploadSession } from './upload-session.ts'
import { overtakenError, UploadTurns } from './upload-turns.ts'

/** An upload, in the repository that its address names. */
export interface UploadKey {
  readonly id: string
  readonly repositoryId: number
}

export interface UploadTarget {
  readonly feed: Feed
  readonly repository: RepositoryName
  readonly by: string
}

export interface UploadStatus {
  readonly id: string
  readonly offsetBytes: number
}

export interface UploadsDeps {
  readonly db: Db
  readonly stores: Stores
  readonly settings: Settings
  readonly checkpointMs?: number
}

/** Blob uploads in progress (OCI distribution-spec, "Pushing blobs"). */
export class Uploads implements AsyncDisposable {
  readonly #deps: Required<UploadsDeps>
  readonly #hashes = new HashCache()
  readonly #fresh = new FreshUploads()
  readonly #turns = new UploadTurns()

  constructor(deps: UploadsDeps) {
    this.#deps = { checkpointMs: 15_000, ...deps }
  }

  /** Requests that are writing to an upload now. */
  get activeCount(): number {
    return this.#turns.size
  }

  async start(target: UploadTarget, algorithm: DigestAlgorithm = 'sha256'): Promise<UploadStatus> {
    const upload = await this.#start(target, algorithm)
    this.#fresh.keep(upload)
    return { id: upload.id, offsetBytes: 0 }
  }

  /** One POST with the whole blob: start and commit. Nothing is left behind when it fails. */
  async pushWhole(target: UploadTarget, digest: Digest, body: RequestBody): Promise<void> {
    const upload = await this.#start(target, algorithmOf(digest))
    try {
      await this.#turns.take(upload.id, upload.epoch, (signal) =>
        this.#commit(upload, digest, { chunk: { body, range: null }, signal }),
      )
    } catch (error) {
      // The client does not know the upload's address: nobody could go on with it.
      await this.cancel(upload).catch(() => {})
      throw error
    }
  }

  async status(key: UploadKey): Promise<UploadStatus> {
    const upload = await findUpload(this.#deps.db.read, key)
    if (!upload) throw new RegistryError('BLOB_UPLOAD_UNKNOWN')
    return upload
  }

  /** Takes the next chunk; when this resolves its bytes are durable and vouched for. */
  async append(key: UploadKey, chunk: Chunk): Promise<UploadStatus> {
    await this.#refuseOutOfOrder(key, chunk)
    const upload = await this.#fresh.claim(this.#deps.db, key)
    if (!upload) throw new RegistryError('BLOB_UPLOAD_UNKNOWN')
    return this.#turns.take(upload.id, upload.epoch, async (signal) => {
      await using session = await this.#open(upload, {
        algorithm: upload.algorithm,
        isComplete: false,
        signal,
      })
      await receiveChunk(session, upload, { chunk, signal })
      await session.checkpoint()
      return { id: upload.id, offsetBytes: session.offsetBytes }
    })
  }

  /**
   * Takes the last chunk, if any, and makes the upload a blob of its repository. Idempotent: an
   * upload that is gone is success when the repository has the blob. Throws DIGEST_INVALID when
   * the bytes hash otherwise; then the upload is as it was before this request.
   */
  async commit(key: UploadKey, digest: Digest, chunk: Chunk): Promise<void> {
    await this.#refuseOutOfOrder(key, chunk)
    const upload = await this.#fresh.claim(this.#deps.db, key)
    if (!upload) return this.#acceptCommitted(key, digest)
    try {
      await this.#turns.take(upload.id, upload.epoch, (signal) =>
        this.#commit(upload, digest, { chunk, signal }),
      )
    } catch (error) {
      const ended =
        isRefusal(error, 'BLOB_UPLOAD_INVALID') || isRefusal(error, 'BLOB_UPLOAD_UNKNOWN')
      if (!ended || (await findUpload(this.#deps.db.read, key))) throw error
      await this.#acceptCommitted(key, digest)
    }
  }

  /** Ends the upload and removes its bytes. Throws BLOB_UPLOAD_UNKNOWN when there is none. */
  async cancel(key: UploadKey): Promise<void> {
    const purged = await this.#deps.db.write(purgeUpload, {
      id: key.id,
      repositoryId: key.repositoryId,
    })
    if (!purged) throw new RegistryError('BLOB_UPLOAD_UNKNOWN')
    await this.#remove([purged])
  }

  /**
   * Ends uploads without progress for this long, of one feed or of all, and finishes what earlier
   * runs left. Returns how many uploads and how many of their bytes went.
   */
  async purgeIdle(idleMs: number, purge: Purge = {}): Promise<PurgeTotal> {
    const remove = (uploads: readonly PurgedUpload[]) => this.#remove(uploads)
    return purgeIdleUploads({ db: this.#deps.db, remove }, idleMs, purge)
  }

  async [Symbol.asyncDispose]() {
    await this.#turns.stopAll()
  }

  async #start(target: UploadTarget, algorithm: DigestAlgorithm): Promise<UploadRecord> {
    const id = randomUUID()
    const { feed, repository, by } = target
    const store = this.#deps.stores.get(feed.storeId)
    const upload = await this.#deps.db.write(insertUpload, {
      id,
      feedId: feed.id,
      repository,
      storeId: feed.storeId,
      location: id,
      algorithm,
      by,
    })
    try {
      await store.startUpload(upload.location)
    } catch (error) {
      await this.cancel(upload).catch(() => {})
      throw error
    }
    return upload
  }

  /** Before the upload is claimed: who is out of order does not disturb the one who writes. */
  async #refuseOutOfOrder(key: UploadKey, chunk: Chunk) {
    if (chunk.range === null) return
    const upload = await findUpload(this.#deps.db.read, key)
    if (upload) refuseOutOfOrder(upload, chunk.range)
  }

  /**
   * Only for the upload's one writer. Claims may be answered in another order than they were made
   * in: who is late must not touch bytes that a newer claim has written and vouched for.
   */
  async #open(upload: UploadRecord, opening: Opening): Promise<UploadSession> {
    const { db, stores, settings, checkpointMs } = this.#deps
    const now = await findUpload(db.read, upload)
    if (!now) throw new RegistryError('BLOB_UPLOAD_UNKNOWN')
    if (now.epoch !== upload.epoch) throw overtakenError()
    const deps = {
      db,
      store: stores.get(upload.storeId),
      hashes: this.#hashes,
      graceMs: settings.graceMs(),
      checkpointMs,
    }
    return UploadSession.open(deps, upload, opening)
  }

  async #commit(
    upload: UploadRecord,
    digest: Digest,
    { chunk, signal }: { readonly chunk: Chunk; readonly signal: AbortSignal },
  ): Promise<void> {
    const { db, stores, settings } = this.#deps
    const store = stores.get(upload.storeId)
    const { sizeBytes, isMisplaced } = await this.#verify(upload, digest, { chunk, signal })
    await chunk.body.permit?.()
    if (isMisplaced) return this.#commitTwice(upload, digest, { sizeBytes, signal })
    const finished = await store.finish(upload.location)
    if (finished?.sizeBytes !== sizeBytes) throw new RegistryError('BLOB_UPLOAD_UNKNOWN')
    const outcome = await db.write(commitUpload, {
      id: upload.id,
      epoch: upload.epoch,
      repositoryId: upload.repositoryId,
      storeId: upload.storeId,
      location: upload.location,
      digest,
      sizeBytes,
      graceMs: settings.graceMs(),
    })
    if (outcome === 'unknown') throw overtakenError()
    this.#hashes.forget(upload.id)
  }

  /**
   * Receives the rest and checks the digest. The bytes are durable. `isMisplaced`: the digest is
   * right for a rest that was taken for the whole; then the upload is as it was before.
   */
  async #verify(
    upload: UploadRecord,
    digest: Digest,
    { chunk, signal }: { readonly chunk: Chunk; readonly signal: AbortSignal },
  ): Promise<{ readonly sizeBytes: number; readonly isMisplaced: boolean }> {
    await using session = await this.#open(upload, {
      algorithm: algorithmOf(digest),
      isComplete: chunk.body.lengthBytes === 0,
      signal,
    })
    const store = this.#deps.stores.get(upload.storeId)
    const rest = mayBeWhole(upload, chunk)
      ? new RestOrWhole(chunk.body, { upload, store }, session.copyHash())
      : undefined
    await receiveChunk(session, upload, {
      chunk: rest ? { body: rest, range: null } : chunk,
      signal,
    })
    const found = session.digest
    const isMisplaced = found !== digest && rest?.digestAppended === digest
    if (found !== digest) await session.rollBack()
    if (found !== digest && !isMisplaced) throw digestError(session, digest)
    await (isMisplaced ? session.sync() : session.syncBytes(found))
    await session.keepAlive()
    return { sizeBytes: session.offsetBytes, isMisplaced }
  }

  /**
   * The blob is what was vouched for, then all that is staged: a rest that begins with all that
   * came before it was taken for the whole. Its bytes are put together under a location of their
   * own, with a row of their own: a crash leaves this upload as it was, and another to be purged.
   */
  async #commitTwice(
    upload: UploadRecord,
    digest: Digest,
    { sizeBytes, signal }: { readonly sizeBytes: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const { db, stores } = this.#deps
    const { id, epoch } = upload
    const fork = await db.write(forkUpload, { id, epoch, forkId: randomUUID() })
    if (!fork) throw overtakenError()
    const store = stores.get(upload.storeId)
    const chunk = { body: startTwice(store, upload, sizeBytes), range: null }
    try {
      await store.startUpload(fork.location)
      await this.#turns.take(fork.id, fork.epoch, (stopped) =>
        this.#commit(fork, digest, { chunk, signal: AbortSignal.any([signal, stopped]) }),
      )
    } catch (error) {
      await this.cancel(fork).catch(() => {})
      throw error
    }
    const spent = await db.write(purgeUpload, upload)
    if (spent) await removePurged({ db, stores, hashes: this.#hashes }, [spent])
  }

  async #acceptCommitted(key: UploadKey, digest: Digest) {
    const graceMs = this.#deps.settings.graceMs()
    const { repositoryId } = key
    if (await this.#deps.db.write(promiseBlob, { repositoryId, digest, graceMs })) return
    throw new RegistryError('BLOB_UPLOAD_UNKNOWN')
  }

  async #remove(uploads: readonly PurgedUpload[]) {
    for (const { id } of uploads) await this.#turns.stop(id)
    await removePurged({ ...this.#deps, hashes: this.#hashes }, uploads)
  }
}
