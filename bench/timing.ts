import type { Sample } from './row.ts'

/** How long a piece of work took, as a whole and each of its parts. */
export interface Timing {
  readonly seconds: number
  readonly eachMs: readonly number[]
}

/** Runs a job for each item, so many at once. */
export async function timeAll<T>(
  items: readonly T[],
  atOnce: number,
  job: (item: T) => Promise<unknown>,
): Promise<Timing> {
  const rest = items.values()
  const eachMs: number[] = []
  const work = async () => {
    for (const item of rest) eachMs.push(await timeOne(() => job(item)))
  }
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, work))
  return { seconds: (performance.now() - startedAt) / 1000, eachMs }
}

/** Runs a job over and over until the time is up, at least once, so many at once. */
export async function timeUntil(
  seconds: number,
  atOnce: number,
  job: () => Promise<unknown>,
): Promise<Timing> {
  const eachMs: number[] = []
  const startedAt = performance.now()
  const until = startedAt + seconds * 1000
  const work = async () => {
    do eachMs.push(await timeOne(job))
    while (performance.now() < until)
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return { seconds: (performance.now() - startedAt) / 1000, eachMs }
}

async function timeOne(job: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await job()
  return performance.now() - startedAt
}

/** Parts a second. */
export function rateSample({ seconds, eachMs }: Timing): Sample {
  return { value: eachMs.length / seconds, p99Ms: percentileOf(eachMs, 99) }
}

/** The median time of a part. */
export function latencySample({ eachMs }: Timing): Sample {
  return { value: percentileOf(eachMs, 50), p99Ms: percentileOf(eachMs, 99) }
}

/** Nearest rank: of fewer than 100 numbers the 99th percentile is the largest. */
export function percentileOf(numbers: readonly number[], percent: number): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? Number.NaN
}

export function medianOf(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const upper = sorted[sorted.length >> 1] ?? Number.NaN
  const lower = sorted[(sorted.length - 1) >> 1] ?? Number.NaN
  return (lower + upper) / 2
}
