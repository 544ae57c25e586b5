import type { Random } from '../support/random.ts'
import { Exploration, type Plan } from './exploration.ts'
import { doMeet, type Operation } from './operations.ts'
import { isPinned } from './pinned.ts'
import type { Theatre } from './theatre.ts'

/** What is played of pairs, in this order. */
export class Programme {
  readonly #plans: readonly Plan[]
  /** So many at the beginning are pinned. */
  readonly #pinned: number
  #at = 0
  #played = 0

  constructor(pinned: readonly Plan[], others: readonly Plan[]) {
    this.#plans = [...pinned, ...others]
    this.#pinned = pinned.length
  }

  hasPinned(): boolean {
    return this.#at < this.#pinned
  }

  /** The next that is not known to come to the same as another one. */
  next(): Plan | undefined {
    for (;;) {
      const plan = this.#plans[this.#at]
      if (!plan) return undefined
      this.#at += 1
      if (plan.pair.isNeedless(plan)) continue
      this.#played += 1
      return plan
    }
  }

  describe(): string {
    const needless = this.#at - this.#played
    const pinned = `${Math.min(this.#at, this.#pinned)} of ${this.#pinned} pinned`
    const left = this.#plans.length - this.#at
    return (
      `${this.#at} of ${this.#plans.length} plans of pairs (${pinned}): ${this.#played} played, ` +
      `${needless} the same as one of them; ${left === 0 ? 'complete' : `${left} left`}`
    )
  }
}

/** First the pinned pairs, then others that want the same rows, last where both are stopped. */
export async function listPlans(
  theatre: Theatre,
  operations: readonly Operation[],
  random: Random,
): Promise<Programme> {
  const pinned: Plan[] = []
  const meeting: Plan[] = []
  const passing: Plan[] = []
  const stopped: Plan[] = []
  for (const [at, one] of operations.entries()) {
    for (const other of operations.slice(at)) {
      const walks = [await theatre.walkOf(one), await theatre.walkOf(other)] as const
      const { once, twice } = new Exploration([one, other], walks).listPlans()
      if (isPinned(one, other)) pinned.push(...once)
      else (doMeet(one, other) ? meeting : passing).push(...once)
      stopped.push(...twice)
    }
  }
  const others = [meeting, passing, stopped].flatMap((plans) => shuffle(plans, random))
  return new Programme(pinned, others)
}

function shuffle<T>(items: readonly T[], random: Random): T[] {
  return items
    .map((item) => ({ item, order: random.next() }))
    .sort((one, other) => one.order - other.order)
    .map(({ item }) => item)
}
