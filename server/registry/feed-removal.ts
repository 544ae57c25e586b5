import type { Db } from '../db/database.ts'
import { deleteFeedContent } from '../db/feed-content.ts'
import type { CleanupReport } from './cleanup-report.ts'
import type { Uploads } from './uploads.ts'

export interface FeedRemovalDeps {
  readonly db: Db
  readonly uploads: Pick<Uploads, 'purgeIdle'>
  readonly report: CleanupReport
}

/**
 * Removes what a deleted feed leaves: uploads, manifests, links, and at last its row. To be repeated
 * after a crash. The bytes go with the clean-up of their store.
 */
export async function removeFeedContent(deps: FeedRemovalDeps, feedId: number): Promise<void> {
  const { db, uploads, report } = deps
  while (!report.signal.aborted) {
    const purged = await uploads.purgeIdle(0, feedId)
    report.count('uploads', purged.uploads)
    report.count('bytesFreed', purged.bytes)
    const { removed } = await db.write(deleteFeedContent, { feedId, limit: 200 })
    if (removed === 0) return
    report.count('rows', removed)
  }
}
