import { sql } from 'kysely'
import type { Actor } from '../domain/actor.ts'
import type { Queries } from './database.ts'
import { insertEvent } from './events.ts'
import { deleteContent, type RemovedContent } from './feed-content.ts'
import { insertRun } from './job-runs.ts'
import { lockRepository } from './repositories.ts'

/** What a deleted repository had. */
export interface RetiredRepository {
  readonly tags: number
  readonly manifests: number
  /** Of the job that removes its content. */
  readonly run: number
}

/**
 * Takes the repository's name away: unreachable at once, a job removes its content, and who pushes
 * to the name begins a new one. Throws NAME_UNKNOWN when it is gone.
 */
export async function retireRepository(
  trx: Queries,
  input: {
    readonly id: number
    /** Of the job. */
    readonly kind: string
    readonly feedName: string
    readonly by: Actor
  },
): Promise<RetiredRepository> {
  const { id, kind, feedName, by } = input
  const { feedId, name } = await lockRepository(trx, id)
  const { tag_count: tags, manifest_count: manifests } = await trx
    .selectFrom('repositories')
    .select(['tag_count', 'manifest_count'])
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  // No name of a repository has a colon.
  await trx
    .updateTable('repositories')
    .set({ name: `:${id}`, listed: 0, retired: 1 })
    .where('id', '=', id)
    .execute()
  const params = { repository: name, repositoryId: id }
  const { id: run } = await insertRun(trx, { kind, feedId, feedName, params, by: by.name })
  await insertEvent(trx, {
    ...{ kind: 'repository.deleted', by: by.name, address: by.address, feedId, repository: name },
    detail: { tags, images: manifests, run },
  })
  return { tags, manifests, run }
}

/** Repositories whose deletion has begun and not ended. */
export async function listRetiredRepositories(
  db: Queries,
): Promise<{ readonly id: number; readonly feedId: number }[]> {
  return await db
    .selectFrom('repositories')
    .select(['id', 'feed_id as feedId'])
    // Literally, and from a key on: else SQLite passes the partial index by.
    .where('retired', '=', sql.lit(1))
    .where('id', '>', 0)
    .orderBy('id')
    .limit(100)
    .execute()
}

/**
 * Removes up to `limit` rows of a retired repository, in the end its own. Call it until nothing is
 * removed. CONFLICT while there are uploads: they are purged before.
 */
export async function deleteRepositoryContent(
  trx: Queries,
  input: { readonly id: number; readonly limit: number },
): Promise<RemovedContent> {
  const repository = await trx
    .selectFrom('repositories')
    .select('id')
    .where('id', '=', input.id)
    .where('retired', '=', 1)
    .forNoKeyUpdate()
    .executeTakeFirst()
  if (!repository) return { removed: 0 }
  return { removed: await deleteContent(trx, input.id, input.limit) }
}
