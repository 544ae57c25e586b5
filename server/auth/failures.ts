import { createHash } from 'node:crypto'
import { createBoundedCache } from './bounded-cache.ts'
import { networkOf } from './network.ts'

/** Who tries to log in, and from where. */
export interface LoginAttempt {
  /** The name under which the account is found, whether there is one or not. */
  readonly account: string
  readonly address: string
}

/** How often attempts failed lately. In memory, bounded: who was away for longest is forgotten. */
export interface Failures {
  /** The pair that the attempt counts for: the account, and the address or its network. */
  pairOf(attempt: LoginAttempt): string
  /** Whether the account has logged in from there. */
  knows(attempt: LoginAttempt): boolean
  /** How long the attempt has to wait, milliseconds; 0: it may begin. */
  waitMs(attempt: LoginAttempt): number
  /** Counts as a failure of its address until it is told how it ended. */
  begin(attempt: LoginAttempt): { end(how: 'succeeded' | 'failed' | 'unknown'): void }
}

interface Pair {
  readonly failures: number
  /** Until then it waits. */
  readonly until: number
  readonly forgetAt: number
}

/** What an address did in the current while. */
interface Place {
  failures: number
  running: number
  until: number
}

const freeFailures = 5
const firstDelayMs = 1000
const maxDelayMs = 5 * 60_000
const forgetMs = 30 * 60_000
const placeFailures = 100
const placeWindowMs = 10 * 60_000
const maxEntries = 10_000

export function createFailures(monotonicMs: () => number): Failures {
  const pairs = createBoundedCache<Pair>(maxEntries)
  const places = createBoundedCache<Place>(maxEntries)
  /** Pairs that have logged in: apart, so that no number of failures pushes them out. */
  const known = createBoundedCache<true>(maxEntries)

  const findPair = (id: string) => {
    const pair = pairs.get(id)
    return pair !== undefined && pair.forgetAt > monotonicMs() ? pair : undefined
  }
  const placeOf = (network: string): Place => {
    const now = monotonicMs()
    const place = places.get(network) ?? { failures: 0, running: 0, until: 0 }
    if (place.until <= now) {
      place.failures = 0
      place.until = now + placeWindowMs
    }
    places.set(network, place)
    return place
  }
  const fail = (id: string, place: Place) => {
    const now = monotonicMs()
    const before = findPair(id)
    const failures = (before?.failures ?? 0) + 1
    const until = failures < freeFailures ? 0 : now + delayAfter(failures)
    const forgetAt = Math.max(now, until) + forgetMs
    pairs.set(id, { failures, until, forgetAt })
    place.failures += 1
  }

  const knows = (attempt: LoginAttempt) => known.get(pairOf(attempt)) === true

  return {
    pairOf,
    knows,
    waitMs(attempt) {
      const now = monotonicMs()
      const pair = findPair(pairOf(attempt))
      if (pair !== undefined && pair.until > now) return pair.until - now
      const place = placeOf(networkOf(attempt.address))
      const isFull = place.failures + place.running >= placeFailures
      return isFull && !knows(attempt) ? place.until - now : 0
    },
    begin(attempt) {
      const id = pairOf(attempt)
      const place = placeOf(networkOf(attempt.address))
      place.running += 1
      return {
        end(how) {
          place.running -= 1
          if (how === 'failed') fail(id, place)
          if (how !== 'succeeded') return
          pairs.delete(id)
          if (known.get(id) === undefined) known.set(id, true)
        },
      }
    },
  }
}

/** A long name is as good as any other, but is not kept. */
function pairOf({ account, address }: LoginAttempt): string {
  const name =
    account.length > 100 ? createHash('sha256').update(account).digest('base64') : account
  return `${networkOf(address)} ${name}`
}

function delayAfter(failures: number): number {
  return Math.min(maxDelayMs, firstDelayMs * 2 ** (failures - freeFailures))
}
