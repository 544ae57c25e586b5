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
  /** Since the connector last said where it points. */
  readonly checkedAgoMs: number
  /** Since it was asked in vain; null: it was not, or has answered since. */
  readonly failedAgoMs: number | null
  /** What came of it then. */
  readonly failure: string | null
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
      sql<number | null>`${nowMs} - tags.check_failed_at`.as('failedAgoMs'),
      'tags.check_failure as failure',
    ])
    .where('repositories.feed_id', '=', p.feedId)
    .where('repositories.name', '=', p.repository)
    .where('tags.name', '=', p.tag),
)

export function findTagOrigin(db: Queries, key: TagKey): Promise<TagOrigin | undefined> {
  return origin.find(db, key)
}

export interface TagCheck {
  readonly repositoryId: number
  readonly tag: string
  readonly connectorId: number
  /** Whether the connector said where the tag points: where it did. */
  readonly isFound: boolean
  /** What is not as it should be; null: nothing. */
  readonly failure: string | null
}

const maxFailureLength = 500

/** Writes down what came of asking the connector for the tag, which stays where it points. */
export async function noteTagCheck(trx: Queries, check: TagCheck): Promise<void> {
  const { failure } = check
  await trx
    .updateTable('tags')
    .set({
      ...(check.isFound && { checked_at: nowMs }),
      check_failed_at: failure === null ? null : nowMs,
      check_failure: failure?.slice(0, maxFailureLength) ?? null,
    })
    .where('repository_id', '=', check.repositoryId)
    .where('name', '=', check.tag)
    .where('connector_id', '=', check.connectorId)
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
  readonly connectorId: number | null
  readonly connector: string | null
  readonly checkedAt: number | null
  readonly failedAt: number | null
  readonly failure: string | null
}

function selectTagOrigins(db: Queries) {
  return db
    .selectFrom('tags')
    .leftJoin('connectors', 'connectors.id', 'tags.connector_id')
    .select([
      ...(['tags.name as tag', 'tags.connector_id as connectorId'] as const),
      ...(['connectors.name as connector', 'tags.checked_at as checkedAt'] as const),
      ...(['tags.check_failed_at as failedAt', 'tags.check_failure as failure'] as const),
    ])
    .where('tags.connector_id', 'is not', null)
}

/** Of a repository's tags, those that came through a connector, and what came of asking for them. */
export async function listTagOrigins(
  db: Queries,
  key: { readonly repositoryId: number; readonly tags: readonly string[] },
): Promise<TagCache[]> {
  if (key.tags.length === 0) return []
  return selectTagOrigins(db)
    .where('tags.repository_id', '=', key.repositoryId)
    .where('tags.name', 'in', key.tags)
    .execute()
}

/** Of an image's tags that came through a connector, the one that was checked last. */
export async function findCheckedTag(
  db: Queries,
  key: { readonly manifestId: number },
): Promise<TagCache | undefined> {
  return selectTagOrigins(db)
    .where('tags.manifest_id', '=', key.manifestId)
    .orderBy('tags.checked_at', 'desc')
    .limit(1)
    .executeTakeFirst()
}

interface CachedManifest {
  readonly repositoryId: number
  readonly digest: string
}

const cached = prepared((db, p: Params<CachedManifest>) =>
  db
    .selectFrom('manifests')
    .select(['id', 'media_type as mediaType', 'connector_id as connectorId'])
    .select('orphaned_since as orphanedSince')
    .where('repository_id', '=', p.repositoryId)
    .where('digest', '=', p.digest),
)

export interface ManifestOrigin {
  readonly id: number
  readonly mediaType: string
  readonly connectorId: number | null
  /** Null: clean-up does not take it. */
  readonly orphanedSince: number | null
}

/** The manifest's row and origin; `connectorId` null: it was pushed, with all that it refers to. */
export function findManifestOrigin(
  db: Queries,
  key: CachedManifest,
): Promise<ManifestOrigin | undefined> {
  return cached.find(db, key)
}
