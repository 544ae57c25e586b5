import type { BlobStore, UploadWriter } from '../blobs/blob-store.ts'
import type { Db } from '../db/database.ts'
import { keepUploadAlive, needsKeepAlive } from '../db/keep-alive.ts'
import { advanceUpload, findUpload, type UploadRecord } from '../db/uploads.ts'
import type { Digest, DigestAlgorithm } from '../domain/digest.ts'
import { isRefusal, RegistryError } from '../domain/errors.ts'
import { Checkpoints } from './checkpoints.ts'
import { copyOf, digestOf, type HashCache, type RunningHash, startHash } from './running-hash.ts'
import { overtakenError } from './upload-turns.ts'

/** Bytes that are being received: those written can be read (`BlobStore.openStaged`). */
export interface StagedBytes {
  readonly store: BlobStore
  readonly location: string
  readonly writtenBytes: number
}

/** A request's body: read once, to its end or until the signal fires (then its reason is thrown). */
export interface RequestBody {
  /** From Content-Length; null when the client did not say. */
  readonly lengthBytes: number | null
  chunks(signal: AbortSignal): AsyncIterable<Uint8Array>
  /** Told where the bytes go, before the first is asked for. */
  staged?(bytes: StagedBytes): void
  /** Throws if its sender may not do any more what it was let in for: asked before it counts. */
  permit?(): Promise<void>
}

export interface SessionDeps {
  readonly db: Db
  readonly store: BlobStore
  readonly hashes: HashCache
  readonly graceMs: number
  /** How often bytes that arrive are vouched for within one request. */
  readonly checkpointMs: number
}

/** What a request is about to do with the bytes. */
export interface Opening {
  readonly algorithm: DigestAlgorithm
  /** No more bytes come: the digest that was kept with the row will do. */
  readonly isComplete: boolean
  /** Fires when somebody else takes over. */
  readonly signal: AbortSignal
}

/** One request's work on the bytes of an upload that it holds. */
export class UploadSession implements AsyncDisposable {
  readonly #deps: SessionDeps
  readonly #upload: UploadRecord
  readonly #writer: UploadWriter
  readonly #running: RunningHash
  #vouchedBytes: number
  #isFull = false
  /** A write failed: the hash has bytes that the store may not have. */
  #isTorn = false

  private constructor(
    deps: SessionDeps,
    upload: UploadRecord,
    bytes: { readonly writer: UploadWriter; readonly running: RunningHash },
  ) {
    this.#deps = deps
    this.#upload = upload
    this.#writer = bytes.writer
    this.#running = bytes.running
    this.#vouchedBytes = upload.offsetBytes
  }

  /**
   * Unless no more bytes come, a process that did not see those before reads them again, to go on
   * hashing. Throws BLOB_UPLOAD_UNKNOWN when the bytes that the row vouches for are gone.
   */
  static async open(
    deps: SessionDeps,
    upload: UploadRecord,
    { algorithm, isComplete, signal }: Opening,
  ): Promise<UploadSession> {
    const { id, location, offsetBytes } = upload
    const staged = await deps.store.openUpload(location, offsetBytes)
    if (!staged) throw new RegistryError('BLOB_UPLOAD_UNKNOWN')
    const known = isComplete && upload.digestSoFar?.startsWith(`${algorithm}:`)
    const running =
      offsetBytes === 0 || known
        ? startHash(algorithm)
        : deps.hashes.find(id, offsetBytes, algorithm)
    if (running) return new UploadSession(deps, upload, { writer: staged, running })
    await staged[Symbol.asyncDispose]()
    const rehashed = await rehash(deps.store, upload, { algorithm, signal })
    const writer = await deps.store.openUpload(location, offsetBytes)
    if (!writer) throw new RegistryError('BLOB_UPLOAD_UNKNOWN')
    return new UploadSession(deps, upload, { writer, running: rehashed })
  }

  get offsetBytes(): number {
    return this.#writer.offsetBytes
  }

  /** Of all bytes up to the offset; a copy. Not for a session that was opened as complete. */
  copyHash(): RunningHash {
    return copyOf(this.#running)
  }

  get digest(): Digest {
    const { offsetBytes, digestSoFar } = this.#upload
    const isKnown =
      this.offsetBytes === offsetBytes && digestSoFar?.startsWith(`${this.#running.algorithm}:`)
    return isKnown ? (digestSoFar as Digest) : digestOf(this.#running)
  }

  /**
   * Takes the body, `expectedBytes` of it if that is known. What arrived before the client went
   * away is kept; a body of another length changes nothing.
   */
  async receive(
    body: RequestBody,
    expectedBytes: number | null,
    signal: AbortSignal,
  ): Promise<void> {
    const start = this.offsetBytes
    body.staged?.(this.#stagedBytes())
    try {
      await using checkpoints = new Checkpoints(this.#deps.checkpointMs, () => this.#vouch())
      for await (const chunk of body.chunks(signal)) {
        await checkpoints.pause()
        if (expectedBytes !== null && this.offsetBytes - start + chunk.byteLength > expectedBytes) {
          throw sizeError(expectedBytes)
        }
        this.#running.hash.update(chunk)
        await this.#write(chunk)
        await checkpoints.resume()
      }
      await checkpoints.pause()
      if (expectedBytes !== null && this.offsetBytes - start !== expectedBytes) {
        throw sizeError(expectedBytes)
      }
    } catch (error) {
      await this.#settle(error)
      throw error
    }
  }

  async #write(chunk: Uint8Array): Promise<void> {
    this.#isTorn = true
    await this.#writer.write(chunk)
    this.#isTorn = false
  }

  #stagedBytes(): StagedBytes {
    const writer = this.#writer
    return {
      store: this.#deps.store,
      location: this.#upload.location,
      get writtenBytes() {
        return writer.writtenBytes
      },
    }
  }

  /** Makes the bytes durable, then the row vouch for them. Throws when the upload was taken over. */
  async checkpoint(): Promise<void> {
    const digest = this.digest
    const offsetBytes = await this.#noticeFull(this.#writer.sync())
    const { id, epoch } = this.#upload
    const { db, hashes } = this.#deps
    const mine = await db.write(advanceUpload, { id, epoch, offsetBytes, digestSoFar: digest })
    if (!mine) throw await this.#lostError()
    this.#vouchedBytes = offsetBytes
    hashes.keep(id, offsetBytes, this.#running)
    await this.keepAlive()
  }

  /** The upload is again as it was before this request: what came since is not to be trusted. */
  async rollBack(): Promise<void> {
    const { id, epoch, offsetBytes, digestSoFar } = this.#upload
    if (this.#vouchedBytes === offsetBytes) return
    const before = digestSoFar ?? digestOf(startHash(this.#running.algorithm))
    this.#deps.hashes.forget(id)
    const row = { id, epoch, offsetBytes, digestSoFar: before }
    if (await this.#deps.db.write(advanceUpload, row)) this.#vouchedBytes = offsetBytes
  }

  /** Renews the leases that were held when the upload began, if they come near their end. */
  async keepAlive(): Promise<void> {
    const { id, epoch, repositoryId, startedAt } = this.#upload
    const { db, graceMs } = this.#deps
    const lease = { id, epoch, repositoryId, startedAt, graceMs }
    if (!(await needsKeepAlive(db.read, lease))) return
    if (!(await db.write(keepUploadAlive, lease))) throw await this.#lostError()
  }

  /** Makes the bytes durable, to be read. No row says so. Returns how many. */
  sync(): Promise<number> {
    return this.#noticeFull(this.#writer.sync())
  }

  /** Makes the bytes durable, to be finished next, without a row that says so. Returns how many. */
  syncBytes(digest: Digest): Promise<number> {
    return this.#noticeFull(this.#writer.syncBytes(digest))
  }

  async #noticeFull(synced: Promise<number>): Promise<number> {
    try {
      return await synced
    } catch (error) {
      // The last bytes are written only now.
      this.#isFull ||= isRefusal(error, 'STORAGE_FULL')
      throw error
    }
  }

  /** Who was overtaken must not hear that the upload is gone. */
  async #lostError(): Promise<RegistryError> {
    const isThere = await findUpload(this.#deps.db.read, this.#upload)
    return isThere ? overtakenError() : new RegistryError('BLOB_UPLOAD_UNKNOWN')
  }

  async #vouch() {
    if (this.offsetBytes > this.#vouchedBytes) await this.checkpoint()
    // Bytes come, but they are those that are here already.
    else await this.keepAlive()
  }

  async #settle(reason: unknown) {
    // Who was overtaken vouches for nothing.
    if (isRefusal(reason, 'BLOB_UPLOAD_INVALID') || isRefusal(reason, 'BLOB_UPLOAD_UNKNOWN')) return
    this.#isFull ||= isRefusal(reason, 'STORAGE_FULL')
    if (this.#isTorn) return
    try {
      if (isRefusal(reason, 'SIZE_INVALID')) await this.rollBack()
      else if (!this.#isFull) await this.checkpoint()
    } catch {
      // The first error is the one that matters; what was vouched for before still is.
    }
  }

  async [Symbol.asyncDispose]() {
    await this.#writer[Symbol.asyncDispose]()
    if (this.#isFull) await this.#giveRoomBack()
  }

  /** Bytes that nobody vouches for must not be what fills the disk: opening drops them. */
  async #giveRoomBack() {
    const { store } = this.#deps
    const staged = await store
      .openUpload(this.#upload.location, this.#vouchedBytes)
      .catch(() => undefined)
    await staged?.[Symbol.asyncDispose]()
  }
}

async function rehash(
  store: BlobStore,
  { location, offsetBytes, digestSoFar }: UploadRecord,
  { algorithm, signal }: Pick<Opening, 'algorithm' | 'signal'>,
): Promise<RunningHash> {
  const running = startHash(algorithm)
  for await (const piece of store.readStaged(location, offsetBytes)) {
    signal.throwIfAborted()
    running.hash.update(piece)
  }
  // What was kept may be of the algorithm that an earlier closing request named.
  if (!digestSoFar?.startsWith(`${algorithm}:`) || digestOf(running) === digestSoFar) return running
  throw new RegistryError(
    'BLOB_UPLOAD_UNKNOWN',
    'The bytes of this upload were damaged on the disk. Start a new one.',
  )
}

function sizeError(expectedBytes: number): RegistryError {
  return new RegistryError(
    'SIZE_INVALID',
    `The body does not have the ${expectedBytes} bytes that Content-Range announces.`,
  )
}
