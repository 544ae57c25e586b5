import { RegistryError } from '../../domain/errors.ts'
import type { SourceBlob } from './source.ts'

/**
 * Hands a blob out part by part, from one stream as long as each part begins where the last one ended:
 * a registry that knows no ranges would have to send all that comes before.
 */
export class BlobCursor implements AsyncDisposable {
  readonly #blob: SourceBlob
  readonly #signal: AbortSignal
  #pieces: AsyncIterator<Uint8Array> | undefined
  /** What came with the last piece, beyond what was wanted. */
  #rest: Uint8Array = new Uint8Array(0)
  #at = 0
  /** Somebody waits for a piece, perhaps in vain: where that ends is not known yet. */
  #isWaiting = false

  constructor(blob: SourceBlob, signal: AbortSignal) {
    this.#blob = blob
    this.#signal = signal
  }

  /** So many bytes from there on. Throws DIGEST_INVALID when the blob ends before. */
  async *take(start: number, bytes: number): AsyncGenerator<Uint8Array> {
    const isThere = this.#pieces !== undefined && this.#at === start && !this.#isWaiting
    if (!isThere) await this.#seek(start)
    for (let left = bytes; left > 0; ) {
      const piece = await this.#next(left)
      // A request that is shorter than it announced keeps the server waiting.
      if (piece === undefined) {
        throw new RegistryError('DIGEST_INVALID', `It ends ${left} bytes before its end.`)
      }
      left -= piece.byteLength
      this.#at += piece.byteLength
      yield piece
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pieces?.return?.()
    this.#pieces = undefined
  }

  async #seek(start: number): Promise<void> {
    await this[Symbol.asyncDispose]()
    this.#pieces = this.#blob.chunks(start, this.#signal)[Symbol.asyncIterator]()
    this.#rest = new Uint8Array(0)
    this.#at = start
  }

  async #next(most: number): Promise<Uint8Array | undefined> {
    if (this.#rest.byteLength === 0) {
      const next = await this.#nextPiece()
      if (next === undefined || next.done === true) return undefined
      this.#rest = next.value
    }
    const piece = this.#rest.subarray(0, most)
    this.#rest = this.#rest.subarray(piece.byteLength)
    return piece
  }

  async #nextPiece(): Promise<IteratorResult<Uint8Array> | undefined> {
    this.#isWaiting = true
    try {
      return await this.#pieces?.next()
    } finally {
      this.#isWaiting = false
    }
  }
}
