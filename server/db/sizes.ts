import { sql } from 'kysely'
import type { Queries } from './database.ts'
import { type Params, prepared } from './prepared.ts'
import type { SizeSums } from './size-schema.ts'

const columns = ['manifests', 'manifest_bytes', 'logical_bytes', 'blobs', 'blob_bytes'] as const

/** Whether something was appended that is not folded yet. */
export async function hasSizeChanges(db: Queries): Promise<boolean> {
  const row = await db.selectFrom('size_changes').select('id').limit(1).executeTakeFirst()
  return row !== undefined
}

const ofFeed = prepared((db, p: Params<{ feedId: number }>) =>
  db.selectFrom('feed_sizes').select(columns).where('feed_id', '=', p.feedId),
)

/** Undefined: nothing was ever pushed there. */
export function findFeedSums(db: Queries, feedId: number): Promise<SizeSums | undefined> {
  return ofFeed.find(db, { feedId })
}

/** A repository with its sums; null where nothing was ever pushed. */
export type RepositorySums = { readonly id: number; readonly name: string } & {
  readonly [Column in keyof SizeSums]: number | null
}

interface RepositoryPage {
  readonly feedId: number
  readonly after: string
  readonly count: number
}

const repositoryPage = prepared((db, p: Params<RepositoryPage>) =>
  db
    .selectFrom('repositories')
    .leftJoin('repository_sizes', 'repository_sizes.repository_id', 'repositories.id')
    .select(['repositories.id', 'repositories.name', ...columns])
    .where('repositories.feed_id', '=', p.feedId)
    .where('repositories.listed', '=', sql.lit(1))
    .where('repositories.name', '>', p.after)
    .orderBy('repositories.name')
    .limit(p.count),
)

/** Listed repositories with their sums, by name after `after` ('' for the first page). */
export function listRepositorySums(db: Queries, page: RepositoryPage): Promise<RepositorySums[]> {
  return repositoryPage.list(db, page)
}

export interface StoreSums {
  readonly storeId: number
  readonly blobs: number
  readonly blobBytes: number
}

export function listStoreSums(db: Queries): Promise<StoreSums[]> {
  return db
    .selectFrom('store_sizes')
    .select(['store_id as storeId', 'blobs', 'blob_bytes as blobBytes'])
    .orderBy('store_id')
    .execute()
}

/** Bytes of uploads that have not ended, as far as they are vouched for. */
export async function sumUploadBytes(db: Queries, storeId: number): Promise<number> {
  const row = await db
    .selectFrom('uploads')
    .select(sql<number>`cast(coalesce(sum(offset_bytes), 0) as bigint)`.as('bytes'))
    .where('store_id', '=', storeId)
    .executeTakeFirstOrThrow()
  return row.bytes
}

export interface ImageBytes {
  readonly id: number
  /** Blobs of the image and of all below it, each once. */
  readonly blobBytes: number
  /** Its own and those of all below it. */
  readonly manifestBytes: number
}

/** What pulling everything of each of these images would transfer. At most a page of them. */
export async function listImageBytes(db: Queries, ids: readonly number[]): Promise<ImageBytes[]> {
  if (ids.length === 0) return []
  const { rows } = await sql<ImageBytes>`
    with recursive tree(root, id) as (
      select id, id from manifests where id in (${sql.join(ids)})
      union
      select tree.root, c.child_id from tree join manifest_children c on c.parent_id = tree.id
    ),
    used(root, store_id, digest) as (
      select distinct tree.root, l.store_id, l.digest
      from tree
      join manifest_blobs e on e.manifest_id = tree.id
      join links l on l.repository_id = e.repository_id and l.digest = e.digest
    ),
    blob_sums(root, bytes) as (
      select used.root, sum(b.size_bytes) from used
      join blobs b on b.store_id = used.store_id and b.digest = used.digest
      group by used.root
    )
    select tree.root as id,
      cast(sum(m.size_bytes) as bigint) as "manifestBytes",
      cast(coalesce(max(blob_sums.bytes), 0) as bigint) as "blobBytes"
    from tree
    join manifests m on m.id = tree.id
    left join blob_sums on blob_sums.root = tree.root
    group by tree.root`.execute(db)
  return rows
}

const everyFeed = prepared((db) =>
  db
    .selectFrom('feeds')
    .innerJoin('feed_sizes', 'feed_sizes.feed_id', 'feeds.id')
    .select(['feeds.id', ...columns]),
)

/** The sums of all feeds in which something was ever pushed, deleted ones too until they are gone. */
export function listFeedSums(db: Queries): Promise<(SizeSums & { id: number })[]> {
  return everyFeed.list(db, {})
}

/** Bytes that no row names any more and that wait to be removed. */
export async function sumFreedBytes(db: Queries, storeId: number): Promise<number> {
  const row = await db
    .selectFrom('freed_locations')
    .select(sql<number>`cast(coalesce(sum(size_bytes), 0) as bigint)`.as('bytes'))
    .where('store_id', '=', storeId)
    .executeTakeFirstOrThrow()
  return row.bytes
}

interface ContentPage {
  readonly repositoryId: number
  readonly after: string
  readonly count: number
}

const tagPage = prepared((db, p: Params<ContentPage>) =>
  db
    .selectFrom('tags')
    .innerJoin('manifests', 'manifests.id', 'tags.manifest_id')
    .select(['tags.name', 'manifests.id', 'manifests.digest'])
    .where('tags.repository_id', '=', p.repositoryId)
    .where('tags.name', '>', p.after)
    .orderBy('tags.name')
    .limit(p.count),
)

/** Tags after `after` ('' for the first page), with their images. */
export function listTaggedImages(
  db: Queries,
  page: ContentPage,
): Promise<{ name: string; id: number; digest: string }[]> {
  return tagPage.list(db, page)
}

const imagePage = prepared((db, p: Params<ContentPage>) =>
  db
    .selectFrom('manifests')
    .select(['id', 'digest'])
    .where('repository_id', '=', p.repositoryId)
    .where('digest', '>', p.after)
    .orderBy('digest')
    .limit(p.count),
)

/** Images after `after` ('' for the first page), by digest. */
export function listImages(
  db: Queries,
  page: ContentPage,
): Promise<{ id: number; digest: string }[]> {
  return imagePage.list(db, page)
}
