import { readVersion } from '../config/version.ts'
import type { Config } from '../config.ts'
import type { Db } from '../db/database.ts'
import { RegistryError } from '../domain/errors.ts'
import { JobRunner } from '../jobs/runner.ts'
import { startScheduler } from '../jobs/scheduler.ts'
import { jobWork } from '../jobs/work.ts'
import type { Log } from '../log.ts'
import { backUp } from '../registry/backup/backup.ts'
import { openBackupTarget } from '../registry/backup/open-target.ts'
import type { CleanupReport } from '../registry/cleanup-report.ts'
import type { Settings } from '../registry/settings.ts'
import type { Stores } from '../registry/stores.ts'
import type { Uploads } from '../registry/uploads.ts'
import type { Traces } from '../traces.ts'
import { traceJobs } from './traced.ts'

export interface JobsFoundation {
  readonly config: Pick<Config, 'backup' | 'dataDir' | 'secretKey'>
  readonly db: Db
  readonly log: Log
  readonly settings: Settings
  readonly stores: Stores
  readonly uploads: Uploads
  readonly traces: Traces | null
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
  { config, db, log, settings, stores, uploads, traces }: JobsFoundation,
  times: Partial<JobTimes> = {},
): OpenJobs {
  const { tickMs, leaseMs, beatMs } = { ...usualTimes, ...times }
  const backUp = async (report: CleanupReport) => {
    await stores.refresh()
    return runBackup({ config, db, stores }, report)
  }
  const untraced = jobWork({ db, stores, settings, uploads, backUp })
  const work = traces === null ? untraced : traceJobs(untraced, traces)
  const unscheduled = config.backup.to === null ? (['Backup'] as const) : []
  const runner = new JobRunner({ db, log, work, leaseMs, beatMs })
  let stop = async () => {}
  return {
    wake: () => void runner.wake(),
    start() {
      stop = startScheduler({ db, log, runner, tickMs, unscheduled })
    },
    async [Symbol.asyncDispose]() {
      await stop()
      await runner[Symbol.asyncDispose]()
    },
  }
}

/** As the configuration says; how many blobs it could not read. */
async function runBackup(
  { config, db, stores }: Pick<JobsFoundation, 'config' | 'db' | 'stores'>,
  report: CleanupReport,
): Promise<number> {
  const { backup, dataDir, secretKey } = config
  const { to, keep, bytesPerSecond, s3 } = backup
  if (to === null) {
    throw new RegistryError(
      'UNAVAILABLE',
      'The server is not told where to back up to: set backup-to (ENTREPOT_BACKUP_TO) and start it again.',
    )
  }
  await using target = await openBackupTarget(to, { s3, dataDir })
  const hasOwnKey = secretKey !== null
  const { missing, snapshot, content } = await backUp(
    { db, stores, dataDir, hasOwnKey, version: readVersion(), report, now: Date.now },
    { target, keep, bytesPerSecond },
  )
  report.info(`${content.images} images, ${content.blobs} blobs are in ${snapshot}`)
  return missing.length
}
