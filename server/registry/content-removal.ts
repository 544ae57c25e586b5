import type { Db } from '../db/database.ts'
import { deleteFeedContent, type RemovedContent } from '../db/feed-content.ts'
import { deleteRepositoryContent } from '../db/repository-deletion.ts'
import { type CleanupReport, rest } from './cleanup-report.ts'
import type { PurgeScope } from './upload-purge.ts'
import type { Uploads } from './uploads.ts'

export interface ContentRemovalDeps {
  readonly db: Db
  readonly uploads: Pick<Uploads, 'purgeIdle'>
  readonly report: CleanupReport
}

const rowsAtOnce = 200

/** Removes what a deleted feed leaves, and at last its row. */
export function removeFeedContent(deps: ContentRemovalDeps, feedId: number): Promise<void> {
  return removeContent(deps, { feedId }, () =>
    deps.db.write(deleteFeedContent, { feedId, limit: rowsAtOnce }),
  )
}

/** The same for a deleted repository. */
export function removeRepositoryContent(
  deps: ContentRemovalDeps,
  repositoryId: number,
): Promise<void> {
  return removeContent(deps, { repositoryId }, () =>
    deps.db.write(deleteRepositoryContent, { id: repositoryId, limit: rowsAtOnce }),
  )
}

/**
 * Uploads, manifests, links, in short batches. To be repeated after a crash. The bytes go with the
 * clean-up of their store.
 */
async function removeContent(
  { uploads, report }: ContentRemovalDeps,
  within: PurgeScope,
  removeSome: () => Promise<RemovedContent>,
): Promise<void> {
  while (!report.signal.aborted) {
    const startedAt = performance.now()
    const purged = await uploads.purgeIdle(0, within)
    report.count('uploads', purged.uploads)
    report.count('bytesFreed', purged.bytes)
    const { removed } = await removeSome()
    if (removed === 0) return
    report.count('rows', removed)
    await rest(startedAt)
  }
}
