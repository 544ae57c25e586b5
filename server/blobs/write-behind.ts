/** Fsyncs beside the writes, in the whole store: the process needs threads for its files too. */
const maxRunning = 2

/**
 * Lets a few uploads have their bytes flushed while more of them come. Nobody waits: who finds no
 * room goes on writing and asks again later.
 */
export class WriteBehind {
  #running = 0

  /** Undefined when enough are running. */
  tryRun(flush: () => Promise<void>): Promise<void> | undefined {
    if (this.#running >= maxRunning) return undefined
    this.#running += 1
    return flush().finally(() => {
      this.#running -= 1
    })
  }
}
