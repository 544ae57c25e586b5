import type { BlobStore } from '../blobs/blob-store.ts'
import type { UploadRecord } from '../db/uploads.ts'
import type { Digest } from '../domain/digest.ts'
import { digestOf, type RunningHash } from './running-hash.ts'
import type { Chunk } from './upload-chunk.ts'
import type { RequestBody } from './upload-session.ts'

/** Whether a closing request may hold the whole blob although the upload has bytes already. */
export function mayBeWhole(upload: UploadRecord, { body, range }: Chunk): boolean {
  return (
    range === null &&
    upload.offsetBytes > 0 &&
    (body.lengthBytes === null || body.lengthBytes >= upload.offsetBytes)
  )
}

/**
 * The body of a closing request without Content-Range: the rest of the upload, or all of the blob
 * again. containerd sends the whole PUT a second time after 408, 429, 500, 503 and 504; part of the
 * first may be vouched for by then, and a client that resumes instead must find that part.
 *
 * So the body is compared with the bytes that are there, as it comes. While it is the same it is
 * left out: nothing is written twice, and what is vouched for stays so. If all of that was the
 * same, the upload goes on behind it, as after any PATCH. If not, what was left out is handed out
 * after all (it is on the disk), and the body is the rest.
 *
 * A rest that begins with all that came before it, say of a blob of zeros, looks like the whole.
 * The digest tells: `digestAppended` is the other reading's.
 */
export class RestOrWhole implements RequestBody {
  readonly lengthBytes: number | null
  readonly #body: RequestBody
  readonly #upload: UploadRecord
  readonly #store: BlobStore
  #appended: RunningHash | undefined
  #sameBytes = 0

  /** `running` is the hash of what is there; it is the callee's. */
  constructor(
    body: RequestBody,
    kept: { readonly upload: UploadRecord; readonly store: BlobStore },
    running: RunningHash,
  ) {
    this.lengthBytes = body.lengthBytes
    this.#body = body
    this.#upload = kept.upload
    this.#store = kept.store
    this.#appended = running
  }

  /** Of what was there and the body behind it; undefined if that is what was handed out. */
  get digestAppended(): Digest | undefined {
    return this.#appended && digestOf(this.#appended)
  }

  async *chunks(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    await using kept = new Comparison(this.#read(this.#upload.offsetBytes, signal))
    for await (const chunk of this.#body.chunks(signal)) {
      const rest = this.#isUndecided ? chunk.subarray(await this.#compare(kept, chunk)) : chunk
      if (rest.length > 0 && this.#isUndecided) yield* this.#bringBack(signal)
      this.#appended?.hash.update(chunk)
      if (rest.length > 0) yield rest
    }
    // It is shorter than what is there: the whole it cannot be.
    if (this.#isUndecided) yield* this.#bringBack(signal)
  }

  get #isUndecided(): boolean {
    return this.#appended !== undefined && this.#sameBytes < this.#upload.offsetBytes
  }

  async #compare(kept: Comparison, chunk: Uint8Array): Promise<number> {
    const sameBytes = await kept.countSame(chunk)
    this.#sameBytes += sameBytes
    return sameBytes
  }

  async *#bringBack(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    this.#appended = undefined
    if (this.#sameBytes > 0) yield* this.#read(this.#sameBytes, signal)
  }

  async *#read(lengthBytes: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    for await (const piece of this.#store.readStaged(this.#upload.location, lengthBytes)) {
      signal.throwIfAborted()
      yield piece
    }
  }
}

/** Two streams of bytes, side by side. */
class Comparison implements AsyncDisposable {
  readonly #pieces: AsyncGenerator<Uint8Array>
  #piece: Uint8Array = new Uint8Array()

  constructor(pieces: AsyncGenerator<Uint8Array>) {
    this.#pieces = pieces
  }

  /** How many bytes at the start of the chunk are the same for certain; all, unless one differs. */
  async countSame(chunk: Uint8Array): Promise<number> {
    let sameBytes = 0
    while (sameBytes < chunk.length) {
      if (this.#piece.length === 0) {
        const next = await this.#pieces.next()
        if (next.done) return sameBytes
        this.#piece = next.value
      }
      const lengthBytes = Math.min(this.#piece.length, chunk.length - sameBytes)
      const part = chunk.subarray(sameBytes, sameBytes + lengthBytes)
      if (Buffer.compare(this.#piece.subarray(0, lengthBytes), part) !== 0) return sameBytes
      sameBytes += lengthBytes
      this.#piece = this.#piece.subarray(lengthBytes)
    }
    return sameBytes
  }

  async [Symbol.asyncDispose]() {
    await this.#pieces.return(undefined)
  }
}

/** The upload's first bytes twice over: once up to its offset, then all `lengthBytes`. */
export function startTwice(
  store: BlobStore,
  { location, offsetBytes }: UploadRecord,
  lengthBytes: number,
): RequestBody {
  return {
    lengthBytes: offsetBytes + lengthBytes,
    async *chunks(signal) {
      for (const bytes of [offsetBytes, lengthBytes]) {
        for await (const piece of store.readStaged(location, bytes)) {
          signal.throwIfAborted()
          yield piece
        }
      }
    },
  }
}
