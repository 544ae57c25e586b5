import { sql } from 'kysely'
import type { Actor } from '../domain/actor.ts'
import type { Queries } from './database.ts'
import { insertEvent } from './events.ts'
import type { RunState } from './job-schema.ts'
import { nowMs, nowMsOnce } from './sql.ts'

export type RunParams = Readonly<Record<string, string | number | boolean>>

export interface RunRecord {
  readonly id: number
  readonly kind: string
  /** 0: the server's. */
  readonly feedId: number
  readonly feedName: string | null
  /** JSON of RunParams. */
  readonly params: string
  readonly state: RunState
  readonly requestedBy: string
  readonly requestedAt: number
  readonly startedAt: number | null
  readonly endedAt: number | null
  readonly attempts: number
  readonly cancelling: 0 | 1
  readonly progress: string | null
  /** JSON object of numbers. */
  readonly counts: string
  readonly resume: string | null
  readonly errorCount: number
  readonly error: string | null
}

/** As `RunRecord` has them. */
export const runColumns = [
  'id',
  'kind',
  'feed_id as feedId',
  'feed_name as feedName',
  'params',
  'state',
  'requested_by as requestedBy',
  'requested_at as requestedAt',
  'started_at as startedAt',
  'ended_at as endedAt',
  'attempts',
  'cancelling',
  'progress',
  'counts',
  'resume',
  'error_count as errorCount',
  'error',
] as const

export interface NewRun {
  readonly kind: string
  readonly feedId: number
  readonly feedName: string | null
  readonly params: RunParams
  readonly by: string
}

/** Asks for a run; one that waits already and was asked for in the same words is as good. */
export async function insertRun(trx: Queries, run: NewRun): Promise<{ id: number }> {
  const params = JSON.stringify(run.params)
  const waiting = await trx
    .selectFrom('job_runs')
    .select('id')
    .where('state', '=', sql.lit('queued'))
    .where('kind', '=', run.kind)
    .where('feed_id', '=', run.feedId)
    .where('params', '=', params)
    .executeTakeFirst()
  if (waiting) return waiting
  return trx
    .insertInto('job_runs')
    .values({
      ...{ kind: run.kind, feed_id: run.feedId, feed_name: run.feedName, params },
      ...{ state: 'queued', requested_by: run.by, requested_at: nowMs, attempts: 0 },
      ...{ cancelling: 0, counts: '{}', error_count: 0 },
    })
    .returning('id')
    .executeTakeFirstOrThrow()
}

/** The same, by somebody: the audit has it. */
export async function requestRun(
  trx: Queries,
  run: Omit<NewRun, 'by'> & { readonly by: Actor },
): Promise<{ id: number }> {
  const { id } = await insertRun(trx, { ...run, by: run.by.name })
  await insertEvent(trx, {
    kind: 'job.requested',
    by: run.by.name,
    address: run.by.address,
    ...(run.feedId > 0 && { feedId: run.feedId }),
    detail: { job: run.kind, run: id, ...run.params },
  })
  return { id }
}

/**
 * Asks for the deletion of what a retired feed or repository leaves, unless that waits, runs, or has
 * just failed. Any process that serves does, so a deletion ends whatever becomes of its first run.
 */
export async function ensureDeletionRun(
  trx: Queries,
  input: {
    readonly kind: string
    readonly feedId: number
    readonly repositoryId?: number
    readonly pauseMs: number
  },
): Promise<void> {
  const { kind, feedId, repositoryId } = input
  let runs = trx
    .selectFrom('job_runs')
    .select(['state', 'params'])
    .select(sql<number>`${nowMsOnce} - coalesce(ended_at, 0)`.as('endedAgoMs'))
    .where('kind', '=', kind)
    .where('feed_id', '=', feedId)
  if (repositoryId !== undefined) {
    runs = runs.where('params', 'like', `%"repositoryId":${repositoryId}}`)
  }
  const last = await runs.orderBy('id', 'desc').limit(1).executeTakeFirst()
  const isActive = last?.state === 'queued' || last?.state === 'running'
  if (isActive || (last && last.endedAgoMs < input.pauseMs)) return
  const feed = await trx
    .selectFrom('feeds')
    .select('name')
    .where('id', '=', feedId)
    .executeTakeFirst()
  if (!feed) return
  const first: RunParams = repositoryId === undefined ? {} : { repositoryId }
  const params = last ? (JSON.parse(last.params) as RunParams) : first
  await insertRun(trx, { kind, feedId, feedName: feed.name, params, by: 'Entrepot' })
}

/** Undefined: there is no such run. `cancelling`: its process stops at the next heartbeat. */
export async function cancelRun(
  trx: Queries,
  input: { readonly id: number; readonly by: Actor },
): Promise<'cancelled' | 'cancelling' | 'ended' | undefined> {
  const run = await trx
    .selectFrom('job_runs')
    .select(['state', 'kind', 'feed_id'])
    .where('id', '=', input.id)
    .forUpdate()
    .executeTakeFirst()
  if (!run) return undefined
  if (run.state !== 'queued' && run.state !== 'running') return 'ended'
  const change =
    run.state === 'running'
      ? { cancelling: 1 as const }
      : { state: 'cancelled' as const, ended_at: nowMs, cancelling: 1 as const }
  await trx.updateTable('job_runs').set(change).where('id', '=', input.id).execute()
  await insertEvent(trx, {
    kind: 'job.cancelled',
    by: input.by.name,
    address: input.by.address,
    ...(run.feed_id > 0 && { feedId: run.feed_id }),
    detail: { job: run.kind, run: input.id },
  })
  return run.state === 'running' ? 'cancelling' : 'cancelled'
}

export async function findRun(db: Queries, id: number): Promise<RunRecord | undefined> {
  return db.selectFrom('job_runs').select(runColumns).where('id', '=', id).executeTakeFirst()
}

export interface RunPage {
  readonly kind: string | null
  readonly feedId: number | null
  /** Only runs before this id; null: from the newest. */
  readonly before: number | null
  readonly count: number
}

/** Runs, the newest first. */
export async function listRuns(db: Queries, page: RunPage): Promise<RunRecord[]> {
  let query = db.selectFrom('job_runs').select(runColumns)
  if (page.before !== null) query = query.where('id', '<', page.before)
  if (page.kind !== null) query = query.where('kind', '=', page.kind)
  if (page.feedId !== null) query = query.where('feed_id', '=', page.feedId)
  return query.orderBy('id', 'desc').limit(page.count).execute()
}

/** When a run of the job last ended well; null: none whose history is kept did. */
export async function findLastSuccess(
  db: Queries,
  job: { readonly kind: string; readonly feedId: number },
): Promise<number | null> {
  const run = await db
    .selectFrom('job_runs')
    .select('ended_at as endedAt')
    .where('kind', '=', job.kind)
    .where('feed_id', '=', job.feedId)
    .where('state', '=', 'succeeded')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  return run?.endedAt ?? null
}
