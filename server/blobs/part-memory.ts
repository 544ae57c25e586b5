/**
 * How many bytes of parts may be on their way at once, in a whole store: what bounds its memory
 * however many clients push. One part may always go, however large.
 */
export class PartMemory {
  readonly #maxBytes: number
  #takenBytes = 0
  readonly #waiting: { readonly bytes: number; readonly go: () => void }[] = []

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Resolves when there is room for so many bytes, in turn; the caller gives them back. */
  async take(bytes: number): Promise<void> {
    await new Promise<void>((go) => {
      this.#waiting.push({ bytes, go })
      this.#letGo()
    })
  }

  give(bytes: number): void {
    this.#takenBytes -= bytes
    this.#letGo()
  }

  /** Nobody passes the one who has waited longest: a large part would never find room. */
  #letGo(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (this.#takenBytes > 0 && this.#takenBytes + next.bytes > this.#maxBytes) return
      this.#waiting.shift()
      this.#takenBytes += next.bytes
      next.go()
    }
  }
}
