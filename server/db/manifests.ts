import { sql } from 'kysely'
import type { Queries } from './database.ts'
import { isFresh, renewedLease } from './lease.ts'
import { type Params, prepared } from './prepared.ts'
import { nowMs } from './sql.ts'

export interface ManifestHead {
  readonly id: number
  readonly digest: string
  readonly mediaType: string
  readonly sizeBytes: number
  readonly leftMs: number
  readonly promisedAgoMs: number
}

const head = [
  'manifests.id',
  'manifests.digest',
  'manifests.media_type as mediaType',
  'manifests.size_bytes as sizeBytes',
  sql<number>`manifests.lease_until - ${nowMs}`.as('leftMs'),
  sql<number>`${nowMs} - manifests.promised_at`.as('promisedAgoMs'),
] as const

interface ByDigest {
  readonly feedId: number
  readonly repository: string
  readonly digest: string
}
interface ByTag {
  readonly feedId: number
  readonly repository: string
  readonly tag: string
}

const byDigest = prepared((db, p: Params<ByDigest>) =>
  db
    .selectFrom('repositories')
    .innerJoin('manifests', 'manifests.repository_id', 'repositories.id')
    .select(head)
    .where('repositories.feed_id', '=', p.feedId)
    .where('repositories.name', '=', p.repository)
    .where('manifests.digest', '=', p.digest),
)
const byTag = prepared((db, p: Params<ByTag>) =>
  db
    .selectFrom('repositories')
    .innerJoin('tags', 'tags.repository_id', 'repositories.id')
    .innerJoin('manifests', 'manifests.id', 'tags.manifest_id')
    .select(head)
    .where('repositories.feed_id', '=', p.feedId)
    .where('repositories.name', '=', p.repository)
    .where('tags.name', '=', p.tag),
)
const idByDigest = prepared((db, p: Params<ByDigest>) =>
  db
    .selectFrom('repositories')
    .innerJoin('manifests', 'manifests.repository_id', 'repositories.id')
    .select('manifests.id')
    .where('repositories.feed_id', '=', p.feedId)
    .where('repositories.name', '=', p.repository)
    .where('manifests.digest', '=', p.digest),
)
const idByTag = prepared((db, p: Params<ByTag>) =>
  db
    .selectFrom('repositories')
    .innerJoin('tags', 'tags.repository_id', 'repositories.id')
    .select('tags.manifest_id as id')
    .where('repositories.feed_id', '=', p.feedId)
    .where('repositories.name', '=', p.repository)
    .where('tags.name', '=', p.tag),
)
const whole = prepared((db, p: Params<{ id: number }>) =>
  db
    .selectFrom('manifests')
    .innerJoin('manifest_contents', 'manifest_contents.manifest_id', 'manifests.id')
    .select(['manifests.digest', 'manifests.media_type as mediaType', 'manifest_contents.content'])
    .where('manifests.id', '=', p.id),
)

export async function findManifestByDigest(
  db: Queries,
  key: ByDigest,
): Promise<ManifestHead | undefined> {
  return byDigest.find(db, key)
}

export async function findManifestByTag(
  db: Queries,
  key: ByTag,
): Promise<ManifestHead | undefined> {
  return byTag.find(db, key)
}

/** The id of the manifest that the repository has now under this digest. */
export function findManifestIdByDigest(
  db: Queries,
  key: ByDigest,
): Promise<{ id: number } | undefined> {
  return idByDigest.find(db, key)
}

/** The id of the manifest that the tag names now. */
export function findManifestIdByTag(db: Queries, key: ByTag): Promise<{ id: number } | undefined> {
  return idByTag.find(db, key)
}

/** What never changes of a manifest. */
export interface WholeManifest {
  readonly digest: string
  readonly mediaType: string
  /** As it was pushed. */
  readonly content: Uint8Array
}

/** Undefined when the manifest was deleted meanwhile. */
export function findWholeManifest(db: Queries, id: number): Promise<WholeManifest | undefined> {
  return whole.find(db, { id })
}

const damagedUser = prepared((db, p: Params<{ id: number }>) =>
  db
    .selectFrom('manifests as head')
    .innerJoin('blobs', (join) => join.on('blobs.state', '=', sql.lit('damaged')))
    .innerJoin('manifest_blobs', (join) =>
      join
        .onRef('manifest_blobs.repository_id', '=', 'head.repository_id')
        .onRef('manifest_blobs.digest', '=', 'blobs.digest'),
    )
    .select('manifest_blobs.manifest_id as id')
    .where('head.id', '=', p.id)
    .limit(sql.lit(1)),
)

/**
 * Whether the manifest, or one below it, uses a damaged blob. Costs one look into an index while
 * no blob is damaged.
 */
export async function usesDamagedBlob(db: Queries, id: number): Promise<boolean> {
  if (!(await damagedUser.find(db, { id }))) return false
  const found = await db
    .withRecursive('tree(id)', (qb) =>
      qb
        .selectFrom('manifests')
        .select('manifests.id')
        .where('manifests.id', '=', id)
        .union(
          qb
            .selectFrom('tree')
            .innerJoin('manifest_children', 'manifest_children.parent_id', 'tree.id')
            .select('manifest_children.child_id as id'),
        ),
    )
    .selectFrom('tree')
    .innerJoin('manifest_blobs', 'manifest_blobs.manifest_id', 'tree.id')
    .innerJoin('links', (join) =>
      join
        .onRef('links.repository_id', '=', 'manifest_blobs.repository_id')
        .onRef('links.digest', '=', 'manifest_blobs.digest'),
    )
    .innerJoin('blobs', (join) =>
      join
        .onRef('blobs.store_id', '=', 'links.store_id')
        .onRef('blobs.digest', '=', 'links.digest'),
    )
    .select('tree.id')
    .where('blobs.state', '=', 'damaged')
    .limit(1)
    .executeTakeFirst()
  return found !== undefined
}

/** Whether a HEAD by a caller who may push has to renew the manifest's lease. */
export function needsPromise(manifest: ManifestHead, graceMs: number): boolean {
  return !isFresh(manifest, graceMs)
}

/** Promises the manifest for the grace time. False when it is gone. */
export async function promiseManifest(
  trx: Queries,
  input: { readonly id: number; readonly graceMs: number },
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('manifests')
    .set({ lease_until: renewedLease('lease_until', input.graceMs), promised_at: nowMs })
    .where('id', '=', input.id)
    .executeTakeFirstOrThrow()
  return numUpdatedRows > 0n
}

export interface Referrer {
  readonly digest: string
  readonly mediaType: string
  readonly sizeBytes: number
  readonly artifactType: string | null
  /** Of the annotations as JSON, which may be as long as a manifest; 0 when there are none. */
  readonly annotationsBytes: number
}

/** Manifests whose subject is `subject`, by digest after `after` ('' for the first page). */
export async function listReferrers(
  db: Queries,
  input: {
    readonly repositoryId: number
    readonly subject: string
    readonly artifactType: string | null
    readonly after: string
    readonly count: number
  },
): Promise<Referrer[]> {
  let query = db
    .selectFrom('manifests')
    .select([
      'digest',
      'media_type as mediaType',
      'size_bytes as sizeBytes',
      'artifact_type as artifactType',
      // Both databases know it from the row's head, without reading the text.
      sql<number>`coalesce(octet_length(annotations), 0)`.as('annotationsBytes'),
    ])
    .where('repository_id', '=', input.repositoryId)
    .where('subject', '=', input.subject)
    .where('digest', '>', input.after)
  if (input.artifactType !== null) query = query.where('artifact_type', '=', input.artifactType)
  return query.orderBy('digest').limit(input.count).execute()
}

const annotations = prepared((db, p: Params<{ repositoryId: number; digest: string }>) =>
  db
    .selectFrom('manifests')
    .select('annotations')
    .where('repository_id', '=', p.repositoryId)
    .where('digest', '=', p.digest),
)

/** A JSON object; null when the manifest has none, undefined when it is gone. */
export async function findAnnotations(
  db: Queries,
  key: { readonly repositoryId: number; readonly digest: string },
): Promise<string | null | undefined> {
  return (await annotations.find(db, key))?.annotations
}
