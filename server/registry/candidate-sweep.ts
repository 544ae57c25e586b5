import { type CandidateCursor, type CandidateKind, listDueCandidates } from '../db/candidates.ts'
import type { Db } from '../db/database.ts'
import { isRefusal } from '../domain/errors.ts'
import { type CleanupReport, rest } from './cleanup-report.ts'

/** What clean-up did with some candidates. */
interface Outcome {
  /** So many were read. */
  readonly looked: number
  readonly last: CandidateCursor | null
  readonly removed: readonly unknown[]
}

interface Pick {
  readonly limit: number
  readonly after: CandidateCursor | null
}

/** What is due of one repository or store. */
export interface Sweep<O extends Outcome> {
  readonly kind: CandidateKind
  readonly scopeId: number
  /** So many at once. */
  readonly limit: number
  readonly dryRun: boolean
  /** Deals with what is due after `after`, at most `limit`; without a dry run it is due no more. */
  take(pick: Pick): Promise<O>
  tell(outcome: O): void
}

export interface SweepDeps {
  readonly db: Db
  readonly report: CleanupReport
}

/** So many faults in one place are no longer about single items. */
const mostFaults = 100

/**
 * Goes through all that is due in short batches; how much went. What cannot be dealt with is
 * reported one by one and passed over: the next run looks at it again.
 */
export async function sweepCandidates<O extends Outcome>(
  deps: SweepDeps,
  sweep: Sweep<O>,
): Promise<number> {
  let after: CandidateCursor | null = null
  let removed = 0
  let faults = 0
  while (!deps.report.signal.aborted) {
    const startedAt = performance.now()
    const taken: Taken<O> = await takeBatch(deps, sweep, after)
    for (const outcome of taken.outcomes) {
      sweep.tell(outcome)
      removed += outcome.removed.length
    }
    faults += taken.faults
    after = taken.after
    if (taken.atEnd || faults >= mostFaults) break
    await rest(startedAt)
  }
  return removed
}

interface Taken<O> {
  readonly outcomes: readonly O[]
  readonly faults: number
  readonly after: CandidateCursor | null
  readonly atEnd: boolean
}

async function takeBatch<O extends Outcome>(
  deps: SweepDeps,
  sweep: Sweep<O>,
  after: CandidateCursor | null,
): Promise<Taken<O>> {
  try {
    const outcome = await sweep.take({ limit: sweep.limit, after })
    return {
      outcomes: [outcome],
      faults: 0,
      after: sweep.dryRun ? outcome.last : after,
      atEnd: outcome.looked < sweep.limit,
    }
  } catch (error) {
    throwUnlessOfItem(error)
    return takeSingly(deps, sweep, after)
  }
}

/** The same candidates one by one: something is wrong with one of them. */
async function takeSingly<O extends Outcome>(
  { db, report }: SweepDeps,
  sweep: Sweep<O>,
  start: CandidateCursor | null,
): Promise<Taken<O>> {
  const outcomes: O[] = []
  let faults = 0
  let after = start
  for (let at = 0; at < sweep.limit && !report.signal.aborted; at += 1) {
    const [next] = await listDueCandidates(db.read, { ...sweep, limit: 1, after })
    if (next === undefined) return { outcomes, faults, after, atEnd: true }
    try {
      const outcome = await sweep.take({ limit: 1, after })
      outcomes.push(outcome)
      if (sweep.dryRun) after = outcome.last
    } catch (error) {
      throwUnlessOfItem(error)
      report.fault(`The ${sweep.kind} ${next.digest} could not be cleaned up`, error)
      faults += 1
      after = next
    }
  }
  return { outcomes, faults, after, atEnd: false }
}

/** A database that is gone is no fault of an item, nor is a repository. */
function throwUnlessOfItem(error: unknown): void {
  const codes = ['UNAVAILABLE', 'STORAGE_FULL', 'NAME_UNKNOWN'] as const
  if (codes.some((code) => isRefusal(error, code))) throw error
}
