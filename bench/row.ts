import type { BenchOptions } from './options.ts'
import type { Target, Targets } from './servers.ts'

/** One line of the table. */
export interface Row {
  readonly name: string
  /** With the sizes as scaled. */
  readonly title: (options: BenchOptions) => string
  readonly unit: string
  /** How many times the peer it should be. */
  readonly aim: number
  /** Makes what is needed on both servers; returns what measures one round on one of them. */
  readonly prepare: (targets: Targets, options: BenchOptions) => Promise<Prepared>
}

export interface Prepared extends AsyncDisposable {
  /** More is better. */
  readonly measure: (target: Target) => Promise<number>
  /** What Node itself does at most, where that is worth comparing. */
  readonly measureBare?: () => Promise<number>
}

export const nothingToDispose: AsyncDisposable = { [Symbol.asyncDispose]: async () => {} }

/** A whole number, at least 1. */
export function scaled(number: number, { scale }: BenchOptions): number {
  return Math.max(1, Math.round(number * scale))
}

/** Runs a job for each item, so many at once; returns the seconds it took. */
export async function timeAll<T>(
  items: readonly T[],
  atOnce: number,
  job: (item: T) => Promise<void>,
): Promise<number> {
  const rest = items.values()
  const work = async () => {
    for (const item of rest) await job(item)
  }
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, work))
  return (performance.now() - startedAt) / 1000
}

export function formatSize(bytes: number): string {
  if (bytes >= 1 << 30) return `${+(bytes / 2 ** 30).toFixed(1)} GiB`
  return bytes >= 1 << 20
    ? `${+(bytes / 2 ** 20).toFixed(1)} MiB`
    : `${Math.round(bytes / 1024)} KiB`
}
