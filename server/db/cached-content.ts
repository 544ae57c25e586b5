import { sql } from 'kysely'
import type { Queries } from './database.ts'
import { type Params, prepared } from './prepared.ts'
import { nowMs } from './sql.ts'

interface TagKey {
  readonly feedId: number
  readonly repository: string
  readonly tag: string
}

/** Where a tag points, and where it came from. */
export interface TagOrigin {
  readonly repositoryId: number
  readonly digest: string
  /** Null: it was pushed. */
  readonly connectorId: number | null
  /** Since the connector was last asked. */
  readonly checkedAgoMs: number
}

const origin = prepared((db, p: Params<TagKey>) =>
  db
    .selectFrom('repositories')
    .innerJoin('tags', 'tags.repository_id', 'repositories.id')
    .innerJoin('manifests', 'manifests.id', 'tags.manifest_id')
    .select([
      'repositories.id as repositoryId',
      'manifests.digest',
      'tags.connector_id as connectorId',
      sql<number>`${nowMs} - coalesce(tags.checked_at, 0)`.as('checkedAgoMs'),
    ])
    .where('repositories.feed_id', '=', p.feedId)
    .where('repositories.name', '=', p.repository)
    .where('tags.name', '=', p.tag),
)

export function findTagOrigin(db: Queries, key: TagKey): Promise<TagOrigin | undefined> {
  return origin.find(db, key)
}

/** The connector was asked for the tag just now, which points where it did. */
export async function touchCachedTag(
  trx: Queries,
  input: { readonly repositoryId: number; readonly tag: string; readonly connectorId: number },
): Promise<void> {
  await trx
    .updateTable('tags')
    .set({ checked_at: nowMs })
    .where('repository_id', '=', input.repositoryId)
    .where('name', '=', input.tag)
    .where('connector_id', '=', input.connectorId)
    .execute()
}

/** Where an image came from. */
export interface ImageOrigin {
  readonly connectorId: number
  readonly connector: string | null
  readonly cachedAt: number
}

/** Undefined: it was pushed, or is not there. */
export async function findImageOrigin(
  db: Queries,
  key: { readonly repositoryId: number; readonly digest: string },
): Promise<ImageOrigin | undefined> {
  const row = await db
    .selectFrom('manifests')
    .leftJoin('connectors', 'connectors.id', 'manifests.connector_id')
    .select([
      'manifests.connector_id as connectorId',
      'connectors.name as connector',
      'manifests.pushed_at as cachedAt',
    ])
    .where('manifests.repository_id', '=', key.repositoryId)
    .where('manifests.digest', '=', key.digest)
    .executeTakeFirst()
  if (row?.connectorId == null) return undefined
  return { ...row, connectorId: row.connectorId }
}

/** A tag that came through a connector; `connector` null: that was deleted. */
export interface TagCache {
  readonly tag: string
  readonly connector: string | null
  readonly checkedAt: number | null
}

/** Of a repository's tags, those that came through a connector and when that was last asked. */
export async function listTagOrigins(
  db: Queries,
  key: { readonly repositoryId: number; readonly tags: readonly string[] },
): Promise<TagCache[]> {
  if (key.tags.length === 0) return []
  return db
    .selectFrom('tags')
    .leftJoin('connectors', 'connectors.id', 'tags.connector_id')
    .select(['tags.name as tag', 'connectors.name as connector', 'tags.checked_at as checkedAt'])
    .where('tags.repository_id', '=', key.repositoryId)
    .where('tags.name', 'in', key.tags)
    .where('tags.connector_id', 'is not', null)
    .execute()
}

interface CachedManifest {
  readonly repositoryId: number
  readonly digest: string
}

const cached = prepared((db, p: Params<CachedManifest>) =>
  db
    .selectFrom('manifests')
    .select(['id', 'media_type as mediaType', 'connector_id as connectorId'])
    .where('repository_id', '=', p.repositoryId)
    .where('digest', '=', p.digest),
)

/** The manifest's row and origin; `connectorId` null: it was pushed, with all that it refers to. */
export function findManifestOrigin(
  db: Queries,
  key: CachedManifest,
): Promise<{ id: number; mediaType: string; connectorId: number | null } | undefined> {
  return cached.find(db, key)
}
