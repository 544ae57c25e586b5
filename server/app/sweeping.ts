import { setTimeout as sleep } from 'node:timers/promises'
import { pruneKeyRequests } from '../auth/key-usage.ts'
import type { Db } from '../db/database.ts'
import { pruneEvents } from '../db/events.ts'
import type { Log } from '../log.ts'
import { removeDeletedFeeds } from '../registry/feeds.ts'
import { pruneOldPulls } from '../registry/pulls.ts'
import { removeDeletedRepositories } from '../registry/repositories.ts'
import type { Settings } from '../registry/settings.ts'
import type { Uploads } from '../registry/uploads.ts'

export interface SweepDeps {
  readonly db: Db
  readonly log: Log
  readonly settings: Settings
  readonly uploads: Uploads
}

const intervalMs = 30_000
const dayMs = 24 * 60 * 60 * 1000
const pruneBatch = 500
/** Between two batches, and of them in one sweep: others write too. */
const pauseMs = 20
const maxBatches = 50

/**
 * Removes, every half minute, what nobody needs any more: the content of deleted feeds, of those
 * too that another process deleted, and what audit and keys' request logs kept for long enough.
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
    work: ({ db, uploads }) =>
      removeDeletedFeeds({ db, purgeUploads: (feedId) => uploads.purgeIdle(0, { feedId }) }),
    failure: 'The content of a deleted registry could not be removed yet',
  },
  {
    work: ({ db, uploads }) =>
      removeDeletedRepositories({
        db,
        purgeUploads: (repositoryId) => uploads.purgeIdle(0, { repositoryId }),
      }),
    failure: 'The content of a deleted repository could not be removed yet',
  },
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
    work: ({ db }, stop) => inBatches(() => pruneKeyRequests({ db }), stop),
    failure: 'Old requests of API keys could not be removed yet',
  },
  {
    work: ({ db }, stop) => inBatches(() => pruneOldPulls({ db }, Date.now()), stop),
    failure: 'Counts of pulls of long ago could not be removed yet',
  },
]

async function inBatches(prune: () => Promise<boolean>, stop: AbortSignal): Promise<void> {
  for (let batch = 0; batch < maxBatches && !stop.aborted; batch += 1) {
    if (!(await prune())) return
    await sleep(pauseMs)
  }
}
