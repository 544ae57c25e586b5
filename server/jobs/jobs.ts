import type { Db } from '../db/database.ts'
import { type LogLine, listLog } from '../db/job-log.ts'
import {
  cancelRun,
  findLastSuccess,
  findRun,
  listRuns,
  type RunPage,
  type RunParams,
  type RunRecord,
  requestRun,
} from '../db/job-runs.ts'
import { findJob, type JobRecord, listJobs, updateJob } from '../db/jobs.ts'
import { type RetiredRepository, retireRepository } from '../db/repository-deletion.ts'
import type { Actor } from '../domain/actor.ts'
import { RegistryError } from '../domain/errors.ts'
import type { Feed } from '../registry/feeds.ts'
import { checkRequest, getJobKind, type JobName, listJobKinds } from './job-kind.ts'
import { addMissingJobs } from './missing-jobs.ts'
import { checkSchedule, nextRunAt } from './schedule.ts'

/** A job with its last run. */
export interface JobInfo extends JobRecord {
  readonly lastRun: RunRecord | null
  /** When a run last ended well. */
  readonly lastSuccessAt: number | null
}

export interface JobsDeps {
  readonly db: Db
}

/** Jobs by id, of one registry or of all. */
export async function listJobInfos(
  { db }: JobsDeps,
  page: { readonly feedId: number | null; readonly after: number; readonly count: number },
): Promise<{ items: JobInfo[]; next: number | null }> {
  const jobs = await listJobs(db.read, { ...page, count: page.count + 1 })
  const items = await Promise.all(jobs.slice(0, page.count).map((job) => withLastRun(db, job)))
  return { items, next: jobs.length > page.count ? (items.at(-1)?.id ?? null) : null }
}

async function withLastRun(db: Db, job: JobRecord): Promise<JobInfo> {
  const { kind, feedId } = job
  const [lastRun = null] = await listRuns(db.read, { kind, feedId, before: null, count: 1 })
  const lastSuccessAt =
    lastRun?.state === 'succeeded'
      ? lastRun.endedAt
      : await findLastSuccess(db.read, { kind, feedId })
  return { ...job, lastRun, lastSuccessAt }
}

/** Asks for a run, which a serving process begins within seconds. Throws INVALID_FIELDS, NOT_FOUND. */
export async function runJob(
  { db, by }: JobsDeps & { readonly by: Actor },
  asked: {
    readonly job: string
    readonly feed: Feed | null
    readonly step: string | null
    readonly dryRun: boolean
  },
): Promise<{ id: number }> {
  const { feed, step, dryRun } = asked
  const kind = getJobKind(asked.job)
  checkRequest(kind, { feed: feed !== null, step, dryRun })
  const params: RunParams = { ...(step !== null && { step }), ...(dryRun && { dryRun }) }
  return db.write(requestRun, {
    ...{ kind: kind.name, feedId: feed?.id ?? 0, feedName: feed?.name ?? null, params, by },
  })
}

/**
 * Deletes a repository: unreachable at once; a job removes its content. Throws NAME_UNKNOWN when it
 * is gone.
 */
export function deleteRepository(
  { db, by }: JobsDeps & { readonly by: Actor },
  { feed, repositoryId }: { readonly feed: Feed; readonly repositoryId: number },
): Promise<RetiredRepository> {
  const kind: JobName = 'RepositoryDeletion'
  return db.write(retireRepository, { id: repositoryId, kind, feedName: feed.name, by })
}

/** A registry that was made a moment ago need not wait for the schedule's next look. */
async function findOrAddJob(db: Db, key: { readonly kind: string; readonly feedId: number }) {
  const found = await findJob(db.read, key)
  if (found || key.feedId === 0) return found
  const ofServer = listJobKinds().filter(({ scope }) => scope !== 'feed')
  await addMissingJobs(
    db,
    ofServer.map(({ name }) => name),
  )
  return findJob(db.read, key)
}

/** Changes when a job runs. Throws INVALID_FIELDS, or NOT_FOUND. */
export async function changeJob(
  { db, by }: JobsDeps & { readonly by: Actor },
  of: { readonly job: string; readonly feed: Feed | null },
  change: {
    readonly schedule?: string | undefined
    readonly timeZone?: string | undefined
    readonly enabled?: boolean | undefined
  },
): Promise<JobInfo> {
  const kind = getJobKind(of.job)
  const key = { kind: kind.name, feedId: of.feed?.id ?? 0 }
  const current = await findOrAddJob(db, key)
  if (!current) throw new RegistryError('NOT_FOUND', `There is no job ${kind.name} there.`)
  const when = {
    schedule: change.schedule ?? current.schedule,
    timeZone: change.timeZone ?? current.timeZone,
  }
  checkSchedule(when)
  const enabled = change.enabled ?? current.enabled === 1
  const job = await db.write(updateJob, {
    ...{ ...key, ...when, by },
    enabled: enabled ? 1 : 0,
    nextRunAt: enabled ? nextRunAt(when, Date.now()) : null,
  })
  if (!job) throw new RegistryError('NOT_FOUND', `There is no job ${kind.name} there.`)
  return withLastRun(db, job)
}

/** Runs, the newest first. */
export async function listJobRuns(
  { db }: JobsDeps,
  page: Omit<RunPage, 'kind'> & { readonly job: string | null },
): Promise<{ items: RunRecord[]; next: number | null }> {
  const kind = page.job === null ? null : getJobKind(page.job).name
  const runs = await listRuns(db.read, { ...page, kind, count: page.count + 1 })
  const items = runs.slice(0, page.count)
  return { items, next: runs.length > page.count ? (items.at(-1)?.id ?? null) : null }
}

/** Throws NOT_FOUND; also for a run of another registry than `feedId`, unless that is null. */
export async function getRun(
  { db }: JobsDeps,
  of: { readonly run: number; readonly feedId: number | null },
): Promise<RunRecord> {
  const run = await findRun(db.read, of.run)
  if (run && (of.feedId === null || run.feedId === of.feedId)) return run
  throw new RegistryError('NOT_FOUND', `There is no run ${of.run} there.`)
}

/** Lines of a run's log after `after`; the last page may get longer while it runs. */
export async function listRunLog(
  { db }: JobsDeps,
  page: { readonly runId: number; readonly after: number; readonly count: number },
): Promise<{ items: LogLine[]; next: number | null }> {
  const lines = await listLog(db.read, { ...page, count: page.count + 1 })
  const items = lines.slice(0, page.count)
  return { items, next: lines.length > page.count ? (items.at(-1)?.id ?? null) : null }
}

/** Stops a run: at once if it waits, else at its next heartbeat. Throws CONFLICT when it has ended. */
export async function stopRun(
  { db, by }: JobsDeps & { readonly by: Actor },
  run: RunRecord,
): Promise<RunRecord> {
  const outcome = await db.write(cancelRun, { id: run.id, by })
  if (outcome === 'ended') throw new RegistryError('CONFLICT', `The run ${run.id} has ended.`)
  return getRun({ db }, { run: run.id, feedId: null })
}
