import { expect, test } from 'vitest'
import { describeDatabases } from '../support/databases.ts'
import { type Random, seededRandom } from '../support/random.ts'
import { doMeet, type Operation, operations } from './operations.ts'
import {
  countSchedules,
  everySchedule,
  type Interruption,
  listInterruptions,
  randomSchedule,
  type Schedule,
  scheduleOf,
} from './schedule.ts'
import { openStage } from './stage.ts'
import { describeRound, type Round, Theatre } from './theatre.ts'

const seed = Number(process.env.ENTREPOT_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32))
/** On SQLite there is much less to try. */
const defaultSeconds = { sqlite: 12, postgres: 40 }
/** Whatever the time: a busy machine shows something too. */
const fewestRounds = 60
/** Pairs with fewer orders than this are tried in all of them, others in those of two stops. */
const mostSchedules = 60
const mostFaults = 3
/** Of so many rounds, one has three callers. */
const triples = 4

describeDatabases(`interleavings (ENTREPOT_TEST_SEED=${seed})`, (databases) => {
  const seconds = Number(process.env.ENTREPOT_TEST_SECONDS ?? defaultSeconds[databases.dialect])
  test(`of pushes, mounts, tags and deletions in ${seconds} seconds`, {
    timeout: 180_000 + 2000 * seconds,
  }, async () => {
    await using stage = await openStage(databases, 3)
    const grain = databases.dialect === 'postgres' ? 'statement' : 'transaction'
    const theatre = new Theatre(stage, grain)
    const random = seededRandom(seed)
    const plans = await listPlans(theatre, random)
    const faulty = await playPlans(theatre, { plans, random, seconds })
    expect(faulty.map(describeRound).join('\n\n')).toBe('')
    // Rounds in which nobody had to wait show nothing.
    if (grain === 'statement') expect(theatre.totals.waits).toBeGreaterThan(0)
  })
})

/** Until the time is up or enough is wrong: returns the rounds with faults. */
async function playPlans(theatre: Theatre, { plans, random, seconds }: Programme) {
  const { totals } = theatre
  const until = performance.now() + 1000 * seconds
  const faulty: Round[] = []
  let played = 0
  const isTime = () => performance.now() < until || totals.rounds < fewestRounds
  while (isTime() && faulty.length < mostFaults) {
    const planned = totals.rounds % triples === 0 ? undefined : plans[played]
    if (planned) played += 1
    const { cast, schedule } = planned ?? (await inventPlan(theatre, random))
    const round = await theatre.round(cast, schedule)
    if (round.faults.length > 0) faulty.push(round)
  }
  process.stdout.write(
    `interleavings at every ${theatre.grain} (seed ${seed}): ${totals.rounds} rounds of ` +
      `${totals.steps} steps, ${played} of ${plans.length} planned; ${totals.waits} waits for ` +
      `locks, ${totals.retries} retries, ${totals.orders} orders of whole transactions\n`,
  )
  return faulty
}

interface Programme {
  readonly plans: readonly Plan[]
  readonly random: Random
  readonly seconds: number
}

interface Plan {
  readonly cast: readonly Operation[]
  readonly schedule: Schedule
}

/** First what pairs that want the same rows do to each other, last where both are stopped. */
async function listPlans(theatre: Theatre, random: Random): Promise<Plan[]> {
  const meeting: Plan[] = []
  const passing: Plan[] = []
  const stopped: Plan[] = []
  for (const [at, one] of operations.entries()) {
    for (const other of operations.slice(at)) {
      const steps = [await theatre.stepsOf(one), await theatre.stepsOf(other)] as const
      const { once, twice } = schedulesOf(steps)
      const planOf = (schedule: Schedule): Plan => ({ cast: [one, other], schedule })
      const soon = doMeet(one, other) ? meeting : passing
      soon.push(...once.map(planOf))
      stopped.push(...twice.map(planOf))
    }
  }
  return [meeting, passing, stopped].flatMap((plans) => shuffle(plans, random))
}

/** Every order if they are few, else every way for one to interrupt the other, and to be in turn. */
function schedulesOf(steps: readonly [number, number]): { once: Schedule[]; twice: Schedule[] } {
  if (countSchedules(steps) <= mostSchedules) {
    return { once: everySchedule(steps, mostSchedules), twice: [] }
  }
  const stops = listInterruptions(steps)
  const isOnce = ({ starts, second }: Interruption) => second === steps[1 - starts]
  return {
    once: stops.filter(isOnce).map(scheduleOf),
    twice: stops.filter((stop) => !isOnce(stop)).map(scheduleOf),
  }
}

/** Three callers in any order, of whom two may meet the first. */
async function inventPlan(theatre: Theatre, random: Random): Promise<Plan> {
  const first = random.pick(operations)
  const others = operations.filter((each) => doMeet(first, each))
  const cast = [first, random.pick(others), random.pick(others)]
  const steps: number[] = []
  for (const operation of cast) steps.push(await theatre.stepsOf(operation))
  return { cast, schedule: randomSchedule(random, steps) }
}

function shuffle<T>(items: readonly T[], random: Random): T[] {
  return items
    .map((item) => ({ item, order: random.next() }))
    .sort((one, other) => one.order - other.order)
    .map(({ item }) => item)
}
