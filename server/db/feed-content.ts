import { RegistryError } from '../domain/errors.ts'
import { noteCandidates } from './candidates.ts'
import type { Queries } from './database.ts'
import { hasNames } from './feeds.ts'

export interface RemovedContent {
  /** Rows removed, whichever; 0 once nothing is left. */
  readonly removed: number
}

/**
 * Removes up to `limit` manifests, then links, history and candidates, of one repository of a feed that was
 * retired; with nothing left, the repository, and after the last one the feed. Call it until
 * `removed` is 0; several may. Uploads must have been purged before: CONFLICT while there are any,
 * and for a feed that was not retired. The bytes are freed by the clean-up of their store.
 */
export async function deleteFeedContent(
  trx: Queries,
  input: { readonly feedId: number; readonly limit: number },
): Promise<RemovedContent> {
  if (await hasNames(trx, input.feedId)) {
    throw new RegistryError('CONFLICT', 'The registry was not deleted.')
  }
  // Locked as it is picked: one that another process has just removed is passed over.
  const repository = await trx
    .selectFrom('repositories')
    .select('id')
    .where('feed_id', '=', input.feedId)
    .orderBy('name')
    .limit(1)
    .forNoKeyUpdate()
    .executeTakeFirst()
  if (!repository) {
    await trx.deleteFrom('api_keys').where('feed_id', '=', input.feedId).execute()
    await trx.deleteFrom('jobs').where('feed_id', '=', input.feedId).execute()
    await trx.deleteFrom('former_stores').where('feed_id', '=', input.feedId).execute()
    await trx.deleteFrom('feeds').where('id', '=', input.feedId).execute()
    return { removed: 0 }
  }
  return { removed: await deleteContent(trx, repository.id, input.limit) }
}

/** A part of what a locked repository has, and with nothing left its row; how many rows. */
export async function deleteContent(
  trx: Queries,
  repositoryId: number,
  limit: number,
): Promise<number> {
  for (const part of [deleteManifests, deleteLinks, deleteHistory, deleteCandidates]) {
    const removed = await part(trx, repositoryId, limit)
    if (removed > 0) return removed
  }
  await trx.deleteFrom('repositories').where('id', '=', repositoryId).execute()
  return 1
}

async function deleteManifests(trx: Queries, repositoryId: number, limit: number) {
  const rows = await trx
    .selectFrom('manifests')
    .select('id')
    .where('repository_id', '=', repositoryId)
    .orderBy('digest')
    .limit(limit)
    .execute()
  const ids = rows.map((row) => row.id)
  if (ids.length === 0) return 0
  await trx.deleteFrom('tags').where('manifest_id', 'in', ids).execute()
  await trx.deleteFrom('manifest_children').where('parent_id', 'in', ids).execute()
  await trx.deleteFrom('manifest_children').where('child_id', 'in', ids).execute()
  await trx.deleteFrom('manifest_blobs').where('manifest_id', 'in', ids).execute()
  await trx.deleteFrom('wanted').where('manifest_id', 'in', ids).execute()
  await trx.deleteFrom('manifest_contents').where('manifest_id', 'in', ids).execute()
  await trx.deleteFrom('manifests').where('id', 'in', ids).execute()
  return ids.length
}

async function deleteLinks(trx: Queries, repositoryId: number, limit: number) {
  const links = await trx
    .selectFrom('links')
    .select(['digest', 'store_id'])
    .where('repository_id', '=', repositoryId)
    .orderBy('digest')
    .limit(limit)
    .execute()
  if (links.length === 0) return 0
  const digests = links.map((link) => link.digest)
  await trx
    .deleteFrom('links')
    .where('repository_id', '=', repositoryId)
    .where('digest', 'in', digests)
    .execute()
  for (const storeId of new Set(links.map((link) => link.store_id))) {
    const inStore = links.filter((link) => link.store_id === storeId)
    await noteCandidates(trx, {
      kind: 'blob',
      scopeId: storeId,
      digests: inStore.map((link) => link.digest),
      dueInMs: 0,
    })
  }
  return links.length
}

async function deleteCandidates(trx: Queries, repositoryId: number, limit: number) {
  const rows = await trx
    .selectFrom('candidates')
    .select('id')
    .where('kind', 'in', ['link', 'manifest'])
    .where('scope_id', '=', repositoryId)
    .limit(limit)
    .execute()
  const ids = rows.map((row) => row.id)
  if (ids.length > 0) await trx.deleteFrom('candidates').where('id', 'in', ids).execute()
  return ids.length
}

async function deleteHistory(trx: Queries, repositoryId: number, limit: number) {
  const moves = await trx
    .selectFrom('tag_history')
    .select('id')
    .where('repository_id', '=', repositoryId)
    .orderBy('name')
    .orderBy('id')
    .limit(limit)
    .execute()
  const ids = moves.map((move) => move.id)
  if (ids.length > 0) await trx.deleteFrom('tag_history').where('id', 'in', ids).execute()
  return ids.length
}
