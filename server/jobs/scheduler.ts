import { setTimeout as sleep } from 'node:timers/promises'
import type { Db } from '../db/database.ts'
import { listRetiredFeeds } from '../db/feeds.ts'
import { expireClaims } from '../db/job-claims.ts'
import { ensureDeletionRun } from '../db/job-runs.ts'
import { listDueJobs, queueScheduledRun } from '../db/jobs.ts'
import { listRetiredRepositories } from '../db/repository-deletion.ts'
import type { JobName } from './job-kind.ts'
import { addMissingJobs } from './missing-jobs.ts'
import type { JobLog, JobRunner } from './runner.ts'
import { nextRunAt } from './schedule.ts'

export interface SchedulerDeps {
  readonly db: Db
  readonly log: JobLog
  readonly runner: JobRunner
  readonly tickMs: number
  /** Kinds that get no schedule by themselves here. */
  readonly unscheduled: readonly JobName[]
}

/** After a deletion that failed. */
const deletionPauseMs = 60_000

/** Looks, now and every few seconds, what is to be run; until the returned function is called. */
export function startScheduler(deps: SchedulerDeps): () => Promise<void> {
  const stop = new AbortController()
  const ticking = tickUntil(deps, stop.signal)
  return async () => {
    stop.abort()
    await ticking
  }
}

async function tickUntil(deps: SchedulerDeps, stop: AbortSignal): Promise<void> {
  // Nobody else can be running anything: a lock keeps a second server off the data folder.
  if (deps.db.dialect === 'sqlite') await deps.db.write(expireClaims, undefined).catch(() => {})
  while (!stop.aborted) {
    await tick(deps).catch((err: unknown) =>
      deps.log.error({ err }, 'Jobs could not be looked for'),
    )
    // It must not keep a process alive that has nothing else to do.
    await sleep(deps.tickMs, undefined, { signal: stop, ref: false }).catch(() => {})
  }
}

async function tick({ db, runner, unscheduled }: SchedulerDeps): Promise<void> {
  await addMissingJobs(db, unscheduled)
  await queueDueJobs(db)
  for (const feedId of await listRetiredFeeds(db.read)) {
    await ensureDeletion(db, { kind: 'FeedDeletion', feedId })
  }
  for (const { id: repositoryId, feedId } of await listRetiredRepositories(db.read)) {
    await ensureDeletion(db, { kind: 'RepositoryDeletion', feedId, repositoryId })
  }
  await runner.wake()
}

async function ensureDeletion(
  db: Db,
  of: { readonly kind: JobName; readonly feedId: number; readonly repositoryId?: number },
): Promise<void> {
  await db.write(ensureDeletionRun, { ...of, pauseMs: deletionPauseMs })
}

/** A time that passed while no server ran counts once. */
async function queueDueJobs(db: Db): Promise<void> {
  for (const { schedule, timeZone, ...job } of await listDueJobs(db.read)) {
    const thenAt = nextRunAt({ schedule, timeZone }, Date.now())
    await db.write(queueScheduledRun, { ...job, thenAt })
  }
}
