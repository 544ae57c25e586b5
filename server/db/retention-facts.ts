import { sql } from 'kysely'
import type { Queries } from './database.ts'
import { selectReferencedBlobs } from './manifest-references.ts'
import { type Params, prepared } from './prepared.ts'
import { chunksOf, nowMs } from './sql.ts'

interface Page {
  readonly after: string
  readonly count: number
}

interface RepositoryPage {
  readonly feedId: number
  readonly from: string
  readonly count: number
}

const repositoryPage = prepared((db, p: Params<RepositoryPage>) =>
  db
    .selectFrom('repositories')
    .select(['id', 'name'])
    .where('feed_id', '=', p.feedId)
    .where('listed', '=', sql.lit(1))
    .where('name', '>=', p.from)
    .orderBy('name')
    .limit(p.count),
)

/** Repositories that have a manifest, by name from `from` on. */
export function listJudgedRepositories(
  db: Queries,
  page: RepositoryPage,
): Promise<{ id: number; name: string }[]> {
  return repositoryPage.list(db, page)
}

export interface RetentionManifest {
  readonly id: number
  readonly digest: string
  readonly subject: string | null
  readonly pushedAt: number
  readonly orphaned: boolean
  /** Null: it was pushed. */
  readonly connectorId: number | null
  /** Milliseconds until the lease ends. */
  readonly leftMs: number
}

const manifestPage = prepared((db, p: Params<Page & { repositoryId: number }>) =>
  db
    .selectFrom('manifests')
    .select([
      'id',
      'digest',
      'subject',
      'pushed_at as pushedAt',
      'orphaned_since as orphanedSince',
      'connector_id as connectorId',
      sql<number>`lease_until - ${nowMs}`.as('leftMs'),
    ])
    .where('repository_id', '=', p.repositoryId)
    .where('digest', '>', p.after)
    .orderBy('digest')
    .limit(p.count),
)

/** A repository's manifests by digest. */
export async function listRetentionManifests(
  db: Queries,
  page: Page & { readonly repositoryId: number },
): Promise<RetentionManifest[]> {
  const rows = await manifestPage.list(db, page)
  return rows.map(({ orphanedSince, ...row }) => ({ ...row, orphaned: orphanedSince !== null }))
}

const tagPage = prepared((db, p: Params<Page & { repositoryId: number }>) =>
  db
    .selectFrom('tags')
    .select(['name', 'manifest_id as manifestId', 'updated_at as pushedAt'])
    .where('repository_id', '=', p.repositoryId)
    .where('name', '>', p.after)
    .orderBy('name')
    .limit(p.count),
)

export interface TagFacts {
  readonly name: string
  readonly manifestId: number
  readonly pushedAt: number
}

/** A repository's tags by name. */
export function listTagFacts(
  db: Queries,
  page: Page & { readonly repositoryId: number },
): Promise<TagFacts[]> {
  return tagPage.list(db, page)
}

/** Of these indexes, the ids of their children. */
export async function listEdges(
  db: Queries,
  parentIds: readonly number[],
): Promise<{ parentId: number; childId: number }[]> {
  const rows: { parentId: number; childId: number }[] = []
  for (const chunk of chunksOf(parentIds)) {
    const some = await db
      .selectFrom('manifest_children')
      .select(['parent_id as parentId', 'child_id as childId'])
      .where('parent_id', 'in', chunk)
      .execute()
    rows.push(...some)
  }
  return rows
}

/** Bytes of the blobs that each of these manifests refers to; those that refer to none are absent. */
export async function readOwnBytes(
  db: Queries,
  ids: readonly number[],
): Promise<Map<number, number>> {
  const bytes = new Map<number, number>()
  for (const chunk of chunksOf(ids)) {
    const rows = await selectReferencedBlobs(db)
      .select([
        'manifest_blobs.manifest_id as id',
        sql<number>`cast(sum(blobs.size_bytes) as bigint)`.as('bytes'),
      ])
      .where('manifest_blobs.manifest_id', 'in', chunk)
      .groupBy('manifest_blobs.manifest_id')
      .execute()
    for (const row of rows) bytes.set(row.id, row.bytes)
  }
  return bytes
}
