import { setImmediate as letOthers, setTimeout as wait } from 'node:timers/promises'
import type { Outcome } from '../support/content-model.ts'
import { Gate } from './gate.ts'
import type { Schedule } from './schedule.ts'

/** Names of the gates whose callers wait for a lock of another one. */
export type ListBlocked = () => Promise<ReadonlySet<string>>

/** What became of a step: a transaction ended with it, or it began to wait for another caller. */
export type Mark = 'ran' | 'ended' | 'parked'

export interface Played {
  readonly outcomes: readonly Outcome[]
  /** Who really took a step, in order. */
  readonly taken: Schedule
  /** What became of each step taken. */
  readonly marks: readonly Mark[]
  /** Steps of each. */
  readonly steps: readonly number[]
  readonly retries: number
  /** How often somebody had to wait for a lock. */
  readonly waits: number
}

/** What a caller does, pausing at its gate. */
export type Act = (gate: Gate) => Promise<Outcome>

/** Plays acts at the same time, one step of one of them after the other, as the schedule says. */
export async function play(
  acts: readonly Act[],
  schedule: Schedule,
  listBlocked: ListBlocked,
): Promise<Played> {
  const round = new Round(acts, listBlocked)
  const taken: number[] = []
  const marks: Mark[] = []
  await round.settle()
  const turns = [...schedule].reverse()
  while (!round.isOver()) {
    const next = takeTurn(turns, round.gates)
    const gate = round.gates[next] as Gate
    const ends = gate.ends
    gate.step()
    taken.push(next)
    await round.settle()
    marks.push(gate.state === 'parked' ? 'parked' : gate.ends > ends ? 'ended' : 'ran')
    if (gate.ends > ends) await untilClockMoves()
  }
  const outcomes = await round.outcomes
  const retries = round.gates.reduce((sum, gate) => sum + gate.retries, 0)
  const steps = round.gates.map((gate) => gate.steps)
  return { outcomes, taken, marks, steps, retries, waits: round.waits }
}

/** What a transaction made due at once is due to the next: only what is older than now is. */
async function untilClockMoves(): Promise<void> {
  const at = Date.now()
  while (Date.now() === at) await letOthers()
}

/** The next of the schedule who can take a step, or the first who can. */
function takeTurn(turns: number[], gates: readonly Gate[]): number {
  for (let turn = turns.pop(); turn !== undefined; turn = turns.pop()) {
    if (gates[turn]?.state === 'paused') return turn
  }
  return gates.findIndex((gate) => gate.state === 'paused')
}

class Round {
  readonly gates: readonly Gate[]
  readonly outcomes: Promise<Outcome[]>
  readonly #listBlocked: ListBlocked
  #changes = 0
  #onChange: () => void = () => {}
  #ends = 0
  waits = 0

  constructor(acts: readonly Act[], listBlocked: ListBlocked) {
    this.#listBlocked = listBlocked
    const changed = () => {
      this.#changes += 1
      this.#onChange()
    }
    this.gates = acts.map((_, at) => new Gate(`caller-${at}`, changed))
    this.outcomes = Promise.all(
      acts.map(async (act, at) => {
        const gate = this.gates[at] as Gate
        return act(gate).finally(() => gate.become('done'))
      }),
    )
    // Whoever plays on awaits it in the end.
    this.outcomes.catch(() => {})
  }

  isOver(): boolean {
    return this.gates.every((gate) => gate.state === 'done')
  }

  /** Until everybody is at a gate, done, or waits for somebody who is. */
  async settle(): Promise<void> {
    for (;;) {
      this.#unpark()
      if (this.#has('running')) await this.#park()
      else if (this.#has('paused') || this.isOver()) return
      // They wait for each other: PostgreSQL ends that.
      else await this.#change(20)
    }
  }

  #has(state: Gate['state']): boolean {
    return this.gates.some((gate) => gate.state === state)
  }

  /** When a transaction has ended, somebody may have the lock. */
  #unpark(): void {
    const ends = this.gates.reduce((sum, gate) => sum + gate.ends, 0)
    if (ends === this.#ends) return
    this.#ends = ends
    for (const gate of this.gates) if (gate.state === 'parked') gate.state = 'running'
  }

  /** Sees who of the running is blocked, unless they come to a gate at once. */
  async #park(): Promise<void> {
    const changes = this.#changes
    await this.#change(2)
    if (this.#changes !== changes) return
    const blocked = await this.#listBlocked()
    for (const gate of this.gates) {
      if (gate.state !== 'running' || !blocked.has(gate.name)) continue
      gate.state = 'parked'
      this.waits += 1
    }
  }

  async #change(milliseconds: number): Promise<void> {
    const timer = new AbortController()
    const changed = new Promise<void>((resolve) => {
      this.#onChange = resolve
    })
    const timeout = wait(milliseconds, undefined, { signal: timer.signal }).catch(() => {})
    await Promise.race([changed, timeout])
    this.#onChange = () => {}
    timer.abort()
  }
}
