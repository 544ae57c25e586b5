import type { Db } from '../db/database.ts'
import { JobRunner } from '../jobs/runner.ts'
import { startScheduler } from '../jobs/scheduler.ts'
import { jobWork } from '../jobs/work.ts'
import type { Log } from '../log.ts'
import type { Settings } from '../registry/settings.ts'
import type { Stores } from '../registry/stores.ts'
import type { Uploads } from '../registry/uploads.ts'

export interface JobsFoundation {
  readonly db: Db
  readonly log: Log
  readonly settings: Settings
  readonly stores: Stores
  readonly uploads: Uploads
}

/** How often things are looked at; for tests. */
export interface JobTimes {
  readonly tickMs: number
  readonly leaseMs: number
  readonly beatMs: number
}

const usualTimes: JobTimes = { tickMs: 5000, leaseMs: 30_000, beatMs: 1000 }

/** What runs jobs. Nothing is begun before `start`. */
export interface OpenJobs extends AsyncDisposable {
  /** Begins what was asked for just now. */
  wake(): void
  start(): void
}

export function openJobs(
  { db, log, settings, stores, uploads }: JobsFoundation,
  times: Partial<JobTimes> = {},
): OpenJobs {
  const { tickMs, leaseMs, beatMs } = { ...usualTimes, ...times }
  const work = jobWork({ db, stores, settings, uploads })
  const runner = new JobRunner({ db, log, work, leaseMs, beatMs })
  let stop = async () => {}
  return {
    wake: () => void runner.wake(),
    start() {
      stop = startScheduler({ db, log, runner, tickMs })
    },
    async [Symbol.asyncDispose]() {
      await stop()
      await runner[Symbol.asyncDispose]()
    },
  }
}
