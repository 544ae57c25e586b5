/**
 * Vouches for what has come, time and again while a body arrives: between two chunks, or while the
 * client is silent, since a client that is gone without a word may come back and ask.
 */
export class Checkpoints implements AsyncDisposable {
  readonly #vouch: () => Promise<void>
  readonly #timer: NodeJS.Timeout
  #isResting = true
  #isDue = false
  #running: Promise<void> | undefined

  constructor(intervalMs: number, vouch: () => Promise<void>) {
    this.#vouch = vouch
    this.#timer = setInterval(() => this.#tick(), intervalMs)
  }

  /** A chunk has come: nothing begins before `resume`. Throws what vouching for the last ones threw. */
  async pause(): Promise<void> {
    this.#isResting = false
    if (this.#running === undefined) return
    const running = this.#running
    this.#running = undefined
    await running
  }

  /** The chunk is written, the next one is waited for. */
  async resume(): Promise<void> {
    if (this.#isDue) {
      this.#isDue = false
      await this.#vouch()
    }
    this.#isResting = true
  }

  async [Symbol.asyncDispose]() {
    clearInterval(this.#timer)
    this.#isResting = false
    await this.#running?.catch(() => undefined)
  }

  #tick() {
    if (!this.#isResting) {
      this.#isDue = true
      return
    }
    // One that is under way, or whose failure nobody has met yet, is enough.
    if (this.#running !== undefined) return
    const running = this.#vouch()
    this.#running = running
    running.then(
      () => {
        if (this.#running === running) this.#running = undefined
      },
      () => undefined,
    )
  }
}
