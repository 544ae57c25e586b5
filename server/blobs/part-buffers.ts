/** So much is kept at most: what one upload uses in turn. */
const mostKeptBytes = 64 * 1024 * 1024

/**
 * Buffers of whole parts, used again: fresh ones would each stay in memory until the collector comes
 * by. None is kept once nobody has one.
 */
export class PartBuffers {
  #kept: Buffer[] = []
  #lent = 0

  /** What is in it is whatever was in it before. */
  take(sizeBytes: number): Buffer {
    this.#lent += 1
    // Parts grow: smaller ones are of no use any more.
    this.#kept = this.#kept.filter(({ length }) => length === sizeBytes)
    return this.#kept.pop() ?? Buffer.allocUnsafeSlow(sizeBytes)
  }

  /** Takes back a buffer that was lent, exactly once, and that nobody reads any more. */
  give(buffer: Buffer): void {
    if ((this.#kept.length + 1) * buffer.length <= mostKeptBytes) this.#kept.push(buffer)
    this.forget()
  }

  /** Instead of `give`: somebody may still read it. */
  forget(): void {
    this.#lent -= 1
    if (this.#lent === 0) this.#kept = []
  }
}
