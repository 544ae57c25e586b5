import { setTimeout as sleep } from 'node:timers/promises'
import { pruneKeyRequests } from '../auth/key-usage.ts'
import type { Db } from '../db/database.ts'
import { pruneEvents } from '../db/events.ts'
import { pruneRuns } from '../db/job-log.ts'
import type { Log } from '../log.ts'
import { pruneOldPulls } from '../registry/pulls.ts'
import type { Settings } from '../registry/settings.ts'
import { foldAllSizes } from '../registry/sizes.ts'

export interface SweepDeps {
  readonly db: Db
  readonly log: Log
  readonly settings: Settings
}

const intervalMs = 30_000
const dayMs = 24 * 60 * 60 * 1000
const pruneBatch = 500
/** Between two batches, and of them in one sweep: others write too. */
const pauseMs = 20
const maxBatches = 50

/**
 * Removes, every half minute, what was kept for long enough: of the audit, the request logs of keys,
 * and the history of jobs; and adds up sizes.
 */
export function startSweeping(deps: SweepDeps): () => Promise<void> {
  const stop = new AbortController()
  let running: Promise<void> = Promise.resolve()
  const sweep = async () => {
    for (const { work, failure } of jobs) {
      if (stop.signal.aborted) return
      await work(deps, stop.signal).catch((err: unknown) => deps.log.error({ err }, failure))
    }
  }
  const timer = setInterval(() => {
    running = running.then(sweep)
  }, intervalMs)
  timer.unref()
  running = sweep()
  return async () => {
    clearInterval(timer)
    stop.abort()
    await running
  }
}

interface Job {
  work(deps: SweepDeps, stop: AbortSignal): Promise<unknown>
  /** What the log says when it fails; the next sweep tries again. */
  readonly failure: string
}

const jobs: readonly Job[] = [
  {
    work({ db, settings }, stop) {
      const maxAgeMs = dayMs * settings.integer('Audit.RetentionDays')
      const prune = async () =>
        (await db.write(pruneEvents, { maxAgeMs, limit: pruneBatch })) === pruneBatch
      return inBatches(prune, stop)
    },
    failure: 'Old entries of the audit could not be removed yet',
  },
  {
    work({ db, settings }, stop) {
      const maxAgeMs = dayMs * settings.integer('Jobs.HistoryDays')
      const prune = async () => (await db.write(pruneRuns, { maxAgeMs, limit: pruneBatch })) > 0
      return inBatches(prune, stop)
    },
    failure: 'Old runs of jobs could not be removed yet',
  },
  {
    work: ({ db }, stop) => inBatches(() => pruneKeyRequests({ db }), stop),
    failure: 'Old requests of API keys could not be removed yet',
  },
  {
    work: ({ db }, stop) => inBatches(() => pruneOldPulls({ db }, Date.now()), stop),
    failure: 'Counts of pulls of long ago could not be removed yet',
  },
  {
    work: ({ db }, stop) => foldAllSizes({ db }, stop),
    failure: 'Sizes could not be added up yet',
  },
]

async function inBatches(prune: () => Promise<boolean>, stop: AbortSignal): Promise<void> {
  for (let batch = 0; batch < maxBatches && !stop.aborted; batch += 1) {
    if (!(await prune())) return
    await sleep(pauseMs)
  }
}
