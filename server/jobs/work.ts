import type { Db } from '../db/database.ts'
import type { RunParams, RunRecord } from '../db/job-runs.ts'
import { listStores } from '../db/stores.ts'
import { RegistryError } from '../domain/errors.ts'
import { untilNothingIsDue } from '../registry/cleanup-report.ts'
import { removeFeedContent, removeRepositoryContent } from '../registry/content-removal.ts'
import { moveFeed } from '../registry/feed-move.ts'
import { type Feed, listFeeds } from '../registry/feeds.ts'
import { checkFeedBlobs } from '../registry/integrity.ts'
import { reconcileStore } from '../registry/reconcile.ts'
import { cleanStore } from '../registry/storage-cleanup.ts'
import { isServedElsewhere } from '../registry/stores.ts'
import { cleanUpFeed, type FeedCleanupDeps, requireFeed } from './feed-cleanup.ts'
import type { JobName } from './job-kind.ts'
import type { RunReport } from './run-report.ts'
import type { JobWork } from './runner.ts'

const megabyte = 1_000_000

export interface JobWorkDeps extends FeedCleanupDeps {
  /** How many blobs it could not read. */
  readonly backUp: (report: RunReport) => Promise<number>
}

/** What each job does. Each may be begun again at any time, by any process. */
export function jobWork(deps: JobWorkDeps): Readonly<Record<JobName, JobWork>> {
  const { db, stores, settings, uploads } = deps
  return {
    async FeedCleanup(run, report) {
      const { dryRun, step } = paramsOf(run)
      const feed = requireFeed(await findFeedById(db, run.feedId))
      await settings.refresh()
      const cleanup = { feed, dryRun, by: run.kind, report }
      await cleanUpFeed(deps, cleanup, step)
    },
    async FeedIntegrity(run, report) {
      const bytesPerSecond = () => megabyte * settings.integer('Integrity.MegabytesPerSecond')
      await settings.refresh()
      await checkFeedBlobs({ db, stores, bytesPerSecond, report }, run.feedId)
    },
    async FeedMove(run, report) {
      await stores.refresh()
      const findFeed = () => findFeedById(db, run.feedId)
      await moveFeed({ db, stores, uploads, report, findFeed })
    },
    async Backup(_run, report) {
      const missing = await deps.backUp(report)
      if (missing === 0) return
      throw new RegistryError(
        'UNAVAILABLE',
        `It lacks ${missing} ${missing === 1 ? 'blob' : 'blobs'}, which the log names; all the rest is there.`,
      )
    },
    async StorageCleanup(run, report) {
      const { dryRun } = paramsOf(run)
      await settings.refresh()
      const shared = { db, stores, graceMs: settings.graceMs(), dryRun, report }
      for (const { id } of await listStores(db.read)) {
        await untilNothingIsDue(report.signal, async () => {
          const freed = await cleanStore(shared, id)
          return dryRun ? 0 : freed
        })
      }
    },
    async StorageReconcile(run, report) {
      const { dryRun } = paramsOf(run)
      await settings.refresh()
      const shared = { db, stores, graceMs: settings.graceMs(), dryRun, report }
      for (const { id, marker } of await listStores(db.read)) {
        // Nobody has used it yet.
        if (marker === null) continue
        // One that cannot be reached keeps nobody from going through the others.
        await reconcileStore(shared, id).catch((error: unknown) => {
          if (isServedElsewhere(error)) report.info(`The store ${id} is another process's`)
          else report.fault(`The store ${id} could not be gone through`, error)
        })
      }
    },
    FeedDeletion: (run, report) => removeFeedContent({ db, uploads, report }, run.feedId),
    async RepositoryDeletion(run, report) {
      const { repositoryId } = JSON.parse(run.params) as RunParams
      await removeRepositoryContent({ db, uploads, report }, Number(repositoryId))
    },
  }
}

function paramsOf(run: RunRecord): { readonly dryRun: boolean; readonly step: string | null } {
  const { dryRun, step } = JSON.parse(run.params) as RunParams
  return { dryRun: dryRun === true, step: typeof step === 'string' ? step : null }
}

async function findFeedById(db: Db, id: number): Promise<Feed | undefined> {
  return (await listFeeds(db)).find((feed) => feed.id === id)
}
