const mostAtOnce = 4

/**
 * Works on four of them at a time, until the signal. Throws what the first of them threw, once none
 * goes on behind its back.
 */
export async function workAtOnce<T>(
  items: readonly T[],
  signal: AbortSignal,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values()
  const workers = Array.from({ length: mostAtOnce }, async () => {
    for (const item of queue) if (!signal.aborted) await work(item)
  })
  const failed = (await Promise.allSettled(workers)).find(({ status }) => status === 'rejected')
  if (failed?.status === 'rejected') throw failed.reason
}
