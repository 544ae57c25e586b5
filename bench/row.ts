import type { Aim } from './aims.ts'
import { watchLoop } from './loop-delay.ts'
import type { BenchOptions } from './options.ts'
import type { Target, Targets } from './servers.ts'

/** Who is measured: both servers, what Entrepot does in an easier case, a server that does nothing. */
export type Subject = 'entrepot' | 'baseline' | 'docker-registry' | 'bare'

/** What one round on one subject gave. */
export interface Sample {
  /** In the row's unit. */
  readonly value: number
  /** 99th percentile of the time that one request (one image, one mount) took. */
  readonly p99Ms?: number
  /** 99th percentile of the delay of the server's event loop meanwhile. */
  readonly loopDelayP99Ms?: number
  /** What else is worth keeping, by name with its unit. */
  readonly besides?: Readonly<Record<string, number>>
}

/** One line of the table. */
export interface Row {
  readonly name: string
  /** With the sizes as scaled. */
  readonly title: (options: BenchOptions) => string
  readonly unit: string
  readonly better: 'more' | 'less'
  /** What the subject `baseline` is. */
  readonly baseline?: (options: BenchOptions) => string
  readonly aims: readonly Aim[]
  /** Of a row that takes long. */
  readonly maxRounds?: number
  /** Makes what is needed; returns what measures one round on each subject. */
  readonly prepare: (stage: Stage) => Promise<Subjects>
}

/** What a row works with. */
export interface Stage extends Targets {
  readonly options: BenchOptions
  /** What is given here is disposed of when the row is done or has failed, the last first. */
  readonly keep: <T extends AsyncDisposable>(opened: T) => T
}

export type Subjects = Readonly<Partial<Record<Subject, () => Promise<Sample>>>>

/** The same on both servers, with a look at Entrepot's event loop. */
export function onBoth(
  { entrepot, peer }: Targets,
  measure: (target: Target) => Promise<Sample>,
): Subjects {
  return {
    entrepot: () => watchLoop(entrepot, () => measure(entrepot)),
    'docker-registry': () => measure(peer),
  }
}

/** A whole number, at least 1. */
export function scaled(number: number, { scale }: BenchOptions): number {
  return Math.max(1, Math.round(number * scale))
}

export function formatSize(bytes: number): string {
  if (bytes >= 1 << 30) return `${+(bytes / 2 ** 30).toFixed(1)} GiB`
  return bytes >= 1 << 20
    ? `${+(bytes / 2 ** 20).toFixed(1)} MiB`
    : `${Math.round(bytes / 1024)} KiB`
}

export function formatCount(count: number): string {
  return count.toLocaleString('en')
}
