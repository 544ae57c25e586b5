import type { StagedPart } from './part-ledger.ts'

interface Flight {
  readonly done: Promise<void>
  sent: StagedPart | undefined
}

/** Parts on their way: some at once, landing in the order in which they set out. */
export class PartFlights {
  readonly #mostAtOnce: number
  #flights: Flight[] = []
  #failure: unknown

  constructor(mostAtOnce: number) {
    this.#mostAtOnce = mostAtOnce
  }

  get count(): number {
    return this.#flights.length
  }

  launch(send: () => Promise<StagedPart>): void {
    const flight: Flight = {
      sent: undefined,
      done: send().then(
        (sent) => {
          flight.sent = sent
        },
        (error: unknown) => {
          this.#failure ??= error
        },
      ),
    }
    this.#flights.push(flight)
  }

  /** Waits until another may set out; those that have landed. Throws what went wrong with one. */
  async room(): Promise<StagedPart[]> {
    while (this.#flights.length >= this.#mostAtOnce && this.#failure === undefined) {
      await this.#flights[0]?.done
      if (this.#flights[0]?.sent !== undefined) break
    }
    return this.#land()
  }

  /** Waits for all of them. */
  async settle(): Promise<StagedPart[]> {
    await Promise.all(this.#flights.map(({ done }) => done))
    return this.#land()
  }

  /** Never throws. */
  async end(): Promise<void> {
    await Promise.all(this.#flights.map(({ done }) => done))
  }

  requireSound(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  #land(): StagedPart[] {
    this.requireSound()
    const landed: StagedPart[] = []
    for (;;) {
      const sent = this.#flights[0]?.sent
      if (sent === undefined) return landed
      this.#flights.shift()
      landed.push(sent)
    }
  }
}
