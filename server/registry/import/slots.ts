/** So many at once, the others wait in the order in which they came. */
export class Slots {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free += 1
      else next()
    }
  }
}

/**
 * Does something with each, so many at once, as they come. Throws what the first of them threw, once
 * none goes on behind its back.
 */
export async function eachOf<T>(
  items: AsyncIterable<T> | Iterable<T>,
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const iterator =
    Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]()
  const queue = inTurn(iterator)
  let failed = false
  const workers = Array.from({ length: atOnce }, async () => {
    try {
      for (let next = await queue(); !next.done && !failed; next = await queue()) {
        await work(next.value)
      }
    } catch (error) {
      failed = true
      throw error
    }
  })
  const rejected = (await Promise.allSettled(workers)).find(({ status }) => status === 'rejected')
  // What it has open is closed also where it was not gone through to its end.
  if (rejected !== undefined) await iterator.return?.()
  if (rejected?.status === 'rejected') throw rejected.reason
}

/** Whoever asks gets the next: an iterator need not take two questions at a time. */
function inTurn<T>(iterator: AsyncIterator<T> | Iterator<T>): () => Promise<IteratorResult<T>> {
  let last: Promise<unknown> = Promise.resolve()
  return () => {
    const next = last.then(() => iterator.next())
    last = next.catch(() => undefined)
    return next
  }
}
