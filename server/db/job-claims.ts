import { sql } from 'kysely'
import type { Queries } from './database.ts'
import { appendLog, type NewLogLine } from './job-log.ts'
import { type RunRecord, runColumns } from './job-runs.ts'
import type { JobRunRow } from './job-schema.ts'
import { fromNow } from './lease.ts'
import { nowMs, nowMsOnce } from './sql.ts'

export interface Claim {
  /** The process. */
  readonly owner: string
  readonly leaseMs: number
  /** Kinds of which it runs one already. */
  readonly busyKinds: readonly string[]
}

/**
 * Takes the run that waits longest, or one whose process has not been heard of for too long.
 * Undefined when there is none; CONFLICT when another process has just begun one of the same job.
 */
export async function claimRun(trx: Queries, claim: Claim): Promise<RunRecord | undefined> {
  let pick = trx
    .selectFrom('job_runs')
    .select('id')
    .where(sql<boolean>`state in ('queued', 'running')`)
    .where((eb) => eb.or([eb('state', '=', 'queued'), eb('lease_until', '<', nowMsOnce)]))
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('job_runs as others')
            .select('others.id')
            .where('others.state', '=', sql.lit('running'))
            .whereRef('others.kind', '=', 'job_runs.kind')
            .whereRef('others.feed_id', '=', 'job_runs.feed_id')
            .whereRef('others.id', '<>', 'job_runs.id'),
        ),
      ),
    )
  if (claim.busyKinds.length > 0) pick = pick.where('kind', 'not in', claim.busyKinds)
  const found = await pick.orderBy('id').limit(1).forUpdate().skipLocked().executeTakeFirst()
  if (!found) return undefined
  return trx
    .updateTable('job_runs')
    .set((eb) => ({
      state: 'running' as const,
      owner: claim.owner,
      lease_until: fromNow(claim.leaseMs),
      started_at: sql<number>`coalesce(started_at, ${nowMs})`,
      attempts: eb('attempts', '+', 1),
    }))
    .where('id', '=', found.id)
    .returning(runColumns)
    .executeTakeFirst()
}

/** On a database that one process serves: what is said to run was cut off. Others take it over. */
export async function expireClaims(trx: Queries): Promise<void> {
  await trx
    .updateTable('job_runs')
    .set({ lease_until: 0 })
    .where('state', '=', sql.lit('running'))
    .execute()
}

/** Whose run it is. */
export interface RunHolder {
  readonly id: number
  readonly owner: string
}

/** What is new of a run. */
export interface RunNews {
  readonly progress: string | null
  readonly counts: Readonly<Record<string, number>>
  readonly resume: string | null
  readonly errorCount: number
  readonly lines: readonly NewLogLine[]
}

function newsOf(news: RunNews) {
  return {
    progress: news.progress,
    counts: JSON.stringify(news.counts),
    resume: news.resume,
    error_count: news.errorCount,
  }
}

/** The heartbeat. `held` false: another process took the run over. */
export async function beatRun(
  trx: Queries,
  input: RunHolder & { readonly leaseMs: number; readonly news: RunNews },
): Promise<{ held: boolean; cancelling: boolean }> {
  const run = await held(trx, input, {
    ...newsOf(input.news),
    lease_until: fromNow(input.leaseMs),
  })
  if (!run) return { held: false, cancelling: false }
  await appendLog(trx, { runId: input.id, lines: input.news.lines })
  return { held: true, cancelling: run.cancelling === 1 }
}

/** Ends the run. False: another process took it over. */
export async function endRun(
  trx: Queries,
  input: RunHolder & {
    readonly state: 'succeeded' | 'failed' | 'cancelled'
    readonly error: string | null
    readonly news: RunNews
  },
): Promise<boolean> {
  const run = await held(trx, input, {
    ...newsOf(input.news),
    ...{ state: input.state, error: input.error, ended_at: nowMs, owner: null, lease_until: null },
  })
  if (!run) return false
  await appendLog(trx, { runId: input.id, lines: input.news.lines })
  return true
}

/** Lets go of a run that another process, or this one after its restart, goes on with. */
export async function releaseRun(
  trx: Queries,
  input: RunHolder & { readonly news: RunNews },
): Promise<void> {
  const run = await held(trx, input, {
    ...newsOf(input.news),
    ...{ state: 'queued', owner: null, lease_until: null, attempts: sql<number>`attempts - 1` },
  })
  if (run) await appendLog(trx, { runId: input.id, lines: input.news.lines })
}

type RunChange = {
  readonly [K in keyof JobRunRow]?: JobRunRow[K] | ReturnType<typeof sql<number>>
}

function held(trx: Queries, holder: RunHolder, change: Omit<RunChange, 'id'>) {
  return trx
    .updateTable('job_runs')
    .set(change as never)
    .where('id', '=', holder.id)
    .where('owner', '=', holder.owner)
    .where('state', '=', 'running')
    .returning('cancelling')
    .executeTakeFirst()
}
