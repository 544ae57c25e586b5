import { RegistryError } from '../domain/errors.ts'

/**
 * Runs work when there is room for it. Throws TOOMANYREQUESTS when too much waits already. Those
 * who crowd, with many attempts for one account or from one network, let everybody else go first,
 * and are turned away first.
 */
export type Gate = <T>(work: () => Promise<T>, waiter?: Waiter) => Promise<T>

/** On whose behalf something waits; absent: somebody whom the server knows already. */
export interface Waiter {
  readonly account: string
  readonly network: string
  /** Whether this account has logged in from there before: it never crowds. */
  readonly known: boolean
}

export interface GateOptions {
  readonly maxConcurrent: number
  readonly maxQueued: number
  /** What a caller that is turned away is told to wait. */
  readonly retryAfterSeconds: number
}

interface Place {
  readonly waiter: Waiter | undefined
  readonly admit: () => void
  readonly refuse: (error: RegistryError) => void
}

export function createGate({ maxConcurrent, maxQueued, retryAfterSeconds }: GateOptions): Gate {
  /** In the order in which they came. */
  const waiting: Place[] = []
  let running = 0

  const tooMany = () =>
    new RegistryError('TOOMANYREQUESTS', 'Too many logins at once; try again later.', {
      headers: { 'retry-after': String(retryAfterSeconds) },
    })

  const wait = (waiter: Waiter | undefined) =>
    new Promise<void>((admit, refuse) => {
      waiting.push({ waiter, admit, refuse })
      if (waiting.length <= maxQueued) return
      const weights = weightsOf(waiting)
      const heaviest = weights.lastIndexOf(Math.max(...weights))
      takeOut(waiting, heaviest)?.refuse(tooMany())
    })

  const enter = async (waiter: Waiter | undefined) => {
    if (running >= maxConcurrent) return await wait(waiter)
    running += 1
  }

  // Whoever leaves hands its place to the next, so the number running stays the same.
  const leave = () => {
    const weights = weightsOf(waiting)
    const next = takeOut(waiting, weights.indexOf(Math.min(...weights)))
    if (next === undefined) running -= 1
    else next.admit()
  }

  return async (work, waiter) => {
    await enter(waiter)
    try {
      return await work()
    } finally {
      leave()
    }
  }
}

/** Of each how many wait for the same account, or from the same network, whichever are more. */
function weightsOf(places: readonly Place[]): number[] {
  const counts = new Map<string, number>()
  const crowdsOf = ({ account, network }: Waiter) => [`account ${account}`, `network ${network}`]
  for (const { waiter } of places) {
    if (waiter === undefined || waiter.known) continue
    for (const crowd of crowdsOf(waiter)) counts.set(crowd, (counts.get(crowd) ?? 0) + 1)
  }
  return places.map(({ waiter }) =>
    waiter === undefined || waiter.known
      ? 0
      : Math.max(...crowdsOf(waiter).map((crowd) => counts.get(crowd) ?? 0)),
  )
}

function takeOut(places: Place[], at: number): Place | undefined {
  return at < 0 ? undefined : places.splice(at, 1)[0]
}
