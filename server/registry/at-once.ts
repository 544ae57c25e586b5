const mostAtOnce = 4

/** As `eachOf`, four of them at a time, until the signal. */
export async function workAtOnce<T>(
  items: readonly T[],
  signal: AbortSignal,
  work: (item: T) => Promise<void>,
): Promise<void> {
  await eachOf(items, mostAtOnce, async (item) => {
    if (!signal.aborted) await work(item)
  })
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
