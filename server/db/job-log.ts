import type { Queries } from './database.ts'
import type { JobLogRow } from './job-schema.ts'
import { chunksOf, nowMsOnce } from './sql.ts'

export interface NewLogLine {
  /** By the clock of the process that wrote it. */
  readonly at: number
  readonly level: JobLogRow['level']
  readonly message: string
}

export interface LogLine extends NewLogLine {
  readonly id: number
}

const linesAtOnce = 200

export async function appendLog(
  trx: Queries,
  input: { readonly runId: number; readonly lines: readonly NewLogLine[] },
): Promise<void> {
  for (const chunk of chunksOf(input.lines, linesAtOnce)) {
    const values = chunk.map((line) => ({ run_id: input.runId, ...line }))
    await trx.insertInto('job_log').values(values).execute()
  }
}

/** Lines of a run after the id `after`, as they were written. */
export async function listLog(
  db: Queries,
  page: { readonly runId: number; readonly after: number; readonly count: number },
): Promise<LogLine[]> {
  return db
    .selectFrom('job_log')
    .select(['id', 'at', 'level', 'message'])
    .where('run_id', '=', page.runId)
    .where('id', '>', page.after)
    .orderBy('id')
    .limit(page.count)
    .execute()
}

/** Removes the log of the oldest run that ended too long ago, then the run; how many rows. */
export async function pruneRuns(
  trx: Queries,
  input: { readonly maxAgeMs: number; readonly limit: number },
): Promise<number> {
  const run = await trx
    .selectFrom('job_runs')
    .select('id')
    .where('ended_at', 'is not', null)
    .where('ended_at', '<', (eb) => eb(nowMsOnce, '-', input.maxAgeMs))
    .orderBy('ended_at')
    .limit(1)
    .executeTakeFirst()
  if (!run) return 0
  const lines = await listLog(trx, { runId: run.id, after: 0, count: input.limit })
  const ids = lines.map(({ id }) => id)
  if (ids.length > 0) await trx.deleteFrom('job_log').where('id', 'in', ids).execute()
  if (ids.length < input.limit) {
    await trx.deleteFrom('job_runs').where('id', '=', run.id).execute()
  }
  return ids.length + 1
}
