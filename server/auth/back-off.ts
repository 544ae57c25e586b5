import { isRefusal, RegistryError } from '../domain/errors.ts'
import { createFailures, type LoginAttempt } from './failures.ts'

/**
 * Slows down who guesses. Failures count for the pair of account and address, so that nobody can
 * lock out somebody else elsewhere; five are free, then each doubles the wait, from 1 second to 5
 * minutes. An address that fails with many accounts waits too, except for accounts that it has
 * logged in with. Addresses of IPv6 count by their /64. Whether an account exists makes no
 * difference.
 */
export interface BackOff {
  /**
   * Runs an attempt, those of one pair in turn, so that many at once are no way around. Throws
   * TOOMANYREQUESTS, saying how long to wait, without running it. UNAUTHORIZED is a failure; any
   * other error says nothing.
   */
  attempt<T>(who: LoginAttempt, work: () => Promise<T>): Promise<T>
  /** Whether the account has logged in from there, as far as this process remembers. */
  knows(who: LoginAttempt): boolean
  /** Counts a failure that cost nothing to find out. Throws as `attempt` does. */
  countFailure(who: LoginAttempt): void
}

export interface BackOffOptions {
  readonly monotonicMs?: () => number
  /** Told of everybody who has to wait. */
  readonly onRefused?: (who: LoginAttempt) => void
}

export function createBackOff(options: BackOffOptions = {}): BackOff {
  const { monotonicMs = () => performance.now(), onRefused } = options
  const failures = createFailures(monotonicMs)
  /** The last attempt of each pair that is under way. */
  const turns = new Map<string, Promise<void>>()

  const check = (who: LoginAttempt) => {
    const waitMs = failures.waitMs(who)
    if (waitMs <= 0) return
    onRefused?.(who)
    throw tooMany(waitMs)
  }
  const run = async <T>(who: LoginAttempt, work: () => Promise<T>): Promise<T> => {
    check(who)
    const begun = failures.begin(who)
    try {
      const result = await work()
      begun.end('succeeded')
      return result
    } catch (error) {
      begun.end(isRefusal(error, 'UNAUTHORIZED') ? 'failed' : 'unknown')
      throw error
    }
  }

  return {
    knows: failures.knows,
    async attempt(who, work) {
      const pair = failures.pairOf(who)
      const before = turns.get(pair)
      const result = before === undefined ? run(who, work) : before.then(() => run(who, work))
      const turn = result.then(nothing, nothing)
      turns.set(pair, turn)
      try {
        return await result
      } finally {
        if (turns.get(pair) === turn) turns.delete(pair)
      }
    },
    countFailure(who) {
      check(who)
      failures.begin(who).end('failed')
    },
  }
}

function tooMany(waitMs: number): RegistryError {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000))
  return new RegistryError(
    'TOOMANYREQUESTS',
    `Too many failed logins: try again in ${seconds} ${seconds === 1 ? 'second' : 'seconds'}.`,
    { headers: { 'retry-after': String(seconds) } },
  )
}

function nothing(): void {}
