const firstBytes = 64 * 1024

/** Bytes that come in pieces, up to a size that is known: memory grows with what has come. */
export class GrowingBuffer {
  #bytes = Buffer.alloc(0)
  #lengthBytes = 0

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
  take(): Buffer {
    const taken = this.view()
    this.#bytes = Buffer.alloc(0)
    this.#lengthBytes = 0
    return taken
  }

  #reserve(neededBytes: number, maxBytes: number): void {
    if (neededBytes <= this.#bytes.length) return
    const doubled = Math.max(firstBytes, 2 * this.#bytes.length, neededBytes)
    const grown = Buffer.allocUnsafeSlow(Math.max(neededBytes, Math.min(doubled, maxBytes)))
    grown.set(this.view())
    this.#bytes = grown
  }
}
