import type { Db } from '../db/database.ts'
import { ensureJobs, findJob, listFeedsWithoutJob } from '../db/jobs.ts'
import { type JobName, listJobKinds } from './job-kind.ts'
import { localTimeZone, nextRunAt } from './schedule.ts'

/**
 * Of registries that are new, also of those that another process made; but for `unscheduled` kinds,
 * which get no schedule by themselves.
 */
export async function addMissingJobs(db: Db, unscheduled: readonly JobName[]): Promise<void> {
  const jobs = []
  for (const { name: kind, scope, schedule } of listJobKinds()) {
    if (schedule === null || unscheduled.includes(kind)) continue
    const feedIds =
      scope === 'feed'
        ? await listFeedsWithoutJob(db.read, kind)
        : (await findJob(db.read, { kind, feedId: 0 })) === undefined
          ? [0]
          : []
    for (const feedId of feedIds) {
      const when = { schedule: schedule(feedId), timeZone: localTimeZone() }
      jobs.push({
        kind,
        feedId,
        ...when,
        enabled: 1,
        nextRunAt: nextRunAt(when, Date.now()),
      } as const)
    }
  }
  if (jobs.length > 0) await db.write(ensureJobs, { jobs })
}
