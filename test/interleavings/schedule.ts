import type { Random } from '../support/random.ts'

/** Whose turn it is, step by step; turns of callers that wait or are done are passed over. */
export type Schedule = readonly number[]

export function formatSchedule(schedule: Schedule): string {
  return schedule.map((caller) => 'ABC'[caller]).join('')
}

const times = (caller: number, count: number): number[] => Array(Math.max(0, count)).fill(caller)

/** Every order of so many steps each, until there are more than `most`: then none. */
export function everySchedule(steps: readonly number[], most: number): Schedule[] {
  if (countSchedules(steps) > most) return []
  const found: Schedule[] = []
  const extend = (schedule: Schedule, left: readonly number[]) => {
    if (left.every((count) => count === 0)) found.push(schedule)
    left.forEach((count, caller) => {
      if (count > 0) extend([...schedule, caller], left.with(caller, count - 1))
    })
  }
  extend([], steps)
  return found
}

export function countSchedules(steps: readonly number[]): number {
  let total = 0
  let ways = 1
  for (const count of steps) {
    for (let at = 1; at <= count; at += 1) {
      total += 1
      ways = (ways * total) / at
    }
  }
  return Math.round(ways)
}

/** One caller is stopped after `first` steps, the other one after `second` of its own. */
export interface Interruption {
  readonly starts: 0 | 1
  readonly first: number
  readonly second: number
}

/** Every way for two callers to interrupt each other, at most once each. */
export function listInterruptions(steps: readonly [number, number]): Interruption[] {
  const found: Interruption[] = []
  for (const starts of [0, 1] as const) {
    for (let first = 1; first <= steps[starts]; first += 1) {
      for (let second = steps[1 - starts] ?? 0; second >= 1; second -= 1) {
        found.push({ starts, first, second })
      }
    }
  }
  return found
}

/** Long enough for a caller that takes more steps than it did alone. */
const toTheEnd = 200

export function scheduleOf({ starts, first, second }: Interruption): Schedule {
  const other = 1 - starts
  return [...times(starts, first), ...times(other, second), ...times(starts, toTheEnd)]
}

/** Turns of random length, mostly short. */
export function randomSchedule(random: Random, steps: readonly number[]): Schedule {
  const schedule: number[] = []
  const callers = steps.map((_, caller) => caller)
  const longest = random.pick([1, 3, 8])
  const total = steps.reduce((sum, count) => sum + count, 0)
  while (schedule.length < total) {
    schedule.push(...times(random.pick(callers), random.between(1, longest)))
  }
  return schedule
}
