import { sql } from 'kysely'
import type { Actor } from '../domain/actor.ts'
import type { Queries } from './database.ts'
import { insertEvent } from './events.ts'
import { insertRun } from './job-runs.ts'
import { nowMsOnce } from './sql.ts'

/** Work that is done by schedule, for a feed or, with `feedId` 0, for the server. */
export interface JobRecord {
  readonly id: number
  readonly kind: string
  readonly feedId: number
  /** Cron text. */
  readonly schedule: string
  readonly timeZone: string
  readonly enabled: 0 | 1
  readonly nextRunAt: number | null
}

const columns = [
  'jobs.id',
  'jobs.kind',
  'jobs.feed_id as feedId',
  'jobs.schedule',
  'jobs.time_zone as timeZone',
  'jobs.enabled',
  'jobs.next_run_at as nextRunAt',
] as const

/** Adds jobs that are not there yet. */
export async function ensureJobs(
  trx: Queries,
  input: { readonly jobs: readonly Omit<JobRecord, 'id'>[] },
): Promise<void> {
  for (const { kind, feedId, schedule, timeZone, enabled, nextRunAt } of input.jobs) {
    await trx
      .insertInto('jobs')
      .values({
        ...{ kind, feed_id: feedId, schedule, time_zone: timeZone, enabled },
        next_run_at: nextRunAt,
      })
      .onConflict((conflict) => conflict.columns(['kind', 'feed_id']).doNothing())
      .execute()
  }
}

/** Feeds, and 0 for the server, that have no job of this kind yet. */
export async function listFeedsWithoutJob(db: Queries, kind: string): Promise<number[]> {
  const rows = await db
    .selectFrom('feeds')
    .select('feeds.id')
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom('feed_names').select('key').whereRef('feed_names.feed_id', '=', 'feeds.id'),
      ),
    )
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('jobs')
            .select('jobs.id')
            .where('jobs.kind', '=', kind)
            .whereRef('jobs.feed_id', '=', 'feeds.id'),
        ),
      ),
    )
    .execute()
  return rows.map((row) => row.id)
}

export async function findJob(
  db: Queries,
  key: { readonly kind: string; readonly feedId: number },
): Promise<JobRecord | undefined> {
  return db
    .selectFrom('jobs')
    .select(columns)
    .where('kind', '=', key.kind)
    .where('feed_id', '=', key.feedId)
    .executeTakeFirst()
}

/** Jobs after the id `after`, of one feed or of all. */
export async function listJobs(
  db: Queries,
  page: { readonly feedId: number | null; readonly after: number; readonly count: number },
): Promise<JobRecord[]> {
  let query = db.selectFrom('jobs').select(columns).where('id', '>', page.after)
  if (page.feedId !== null) query = query.where('feed_id', '=', page.feedId)
  return query.orderBy('id').limit(page.count).execute()
}

/** Enabled jobs whose time has come, at most a hundred. */
export async function listDueJobs(
  db: Queries,
): Promise<(JobRecord & { feedName: string | null })[]> {
  return db
    .selectFrom('jobs')
    .leftJoin('feeds', 'feeds.id', 'jobs.feed_id')
    .select([...columns, 'feeds.name as feedName'])
    .where('jobs.enabled', '=', sql.lit(1))
    .where('jobs.next_run_at', '<=', nowMsOnce)
    .orderBy('jobs.next_run_at')
    .limit(100)
    .execute()
}

/**
 * Asks for the run of a job whose time has come, and sets its next time. False: another process
 * did, or the job was changed meanwhile.
 */
export async function queueScheduledRun(
  trx: Queries,
  input: Pick<JobRecord, 'id' | 'kind' | 'feedId' | 'nextRunAt'> & {
    readonly feedName: string | null
    readonly thenAt: number | null
  },
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('jobs')
    .set({ next_run_at: input.thenAt })
    .where('id', '=', input.id)
    .where('next_run_at', '=', input.nextRunAt)
    .where('enabled', '=', 1)
    .executeTakeFirstOrThrow()
  if (numUpdatedRows === 0n) return false
  const { kind, feedId, feedName } = input
  await insertRun(trx, { kind, feedId, feedName, params: {}, by: 'schedule' })
  return true
}

export interface JobChange {
  readonly kind: string
  readonly feedId: number
  readonly schedule: string
  readonly timeZone: string
  readonly enabled: 0 | 1
  readonly nextRunAt: number | null
  readonly by: Actor
}

/** Sets when a job runs. Undefined when there is none of that kind and feed. */
export async function updateJob(trx: Queries, change: JobChange): Promise<JobRecord | undefined> {
  const { kind, feedId, schedule, timeZone, enabled, nextRunAt, by } = change
  const job = await trx
    .updateTable('jobs')
    .set({ schedule, time_zone: timeZone, enabled, next_run_at: nextRunAt })
    .where('kind', '=', kind)
    .where('feed_id', '=', feedId)
    .returning(columns)
    .executeTakeFirst()
  if (job === undefined) return undefined
  await insertEvent(trx, {
    kind: 'job.changed',
    by: by.name,
    address: by.address,
    ...(feedId > 0 && { feedId }),
    detail: { job: kind, schedule, timeZone, enabled: enabled === 1 },
  })
  return job
}
