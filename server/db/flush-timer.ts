/** Writes down, again and again, what was gathered in memory; disposing does so a last time. */
export interface FlushTimer extends AsyncDisposable {
  /** Now, once the flush that runs is done. */
  flush(): Promise<void>
}

export function startFlushTimer(options: {
  readonly intervalMs: number
  readonly flush: () => Promise<void>
  readonly onError: (error: unknown) => void
}): FlushTimer {
  const { intervalMs, flush, onError } = options
  let running: Promise<void> = Promise.resolve()
  const flushInTurn = () => {
    const result = running.then(flush)
    running = result.catch(() => {})
    return result
  }
  const timer = setInterval(() => {
    flushInTurn().catch(onError)
  }, intervalMs)
  timer.unref()
  return {
    flush: flushInTurn,
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await flushInTurn().catch(onError)
    },
  }
}
