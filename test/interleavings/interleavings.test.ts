import { expect, test } from 'vitest'
import { describeDatabases } from '../support/databases.ts'
import { type Random, seededRandom } from '../support/random.ts'
import { doMeet, type Operation, operations } from './operations.ts'
import { listUnknownPins } from './pinned.ts'
import { listPlans, type Programme } from './programme.ts'
import { randomSchedule, type Schedule } from './schedule.ts'
import { openStage } from './stage.ts'
import { describeRound, type Round, Theatre } from './theatre.ts'

const seed = Number(process.env.ENTREPOT_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32))
/** On SQLite there is much less to try. */
const defaultSeconds = { sqlite: 12, postgres: 40 }
/** Whatever the time: a busy machine shows something too. */
const fewestRounds = 60
const mostFaults = 3
/** Of so many rounds after the pinned ones, one has three callers. */
const triples = 4

/** Parts of names, to play only these operations: "mount, PUT manifest sparse". */
const wished = (process.env.ENTREPOT_TEST_OPERATIONS ?? '').split(',').map((part) => part.trim())
const chosen = operations.filter(({ name }) => wished.some((part) => name.includes(part)))

test('every pinned pair is one of operations that there are', () => {
  expect(listUnknownPins(operations)).toEqual([])
})

describeDatabases(`interleavings (ENTREPOT_TEST_SEED=${seed})`, (databases) => {
  const seconds = Number(process.env.ENTREPOT_TEST_SECONDS ?? defaultSeconds[databases.dialect])
  test(`of pushes, mounts, tags and deletions in ${seconds} seconds`, {
    timeout: 300_000 + 2000 * seconds,
  }, async () => {
    expect(chosen, 'ENTREPOT_TEST_OPERATIONS names none').not.toEqual([])
    await using stage = await openStage(databases, 3)
    const grain = databases.dialect === 'postgres' ? 'statement' : 'transaction'
    const theatre = new Theatre(stage, grain)
    const random = seededRandom(seed)
    const until = performance.now() + 1000 * seconds
    const programme = await listPlans(theatre, chosen, random)
    const faulty = await playAll(theatre, { programme, random, until })
    expect(faulty.map(describeRound).join('\n\n')).toBe('')
    // Rounds in which nobody had to wait show nothing.
    if (grain === 'statement' && chosen.length === operations.length) {
      expect(theatre.totals.waits).toBeGreaterThan(0)
    }
  })
})

interface Season {
  readonly programme: Programme
  readonly random: Random
  readonly until: number
}

/** What is pinned, then until the time is up or enough is wrong: returns the rounds with faults. */
async function playAll(theatre: Theatre, { programme, random, until }: Season): Promise<Round[]> {
  const { totals } = theatre
  const faulty: Round[] = []
  const isTime = () =>
    programme.hasPinned() || performance.now() < until || totals.rounds < fewestRounds
  while (isTime() && faulty.length < mostFaults) {
    const isTriple = !programme.hasPinned() && totals.rounds % triples === 0
    const plan = isTriple ? undefined : programme.next()
    const { cast, schedule } = plan
      ? { cast: plan.pair.cast, schedule: plan.schedule }
      : await inventTriple(theatre, random)
    const round = await theatre.round(cast, schedule)
    plan?.pair.note(plan, round)
    if (round.faults.length > 0) faulty.push(round)
  }
  process.stdout.write(
    `interleavings at every ${theatre.grain} (seed ${seed}): ${totals.rounds} rounds of ` +
      `${totals.steps} steps; ${programme.describe()}; ${totals.waits} waits for ` +
      `locks, ${totals.retries} retries, ${totals.orders} orders of whole transactions\n`,
  )
  return faulty
}

interface Invented {
  readonly cast: readonly Operation[]
  readonly schedule: Schedule
}

/** Three callers in any order, of whom two may meet the first. */
async function inventTriple(theatre: Theatre, random: Random): Promise<Invented> {
  const first = random.pick(chosen)
  const others = chosen.filter((each) => doMeet(first, each))
  const cast = [first, random.pick(others), random.pick(others)]
  const steps: number[] = []
  for (const operation of cast) steps.push((await theatre.walkOf(operation)).steps)
  return { cast, schedule: randomSchedule(random, steps) }
}
