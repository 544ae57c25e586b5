import type { Actor } from '../domain/actor.ts'
import type { Queries } from './database.ts'
import { insertEvent } from './events.ts'
import { insertRun } from './job-runs.ts'
import { findRelatives, lockRelatives, removeManifest } from './manifest-deletion.ts'
import { findRepository, lockRepository } from './repositories.ts'

/**
 * Asks for the deletion of everything that the repository has now. What is pushed afterwards stays.
 * Undefined when there is no such repository.
 */
export async function requestRepositoryDeletion(
  trx: Queries,
  input: {
    readonly kind: string
    readonly feedId: number
    readonly feedName: string
    readonly repository: string
    readonly by: Actor
  },
): Promise<{ id: number } | undefined> {
  const { kind, feedId, feedName, repository, by } = input
  const found = await findRepository(trx, feedId, repository)
  if (found?.listed !== 1) return undefined
  const newest = await trx
    .selectFrom('manifests')
    .select('id')
    .where('repository_id', '=', found.id)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  const params = { repository, repositoryId: found.id, upTo: newest?.id ?? 0 }
  const run = await insertRun(trx, { kind, feedId, feedName, params, by: by.name })
  await insertEvent(trx, {
    ...{ kind: 'repository.deleted', by: by.name, address: by.address, feedId, repository },
    detail: { run: run.id },
  })
  return run
}

export interface RepositoryDeletion {
  readonly repositoryId: number
  /** The newest manifest that is meant. */
  readonly upTo: number
  readonly limit: number
  readonly graceMs: number
  readonly by: string
}

/**
 * Deletes up to `limit` manifests, indexes before what they list, each as a client would: what they
 * refer to is garbage after the grace time. Returns the digests; none once nothing is left.
 */
export async function deleteRepositoryManifests(
  trx: Queries,
  input: RepositoryDeletion,
): Promise<string[]> {
  const { repositoryId } = input
  const repository = await lockRepository(trx, repositoryId)
  const rows = await trx
    .selectFrom('manifests')
    .select('digest')
    .where('repository_id', '=', repositoryId)
    .where('id', '<=', input.upTo)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('manifest_children')
            .select('parent_id')
            .whereRef('child_id', '=', 'manifests.id'),
        ),
      ),
    )
    .orderBy('digest')
    .limit(input.limit)
    .execute()
  const found = []
  for (const { digest } of rows) {
    const relatives = await findRelatives(trx, { repositoryId, digest })
    if (relatives) found.push({ digest, relatives })
  }
  await lockRelatives(trx, repositoryId, found)
  for (const { digest, relatives } of found) {
    await removeManifest(trx, { ...input, digest }, { relatives, repository })
  }
  return rows.map(({ digest }) => digest)
}
