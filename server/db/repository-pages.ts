import { sql } from 'kysely'
import type { Queries } from './database.ts'
import { textSearch } from './key-page.ts'
import { inSpan, type Key, type Span } from './keyset.ts'

export type RepositorySort = 'name' | 'pushed'

/** A listed repository with its counters. */
export interface RepositoryRow {
  readonly id: number
  readonly name: string
  readonly tags: number
  readonly manifests: number
  readonly createdAt: number
  readonly lastPushedAt: number
  readonly lastPushedBy: string
  readonly pulls: number | null
  readonly lastPulledAt: number | null
  readonly recentPulls: number
  /** Null: nothing was ever added up. */
  readonly manifestBytes: number | null
  readonly logicalBytes: number | null
  readonly blobBytes: number | null
  /** Its own; null: what the feed says. */
  readonly quotaBytes: number | null
}

export interface RepositoryPick {
  readonly feedId: number
  readonly sort: RepositorySort
  readonly span: Span
  readonly limit: number
  readonly search: string | null
  /** Pulls of the days after this one are recent. */
  readonly since: number
}

const columnOf = { name: 'repositories.name', pushed: 'repositories.last_pushed_at' } as const

export function repositoryKey(
  sort: RepositorySort,
  { name, lastPushedAt }: { name: string; lastPushedAt: number },
): Key {
  return { value: sort === 'name' ? name : lastPushedAt, name }
}

/** Listed repositories of a span, in its order. */
export async function listRepositoryRows(
  db: Queries,
  pick: RepositoryPick,
): Promise<RepositoryRow[]> {
  const { sort, span, search } = pick
  const direction = span.desc ? 'desc' : 'asc'
  let query = rows(db, pick.since)
    .where('repositories.feed_id', '=', pick.feedId)
    .where('repositories.listed', '=', sql.lit(1))
    .where(inSpan({ value: columnOf[sort], name: 'repositories.name' }, span))
  if (search !== null) query = query.where(textSearch(['repositories.name'], search))
  if (sort !== 'name') query = query.orderBy(columnOf[sort], direction)
  return await query.orderBy('repositories.name', direction).limit(pick.limit).execute()
}

/** A repository that is listed. */
export async function findRepositoryRow(
  db: Queries,
  key: { readonly feedId: number; readonly name: string; readonly since: number },
): Promise<RepositoryRow | undefined> {
  return await rows(db, key.since)
    .where('repositories.feed_id', '=', key.feedId)
    .where('repositories.name', '=', key.name)
    .where('repositories.listed', '=', sql.lit(1))
    .executeTakeFirst()
}

function rows(db: Queries, since: number) {
  return db
    .selectFrom('repositories')
    .leftJoin('repository_pulls', (join) =>
      join
        .onRef('repository_pulls.repository_id', '=', 'repositories.id')
        .on('repository_pulls.day', '=', sql.lit(0)),
    )
    .leftJoin('repository_sizes', 'repository_sizes.repository_id', 'repositories.id')
    .select([
      'repositories.id',
      'repositories.name',
      'repositories.tag_count as tags',
      'repositories.manifest_count as manifests',
      'repositories.created_at as createdAt',
      'repositories.quota_bytes as quotaBytes',
      'repositories.last_pushed_at as lastPushedAt',
      'repositories.last_pushed_by as lastPushedBy',
      'repository_pulls.pulls',
      'repository_pulls.last_pulled_at as lastPulledAt',
      sql<number>`(select cast(coalesce(sum(recent.pulls), 0) as bigint)
        from repository_pulls recent
        where recent.repository_id = repositories.id and recent.day > ${since})`.as('recentPulls'),
      'repository_sizes.manifest_bytes as manifestBytes',
      'repository_sizes.logical_bytes as logicalBytes',
      'repository_sizes.blob_bytes as blobBytes',
    ])
}

/** The repository that is `size` further; undefined: the list ends before it. */
export async function findRepositoryAhead(
  db: Queries,
  pick: Pick<RepositoryPick, 'feedId' | 'sort' | 'span'>,
  size: number,
): Promise<Key | undefined> {
  const { sort, span } = pick
  const direction = span.desc ? 'desc' : 'asc'
  let query = db
    .selectFrom('repositories')
    .select(['repositories.name', 'repositories.last_pushed_at as lastPushedAt'])
    .where('repositories.feed_id', '=', pick.feedId)
    .where('repositories.listed', '=', sql.lit(1))
    .where(inSpan({ value: columnOf[sort], name: 'repositories.name' }, span))
  if (sort !== 'name') query = query.orderBy(columnOf[sort], direction)
  const row = await query
    .orderBy('repositories.name', direction)
    .limit(1)
    .offset(size - 1)
    .executeTakeFirst()
  return row && repositoryKey(sort, row)
}

/** Counters of listed repositories after `after`, by name: what a registry's sums are made of. */
export async function listCounters(
  db: Queries,
  page: { readonly feedId: number; readonly after: string; readonly count: number },
) {
  return await db
    .selectFrom('repositories')
    .select(['id', 'name', 'tag_count as tags', 'manifest_count as manifests'])
    .select(['last_pushed_at as lastPushedAt', 'last_pushed_by as lastPushedBy'])
    .where('feed_id', '=', page.feedId)
    .where('listed', '=', sql.lit(1))
    .where('name', '>', page.after)
    .orderBy('name')
    .limit(page.count)
    .execute()
}

/** Open uploads of a repository, 100 at most. */
export async function countUploads(db: Queries, repositoryId: number): Promise<number> {
  const found = await db
    .selectFrom('uploads')
    .select('id')
    .where('repository_id', '=', repositoryId)
    .limit(100)
    .execute()
  return found.length
}
