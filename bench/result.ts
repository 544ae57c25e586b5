import type { Aim } from './aims.ts'
import type { BenchOptions } from './options.ts'
import type { Row, Sample, Stage, Subject, Subjects } from './row.ts'
import type { Targets } from './servers.ts'
import { medianOf } from './timing.ts'

/** All that was measured for a row. */
export interface Result {
  readonly name: string
  readonly title: string
  readonly unit: string
  readonly better: Row['better']
  readonly baseline: string | undefined
  readonly aims: readonly Aim[]
  readonly samples: Readonly<Partial<Record<Subject, readonly Sample[]>>>
}

/** In turns, and each round begins with the other end: what disturbs the machine disturbs all. */
export async function measureRow(
  row: Row,
  targets: Targets,
  options: BenchOptions,
): Promise<Result> {
  await using kept = openKept()
  const subjects = listSubjects(await row.prepare({ ...targets, options, keep: kept.keep }))
  const samples: Partial<Record<Subject, Sample[]>> = {}
  const rounds = Math.min(options.rounds, row.maxRounds ?? options.rounds)
  for (let round = 0; round < rounds; round++) {
    for (const [subject, measure] of round % 2 === 0 ? subjects : subjects.toReversed()) {
      samples[subject] ??= []
      samples[subject].push(await measure())
      process.stderr.write('.')
    }
  }
  const { name, unit, better, aims } = row
  const baseline = row.baseline?.(options)
  return { name, title: row.title(options), unit, better, baseline, aims, samples }
}

function listSubjects(subjects: Subjects): [Subject, () => Promise<Sample>][] {
  const order: readonly Subject[] = ['entrepot', 'baseline', 'docker-registry', 'bare']
  return order.flatMap((subject) => {
    const measure = subjects[subject]
    return measure === undefined ? [] : [[subject, measure]]
  })
}

function openKept(): AsyncDisposable & Pick<Stage, 'keep'> {
  const kept: AsyncDisposable[] = []
  return {
    keep: (opened) => {
      kept.push(opened)
      return opened
    },
    [Symbol.asyncDispose]: async () => {
      for (const opened of kept.reverse()) await opened[Symbol.asyncDispose]()
    },
  }
}

/** One figure over all rounds. */
export interface Figures {
  readonly median: number
  readonly least: number
  readonly most: number
}

export interface Summary {
  readonly value: Figures
  readonly p99Ms: Figures | undefined
  readonly loopDelayP99Ms: Figures | undefined
}

/** Undefined when nothing was measured. */
export function summarize(samples: readonly Sample[] | undefined): Summary | undefined {
  const value = figuresOf(samples?.map((sample) => sample.value))
  if (samples === undefined || value === undefined) return undefined
  return {
    value,
    p99Ms: figuresOf(samples.map((sample) => sample.p99Ms)),
    loopDelayP99Ms: figuresOf(samples.map((sample) => sample.loopDelayP99Ms)),
  }
}

function figuresOf(numbers: readonly (number | undefined)[] | undefined): Figures | undefined {
  const known = numbers?.filter((number) => number !== undefined) ?? []
  if (known.length === 0) return undefined
  return { median: medianOf(known), least: Math.min(...known), most: Math.max(...known) }
}
