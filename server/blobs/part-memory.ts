/**
 * How many bytes of parts may be on their way at once, in a whole store: what bounds its memory
 * however many clients push. One part may always go, however large.
 */
export class PartMemory {
  readonly #maxBytes: number
  #takenBytes = 0
  #waiting: (() => void)[] = []

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Resolves when there is room for so many bytes, in turn; the caller gives them back. */
  async take(bytes: number): Promise<void> {
    while (this.#takenBytes > 0 && this.#takenBytes + bytes > this.#maxBytes) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    this.#takenBytes += bytes
  }

  give(bytes: number): void {
    this.#takenBytes -= bytes
    for (const wake of this.#waiting.splice(0)) wake()
  }
}
