import { setTimeout as sleep } from 'node:timers/promises'

const shortestRestMs = 5
/** Time that was not used is not made up for. */
const mostCreditMs = 1000

/** Keeps all who copy together below a rate; 0: there is none. */
export class Pace {
  readonly #bytesPerSecond: number
  /** When what was taken so far is paid for. */
  #paidAt = 0

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond
  }

  /** Resolves when so many more bytes may go. */
  async spend(bytes: number): Promise<void> {
    if (this.#bytesPerSecond <= 0) return
    const now = performance.now()
    this.#paidAt =
      Math.max(this.#paidAt, now - mostCreditMs) + (1000 * bytes) / this.#bytesPerSecond
    const restMs = this.#paidAt - now
    if (restMs >= shortestRestMs) await sleep(restMs)
  }
}
