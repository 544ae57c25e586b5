import { sql } from 'kysely'
import { RegistryError } from '../domain/errors.ts'
import type { Queries } from './database.ts'
import { type Params, prepared } from './prepared.ts'
import type { QuotaPlace } from './quotas.ts'
import { nowMs } from './sql.ts'

export interface RepositoryRecord {
  readonly id: number
  readonly listed: 0 | 1
}

const byName = prepared((db, p: Params<{ feedId: number; name: string }>) =>
  db
    .selectFrom('repositories')
    .select(['id', 'listed'])
    .where('feed_id', '=', p.feedId)
    .where('name', '=', p.name),
)

export async function findRepository(
  db: Queries,
  feedId: number,
  name: string,
): Promise<RepositoryRecord | undefined> {
  return byName.find(db, { feedId, name })
}

const byId = prepared((db, p: Params<{ id: number }>) =>
  db.selectFrom('repositories').select(['id', 'feed_id as feedId', 'name']).where('id', '=', p.id),
)

export async function findRepositoryById(
  db: Queries,
  id: number,
): Promise<{ id: number; feedId: number; name: string } | undefined> {
  return byId.find(db, { id })
}

const inFeed = prepared((db, p: Params<{ feedId: number; name: string }>) =>
  db
    .selectFrom('feeds')
    .leftJoin('repositories', (join) =>
      join.onRef('repositories.feed_id', '=', 'feeds.id').on('repositories.name', '=', p.name),
    )
    .select(['feeds.active', 'repositories.id'])
    .where('feeds.id', '=', p.feedId),
)

/**
 * The repository's id; the row is made when missing. It is listed only with its first manifest.
 * Throws NAME_UNKNOWN when the feed is gone or switched off.
 */
export async function ensureRepository(
  trx: Queries,
  feedId: number,
  name: string,
): Promise<number> {
  const found = await inFeed.find(trx, { feedId, name })
  if (found?.active !== 1) throw new RegistryError('NAME_UNKNOWN')
  return found.id ?? insertRepository(trx, feedId, name)
}

async function insertRepository(trx: Queries, feedId: number, name: string): Promise<number> {
  // Held, so that the feed is not deleted before the new row refers to it.
  const feed = await trx
    .selectFrom('feeds')
    .select('id')
    .where('id', '=', feedId)
    .forKeyShare()
    .executeTakeFirst()
  if (!feed) throw new RegistryError('NAME_UNKNOWN')
  await trx
    .insertInto('repositories')
    .values({ feed_id: feedId, name, listed: 0, created_at: nowMs })
    .onConflict((conflict) => conflict.columns(['feed_id', 'name']).doNothing())
    .execute()
  const made = await findRepository(trx, feedId, name)
  if (!made) throw new RegistryError('NAME_UNKNOWN')
  return made.id
}

const locked = prepared((db, p: Params<{ id: number }>) =>
  db
    .selectFrom('repositories')
    .select(['feed_id', 'name', 'retired', 'quota_bytes'])
    .where('id', '=', p.id)
    .forNoKeyUpdate(),
)

/**
 * Makes writers of one repository take turns: the first lock of every transaction that judges its
 * manifests, edges or links. Throws NAME_UNKNOWN when the repository is gone, or was deleted and is
 * being removed.
 */
export async function lockRepository(
  trx: Queries,
  repositoryId: number,
): Promise<{ feedId: number; name: string; quotaBytes: number | null }> {
  const row = await locked.find(trx, { id: repositoryId })
  if (row?.retired !== 0) throw new RegistryError('NAME_UNKNOWN')
  return { feedId: row.feed_id, name: row.name, quotaBytes: row.quota_bytes }
}

const sharedRepository = prepared((db, p: Params<{ id: number }>) =>
  db
    .selectFrom('repositories')
    .innerJoin('feeds', 'feeds.id', 'repositories.feed_id')
    .select([
      'repositories.id as repositoryId',
      'repositories.feed_id as feedId',
      'repositories.retired',
      'feeds.quota_bytes as feedQuotaBytes',
      sql<number | null>`coalesce(repositories.quota_bytes, feeds.repository_quota_bytes)`.as(
        'repositoryQuotaBytes',
      ),
    ])
    .where('repositories.id', '=', p.id)
    .forShare('repositories'),
)

/**
 * Locks the repository's row for a commit or mount of a blob, and says how much it may have. Throws
 * NAME_UNKNOWN if it is gone.
 */
export async function shareRepository(trx: Queries, repositoryId: number): Promise<QuotaPlace> {
  const row = await sharedRepository.find(trx, { id: repositoryId })
  if (row?.retired !== 0) throw new RegistryError('NAME_UNKNOWN')
  return row
}

/** Counts what was deleted, and lists the repository no more if that was the last manifest. */
export async function relistRepository(
  trx: Queries,
  repositoryId: number,
  deleted: { readonly tags: number; readonly manifests: number },
): Promise<void> {
  const manifest = await trx
    .selectFrom('manifests')
    .select('id')
    .where('repository_id', '=', repositoryId)
    // In an index's order: else PostgreSQL may go through the table for the first one.
    .orderBy('digest')
    .limit(1)
    .executeTakeFirst()
  await trx
    .updateTable('repositories')
    .set((eb) => ({
      listed: manifest ? 1 : 0,
      tag_count: eb('tag_count', '-', deleted.tags),
      manifest_count: eb('manifest_count', '-', deleted.manifests),
    }))
    .where('id', '=', repositoryId)
    .execute()
}

export interface RepositoryPage {
  readonly feedId: number
  readonly after: string
  readonly count: number
}

const page = prepared((db, p: Params<RepositoryPage>) =>
  db
    .selectFrom('repositories')
    .select('name')
    .where('feed_id', '=', p.feedId)
    .where('listed', '=', sql.lit(1))
    .where('name', '>', p.after)
    .orderBy('name')
    .limit(p.count),
)

/** Names of listed repositories after `after` ('' for the first page), in byte order. */
export async function listRepositories(db: Queries, input: RepositoryPage): Promise<string[]> {
  return (await page.list(db, input)).map((row) => row.name)
}
