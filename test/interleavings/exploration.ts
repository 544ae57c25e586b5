import type { Operation } from './operations.ts'
import {
  countSchedules,
  everySchedule,
  type Interruption,
  listInterruptions,
  type Schedule,
  scheduleOf,
} from './schedule.ts'
import type { Played } from './scheduler.ts'
import type { Walk } from './theatre.ts'

/** One order in which two operations are played. */
export interface Plan {
  readonly pair: Exploration
  readonly schedule: Schedule
  /** Unless it is one of all orders. */
  readonly stop?: Interruption
}

/** Pairs with fewer orders than this are tried in all of them, others in those of two stops. */
const mostSchedules = 60

/** What happened to the one who came while the other was stopped. */
interface Sight {
  /** Its step that had to wait for the other one. */
  readonly parkedAt: number
  /** The first step with which a transaction of it ended. */
  readonly endedAt: number
}

/**
 * The orders of two operations, and which of them need not be played because one that was played
 * is the same: statements of two open transactions may be swapped unless one waits for the other,
 * since neither sees what the other has not committed.
 */
export class Exploration {
  readonly cast: readonly [Operation, Operation]
  readonly #walks: readonly [Walk, Walk]
  readonly #sights: readonly [Map<number, Sight>, Map<number, Sight>] = [new Map(), new Map()]

  constructor(cast: readonly [Operation, Operation], walks: readonly [Walk, Walk]) {
    this.cast = cast
    this.#walks = walks
  }

  /** Every order if they are few, else every way for one to interrupt the other, and to be in turn. */
  listPlans(): { readonly once: Plan[]; readonly twice: Plan[] } {
    const steps = [this.#walks[0].steps, this.#walks[1].steps] as const
    if (countSchedules(steps) <= mostSchedules) {
      const all = everySchedule(steps, mostSchedules)
      return { once: all.map((schedule) => ({ pair: this, schedule })), twice: [] }
    }
    const plans = listInterruptions(steps).map((stop) => ({
      ...{ pair: this, stop, schedule: scheduleOf(stop) },
    }))
    // The ends of transactions first: they tell most about what need not be played.
    const once = plans.filter(({ stop }) => this.#isOnce(stop))
    return {
      once: [
        ...once.filter(({ stop }) => this.#isEdge(stop)),
        ...once.filter(({ stop }) => !this.#isEdge(stop)),
      ],
      twice: plans.filter(({ stop }) => !this.#isOnce(stop)),
    }
  }

  /** Learns from a plan that was played. */
  note({ stop }: Plan, { taken, marks }: Played): void {
    if (!stop || !this.#isOnce(stop)) return
    const sight = { parkedAt: Number.POSITIVE_INFINITY, endedAt: Number.POSITIVE_INFINITY }
    for (let at = stop.first; taken[at] === 1 - stop.starts; at += 1) {
      const step = at - stop.first + 1
      if (marks[at] === 'ended') sight.endedAt = Math.min(sight.endedAt, step)
      if (marks[at] === 'parked') {
        sight.parkedAt = step
        break
      }
    }
    this.#sights[stop.starts].set(stop.first, sight)
  }

  /** Whether a plan that was played, or will be, comes to the same. */
  isNeedless({ stop }: Plan): boolean {
    if (!stop) return false
    const between = this.#between(stop)
    if (this.#isOnce(stop)) return between !== undefined
    const sight = this.#sights[stop.starts].get(stop.first) ?? between
    if (!sight) return false
    // It does not come that far before it has to wait.
    if (stop.second >= sight.parkedAt) return true
    // The last step before the stop may as well come after it; so it goes on, back to a commit.
    return stop.second < sight.endedAt && !this.#walks[stop.starts].ends.includes(stop.first)
  }

  #isOnce({ starts, second }: Interruption): boolean {
    return second === this.#walks[1 - starts]?.steps
  }

  /** Stopped after the first statement of a transaction, before its commit, or after it. */
  #isEdge({ starts, first }: Interruption): boolean {
    const { ends } = this.#walks[starts]
    return first === 1 || [first - 1, first, first + 1].some((step) => ends.includes(step))
  }

  /**
   * Two stops in one transaction made the other caller wait at the same step, before it had
   * committed anything: so does every stop between them.
   */
  #between({ starts, first }: Interruption): Sight | undefined {
    const known = [...this.#sights[starts]].filter(([, sight]) => sight.parkedAt < sight.endedAt)
    const { ends } = this.#walks[starts]
    for (const [low, sight] of known) {
      const isSame = ([high, other]: readonly [number, Sight]) =>
        high > first &&
        other.parkedAt === sight.parkedAt &&
        !ends.some((end) => end > low && end <= high)
      if (low < first && known.some(isSame)) return sight
    }
    return undefined
  }
}
