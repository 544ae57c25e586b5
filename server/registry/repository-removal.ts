import type { Db } from '../db/database.ts'
import { deleteRepositoryManifests } from '../db/repository-deletion.ts'
import { isRefusal } from '../domain/errors.ts'
import { type CleanupReport, rest } from './cleanup-report.ts'

export interface RepositoryRemovalDeps {
  readonly db: Db
  readonly graceMs: number
  readonly by: string
  readonly report: CleanupReport
}

const manifestsAtOnce = 10

/**
 * Deletes the manifests that a repository had when its deletion was asked for. Layers follow as
 * garbage: somebody may be pushing to it now. To be repeated after a crash.
 */
export async function removeRepositoryContent(
  { db, graceMs, by, report }: RepositoryRemovalDeps,
  repository: { readonly repositoryId: number; readonly upTo: number; readonly name: string },
): Promise<void> {
  const { repositoryId, upTo, name } = repository
  while (!report.signal.aborted) {
    const startedAt = performance.now()
    const input = { repositoryId, upTo, limit: manifestsAtOnce, graceMs, by }
    const removed = await db.write(deleteRepositoryManifests, input).catch(unlessGone)
    if (removed.length === 0) return
    for (const digest of removed) report.info(`Removed the manifest ${digest} of ${name}`)
    report.count('manifests', removed.length)
    await rest(startedAt)
  }
}

/** The whole feed was deleted meanwhile. */
function unlessGone(error: unknown): string[] {
  if (isRefusal(error, 'NAME_UNKNOWN')) return []
  throw error
}
