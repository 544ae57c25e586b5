import type { PartBuffers } from './part-buffers.ts'

const firstBytes = 64 * 1024
/** What grows beyond becomes a whole part, most likely. */
const wholeFromBytes = 1024 * 1024
/** Larger parts, of layers beyond 15 GiB, grow by doubling: who knows whether they get full. */
const largestLentBytes = 16 * 1024 * 1024

/** Bytes that were gathered; `sent` or `dropped` says, once, what became of them. */
export interface GatheredBytes {
  readonly bytes: Buffer
  /** Nobody reads them any more. */
  sent(): void
  /** Somebody may still read them. */
  dropped(): void
}

/** Bytes that come in pieces, up to a size that is known: memory grows with what has come. */
export class GrowingBuffer {
  readonly #buffers: PartBuffers
  #bytes: Buffer = Buffer.alloc(0)
  #isLent = false
  #lengthBytes = 0

  constructor(buffers: PartBuffers) {
    this.#buffers = buffers
  }

  get lengthBytes(): number {
    return this.#lengthBytes
  }

  /** Takes as much of the chunk as fits below `maxBytes`; how much. */
  add(chunk: Uint8Array, maxBytes: number): number {
    const taken = Math.max(0, Math.min(chunk.length, maxBytes - this.#lengthBytes))
    this.#reserve(this.#lengthBytes + taken, maxBytes)
    this.#bytes.set(chunk.subarray(0, taken), this.#lengthBytes)
    this.#lengthBytes += taken
    return taken
  }

  /** What has come; valid until more is added. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#lengthBytes)
  }

  /** Hands out what has come, and is empty. */
  take(): GatheredBytes {
    const bytes = this.view()
    const whole = this.#bytes
    const buffers = this.#isLent ? this.#buffers : undefined
    this.#bytes = Buffer.alloc(0)
    this.#isLent = false
    this.#lengthBytes = 0
    return { bytes, sent: () => buffers?.give(whole), dropped: () => buffers?.forget() }
  }

  #reserve(neededBytes: number, maxBytes: number): void {
    if (neededBytes <= this.#bytes.length) return
    const isWhole = neededBytes > wholeFromBytes && maxBytes <= largestLentBytes
    const doubled = Math.max(firstBytes, 2 * this.#bytes.length, neededBytes)
    const former = this.#isLent
    const grown = isWhole
      ? this.#buffers.take(maxBytes)
      : Buffer.allocUnsafeSlow(Math.max(neededBytes, Math.min(doubled, maxBytes)))
    grown.set(this.view())
    if (former) this.#buffers.forget()
    this.#bytes = grown
    this.#isLent = isWhole
  }
}
