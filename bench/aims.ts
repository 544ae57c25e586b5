import { type Result, summarize } from './result.ts'
import type { Subject } from './row.ts'

/** What a row should reach, from the project's budgets: an aim, not a promise. */
export interface Aim {
  readonly figure: Figure
  readonly relation: '>=' | '<='
  readonly bound: number
}

export type Figure =
  | 'times the peer'
  | 'share of bare'
  | 'times baseline'
  | 'p99 times baseline'
  | 'p99 ms'
  | 'loop p99 ms'
  | 'value'

export interface Verdict extends Aim {
  /** Undefined when a subject that it needs was not measured. */
  readonly reached: number | undefined
  readonly met: boolean
}

const readers: Readonly<Record<Figure, (result: Result) => number | undefined>> = {
  'times the peer': timesPeer,
  'share of bare': (result) => ratio(median(result, 'entrepot'), median(result, 'bare')),
  'times baseline': (result) => ratio(median(result, 'entrepot'), median(result, 'baseline')),
  'p99 times baseline': ({ samples }) =>
    ratio(summarize(samples.entrepot)?.p99Ms?.median, summarize(samples.baseline)?.p99Ms?.median),
  'p99 ms': ({ samples }) => summarize(samples.entrepot)?.p99Ms?.median,
  'loop p99 ms': ({ samples }) => summarize(samples.entrepot)?.loopDelayP99Ms?.median,
  value: (result) => median(result, 'entrepot'),
}

export function judge(result: Result): Verdict[] {
  return result.aims.map((aim) => {
    const reached = readers[aim.figure](result)
    const met =
      reached !== undefined && (aim.relation === '>=' ? reached >= aim.bound : reached <= aim.bound)
    return { ...aim, reached, met }
  })
}

/** How many times better than the peer. */
export function timesPeer(result: Result): number | undefined {
  const [own, peer] = [median(result, 'entrepot'), median(result, 'docker-registry')]
  return result.better === 'more' ? ratio(own, peer) : ratio(peer, own)
}

function median({ samples }: Result, subject: Subject) {
  return summarize(samples[subject])?.value.median
}

function ratio(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : one / other
}
