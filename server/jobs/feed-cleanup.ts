import type { Db } from '../db/database.ts'
import { listIdleUploads, type PurgedUpload } from '../db/upload-purge.ts'
import { RegistryError } from '../domain/errors.ts'
import { type CleanupReport, untilNothingIsDue } from '../registry/cleanup-report.ts'
import type { Feed } from '../registry/feeds.ts'
import { collectGarbage, said } from '../registry/garbage.ts'
import type { Settings } from '../registry/settings.ts'
import { cleanStore } from '../registry/storage-cleanup.ts'
import type { Stores } from '../registry/stores.ts'
import type { Uploads } from '../registry/uploads.ts'
import { applyRules } from './retention-step.ts'

/** What every step of a registry's clean-up is given. */
export interface FeedCleanup {
  readonly feed: Feed
  readonly dryRun: boolean
  /** Who the audit says it was. */
  readonly by: string
  readonly report: CleanupReport
}

export interface FeedCleanupDeps {
  readonly db: Db
  readonly stores: Stores
  readonly settings: Settings
  readonly uploads: Uploads
}

const hourMs = 3_600_000

/**
 * Cleans a registry up: uploads without progress, what its rules say, its garbage, and at last the
 * bytes that nothing needs in its store. `step`: only this one. With a dry run nothing is changed,
 * and the log says what would go now; what that would set free in turn is not in it.
 */
export async function cleanUpFeed(
  deps: FeedCleanupDeps,
  cleanup: FeedCleanup,
  step: string | null,
): Promise<void> {
  const { feed, report } = cleanup
  const does = (name: string) => (step === null || step === name) && !report.signal.aborted
  if (does('uploads')) await purgeUploads(deps, cleanup)
  if (does('retention')) await applyRules(deps, cleanup)
  const shared = { ...deps, ...cleanup, graceMs: deps.settings.graceMs() }
  const pass = async () => {
    const garbage = does('garbage') ? await collectGarbage(shared, feed.id) : 0
    const freed = does('storage') ? await cleanStore(shared, feed.storeId) : 0
    return cleanup.dryRun ? 0 : garbage + freed
  }
  await untilNothingIsDue(report.signal, pass)
}

async function purgeUploads(
  { db, uploads, settings }: FeedCleanupDeps,
  { feed, dryRun, report }: FeedCleanup,
): Promise<void> {
  const hours = settings.integer('Cleanup.UploadHours')
  report.progress('uploads without progress')
  const tell = ({ id, offsetBytes }: PurgedUpload) => {
    const why = `no progress for ${hours} hours`
    report.info(`${said(dryRun)} the upload ${id}, ${offsetBytes} bytes: ${why}`)
    report.count('uploads', 1)
    report.count('bytesFreed', offsetBytes)
  }
  if (dryRun) return previewUploads(db, { idleMs: hours * hourMs, feedId: feed.id, tell })
  await uploads.purgeIdle(hours * hourMs, {
    feedId: feed.id,
    report: {
      signal: report.signal,
      purged: tell,
      failed: ({ id }, error) => report.fault(`The upload ${id} could not be removed`, error),
    },
  })
}

async function previewUploads(
  db: Db,
  of: {
    readonly idleMs: number
    readonly feedId: number
    readonly tell: (upload: PurgedUpload) => void
  },
): Promise<void> {
  const limit = 100
  let after: string | undefined = ''
  while (after !== undefined) {
    const page: PurgedUpload[] = await listIdleUploads(db.read, { ...of, limit, after })
    page.forEach(of.tell)
    after = page.length === limit ? page.at(-1)?.id : undefined
  }
}

/** Throws NAME_UNKNOWN for a registry that has gone. */
export function requireFeed(feed: Feed | undefined): Feed {
  if (feed) return feed
  throw new RegistryError('NAME_UNKNOWN', 'The registry has been deleted.')
}
