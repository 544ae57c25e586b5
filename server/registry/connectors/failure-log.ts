import type { UpstreamError } from '../../upstream/upstream-error.ts'

/** What the failures of other registries are told to. */
export interface FailureSink {
  warn(facts: object, message: string): void
  info(facts: object, message: string): void
}

/** However many clients meet a failure, operators read of it this often. */
const pauseMs = 60_000

/** Tells when a connector begins to fail, that it still does, and that it answers again. */
export class FailureLog {
  readonly #sink: FailureSink
  readonly #connector: string
  readonly #now: () => number
  #toldAt = Number.NEGATIVE_INFINITY
  #isTold = false
  #untold = 0

  constructor(sink: FailureSink, connector: string, now: () => number) {
    this.#sink = sink
    this.#connector = connector
    this.#now = now
  }

  failed({ fault, message }: UpstreamError): void {
    this.#untold += 1
    if (Math.abs(this.#now() - this.#toldAt) < pauseMs) return
    const facts = { connector: this.#connector, fault, failures: this.#untold }
    this.#sink.warn(facts, `The connector ${this.#connector} failed: ${message}`)
    this.#toldAt = this.#now()
    this.#isTold = true
    this.#untold = 0
  }

  answered(): void {
    if (!this.#isTold) return
    this.#isTold = false
    this.#sink.info({ connector: this.#connector }, 'The connector answers again.')
  }
}
