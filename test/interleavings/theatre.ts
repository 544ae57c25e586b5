import { outcomeOf } from '../support/content-operations.ts'
import { type Grain, gatedCaller } from './caller.ts'
import type { Gate } from './gate.ts'
import type { Operation } from './operations.ts'
import { differences, type Picture, takePicture } from './picture.ts'
import { everySchedule, formatSchedule, type Schedule } from './schedule.ts'
import { type Played, play } from './scheduler.ts'
import type { Stage } from './stage.ts'
import { type Ended, listFaults } from './verdict.ts'

/** How a round went. */
export interface Round extends Played, Ended {
  readonly faults: readonly string[]
}

/** How many steps an operation takes, and after which of them a transaction of it has ended. */
export interface Walk {
  readonly steps: number
  readonly ends: readonly number[]
}

/** Orders of whole transactions that are tried for what a round may be told and leave. */
const mostOrders = 40

/** Plays operations on a stage and judges what comes of it. */
export class Theatre {
  readonly #stage: Stage
  readonly grain: Grain
  readonly #alone = new Map<Operation, Record<Grain, Walk>>()
  /** By the operations: results that come of whole transactions in some order. */
  readonly #serial = new Map<string, Serial>()
  readonly #judged = new Map<string, readonly string[]>()
  readonly totals = { rounds: 0, orders: 0, steps: 0, waits: 0, retries: 0 }

  constructor(stage: Stage, grain: Grain) {
    this.#stage = stage
    this.grain = grain
  }

  /** How it goes when nobody is in its way. */
  async walkOf(operation: Operation): Promise<Walk> {
    return (await this.#walks(operation))[this.grain]
  }

  /** Plays and judges. Faults say what is wrong, empty if nothing is. */
  async round(operations: readonly Operation[], schedule: Schedule): Promise<Round> {
    const round = await this.#play(operations, schedule, this.grain)
    const faults = [...(await this.#judge(round))]
    if (round.retries > 0) faults.push(`${round.retries} writes met a deadlock`)
    if (this.grain === 'statement') faults.push(...(await this.#compare(round)))
    this.totals.rounds += 1
    this.totals.steps += round.taken.length
    this.totals.waits += round.waits
    this.totals.retries += round.retries
    return { ...round, faults }
  }

  async #walks(operation: Operation): Promise<Record<Grain, Walk>> {
    const known = this.#alone.get(operation)
    if (known) return known
    const walk = async (grain: Grain): Promise<Walk> => {
      const { marks } = await this.#play([operation], [], grain)
      const ends = marks.flatMap((mark, at) => (mark === 'ended' ? at + 1 : []))
      return { steps: marks.length, ends }
    }
    const walks = { statement: await walk('statement'), transaction: await walk('transaction') }
    this.#alone.set(operation, walks)
    return walks
  }

  async #play(operations: readonly Operation[], schedule: Schedule, grain: Grain) {
    const stage = this.#stage
    const since = await stage.restore()
    const before = await takePicture(stage, since)
    const acts = operations.map((operation, who) => async (gate: Gate) => {
      const db = stage.databases[who]
      if (!db) throw new Error('the stage has too few databases')
      return outcomeOf(operation.run(gatedCaller(db, gate, grain), stage, who))
    })
    const played = await play(acts, schedule, stage.listBlocked)
    return { ...played, operations, before, after: await takePicture(stage, since) }
  }

  /** What ends the same is judged once: that takes as long as to play it. */
  async #judge(ended: Ended): Promise<readonly string[]> {
    const names = ended.operations.map(({ name }) => name)
    const key = JSON.stringify([names, resultOf(ended.outcomes, ended.after), ...this.#stage.disk])
    const known = this.#judged.get(key)
    if (known) return known
    const faults = await listFaults(this.#stage, ended)
    this.#judged.set(key, faults)
    return faults
  }

  /** Whether some order of whole transactions has the same answers and leaves the same. */
  async #compare({ operations, outcomes, after }: Played & Ended): Promise<string[]> {
    const serial = await this.#serialOf(operations)
    const result = resultOf(outcomes, after)
    while (!serial.results.has(result)) {
      const schedule = serial.left.pop()
      if (!schedule) return serial.isWhole ? describeNearest(serial, outcomes, after) : []
      const round = await this.#play(operations, schedule, 'transaction')
      this.totals.orders += 1
      serial.results.set(resultOf(round.outcomes, round.after), round)
    }
    return []
  }

  async #serialOf(operations: readonly Operation[]): Promise<Serial> {
    const key = operations.map(({ name }) => name).join()
    const known = this.#serial.get(key)
    if (known) return known
    const lengths: number[] = []
    for (const each of operations) lengths.push((await this.#walks(each)).transaction.steps)
    const left = everySchedule(lengths, mostOrders)
    const serial = { left, isWhole: left.length > 0, results: new Map() }
    this.#serial.set(key, serial)
    return serial
  }
}

interface Serial {
  readonly left: Schedule[]
  /** False when there are too many orders to try them all. */
  readonly isWhole: boolean
  readonly results: Map<string, Played & Ended>
}

function resultOf(outcomes: Ended['outcomes'], after: Picture): string {
  return JSON.stringify([outcomes.map(String), ...after])
}

function describeNearest(serial: Serial, outcomes: Ended['outcomes'], after: Picture): string[] {
  const faults = [...serial.results.values()].map((round) => [
    ...outcomes.flatMap((outcome, at) =>
      outcome === round.outcomes[at] ? [] : [`told ${outcome}, not ${round.outcomes[at]}`],
    ),
    ...differences(after, round.after),
  ])
  const nearest = faults.sort((one, other) => one.length - other.length)[0] ?? []
  return [`no order of whole transactions gives this; the nearest differs in ${nearest.join('; ')}`]
}

export function describeRound({ operations, outcomes, taken, faults }: Round): string {
  const callers = operations.map(({ name }, at) => `${'ABC'[at]}: ${name} → ${outcomes[at]}`)
  return [...callers, formatSchedule(taken), ...faults.map((fault) => `  ${fault}`)].join('\n')
}
