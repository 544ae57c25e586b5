import type { Log } from '../log.ts'

/** However many batches are lost, operators read of it this often. */
const pauseMs = 10 * 60_000

/** Tells when traces begin to be lost, that they still are, and that they are sent again. */
export class TroubleLog {
  readonly #log: Log
  readonly #collector: string
  #toldAt = Number.NEGATIVE_INFINITY
  #isTold = false
  #lost = 0

  constructor(log: Log, collector: string) {
    this.#log = log
    this.#collector = collector
  }

  failed(reason: string, spans: number): void {
    this.#lost += spans
    const now = performance.now()
    if (now - this.#toldAt < pauseMs) return
    const facts = { collector: this.#collector, reason, lost: this.#lost }
    this.#log.warn(facts, 'Traces cannot be sent to their collector')
    this.#toldAt = now
    this.#isTold = true
  }

  passed(): void {
    if (!this.#isTold) return
    this.#isTold = false
    const facts = { collector: this.#collector, lost: this.#lost }
    this.#log.info(facts, 'Traces are sent to their collector again')
    this.#lost = 0
  }
}
