/** What a caller is doing, as the scheduler sees it. */
export type CallerState = 'paused' | 'running' | 'parked' | 'done'

/** Stops one caller before each of its steps, until the scheduler lets it take the next one. */
export class Gate {
  readonly name: string
  /** Parked: it waits for a lock that another caller holds. */
  state: CallerState = 'running'
  steps = 0
  /** How often a transaction of this caller came to an end: only then are locks let go. */
  ends = 0
  /** How often a write was begun again, after a deadlock. */
  retries = 0
  readonly #changed: () => void
  #proceed: () => void = () => {}

  constructor(name: string, changed: () => void) {
    this.name = name
    this.#changed = changed
  }

  async pause(): Promise<void> {
    const proceed = new Promise<void>((resolve) => {
      this.#proceed = resolve
    })
    this.become('paused')
    await proceed
  }

  step(): void {
    this.state = 'running'
    this.steps += 1
    this.#proceed()
  }

  become(state: CallerState): void {
    this.state = state
    this.#changed()
  }
}
