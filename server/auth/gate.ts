import { RegistryError } from '../domain/errors.ts'

/** Runs work when there is room for it. Throws TOOMANYREQUESTS when too much waits already. */
export type Gate = <T>(work: () => Promise<T>) => Promise<T>

export interface GateOptions {
  readonly maxConcurrent: number
  readonly maxQueued: number
  /** What a caller that is turned away is told to wait. */
  readonly retryAfterSeconds: number
}

export function createGate({ maxConcurrent, maxQueued, retryAfterSeconds }: GateOptions): Gate {
  const waiting: (() => void)[] = []
  let running = 0

  const enter = async () => {
    if (running < maxConcurrent) {
      running += 1
      return
    }
    if (waiting.length >= maxQueued) {
      throw new RegistryError('TOOMANYREQUESTS', 'Too many logins at once; try again later.', {
        headers: { 'retry-after': String(retryAfterSeconds) },
      })
    }
    await new Promise<void>((resolve) => waiting.push(resolve))
  }

  // Whoever leaves hands its place to the next, so the number running stays the same.
  const leave = () => {
    const next = waiting.shift()
    if (next === undefined) running -= 1
    else next()
  }

  return async (work) => {
    await enter()
    try {
      return await work()
    } finally {
      leave()
    }
  }
}
