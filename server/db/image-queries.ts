import { sql } from 'kysely'
import type { Queries } from './database.ts'
import { selectReferencedBlobs } from './manifest-references.ts'
import { chunksOf } from './sql.ts'

/** A manifest as the pages show it. */
export interface ImageRow {
  readonly id: number
  readonly digest: string
  readonly mediaType: string
  readonly artifactType: string | null
  readonly subject: string | null
  readonly manifestBytes: number
  readonly examined: 0 | 1
  readonly platforms: string | null
  readonly totalBytes: number | null
  readonly orphanedSince: number | null
  readonly pushedAt: number
  readonly pushedBy: string
  readonly pulls: number | null
  readonly lastPulledAt: number | null
}

function imageRows(db: Queries) {
  return db
    .selectFrom('manifests')
    .leftJoin('manifest_pulls', 'manifest_pulls.manifest_id', 'manifests.id')
    .select([
      'manifests.id',
      'manifests.digest',
      'manifests.media_type as mediaType',
      'manifests.artifact_type as artifactType',
      'manifests.subject',
      'manifests.size_bytes as manifestBytes',
      'manifests.examined',
      'manifests.platforms',
      'manifests.total_bytes as totalBytes',
      'manifests.orphaned_since as orphanedSince',
      'manifests.pushed_at as pushedAt',
      'manifests.pushed_by as pushedBy',
      'manifest_pulls.pulls',
      'manifest_pulls.last_pulled_at as lastPulledAt',
    ])
}

export async function findImageRow(db: Queries, id: number): Promise<ImageRow | undefined> {
  return await imageRows(db).where('manifests.id', '=', id).executeTakeFirst()
}

/** Those of these digests that the repository has. */
export async function listImageRows(
  db: Queries,
  { repositoryId, digests }: { readonly repositoryId: number; readonly digests: readonly string[] },
): Promise<ImageRow[]> {
  const found: ImageRow[] = []
  for (const chunk of chunksOf(digests)) {
    const rows = await imageRows(db)
      .where('manifests.repository_id', '=', repositoryId)
      .where('manifests.digest', 'in', chunk)
      .execute()
    found.push(...rows)
  }
  return found
}

interface Newest {
  readonly repositoryId: number
  /** Only manifests with a smaller id; null: from the newest. */
  readonly before: number | null
}

/** Manifests without a tag, the newest first, those with an id of `from` at least. */
export async function listUntagged(
  db: Queries,
  { repositoryId, before, from, limit }: Newest & { readonly from: number; readonly limit: number },
): Promise<ImageRow[]> {
  let query = imageRows(db)
    .where('manifests.repository_id', '=', repositoryId)
    .where('manifests.id', '>=', from)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(selectFrom('tags').select('name').whereRef('tags.manifest_id', '=', 'manifests.id')),
      ),
    )
  if (before !== null) query = query.where('manifests.id', '<', before)
  return await query.orderBy('manifests.id', 'desc').limit(limit).execute()
}

/** The id of the manifest that is `size` further; undefined: the list ends before it. */
export async function findManifestAhead(
  db: Queries,
  { repositoryId, before }: Newest,
  size: number,
): Promise<number | undefined> {
  let query = db.selectFrom('manifests').select('id').where('repository_id', '=', repositoryId)
  if (before !== null) query = query.where('id', '<', before)
  const row = await query
    .orderBy('id', 'desc')
    .limit(1)
    .offset(size - 1)
    .executeTakeFirst()
  return row?.id
}

/** Tags that point at the manifest, at most `limit`, by name. */
export async function listTagsOf(db: Queries, id: number, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom('tags')
    .select('name')
    .where('manifest_id', '=', id)
    .limit(limit)
    .execute()
  return rows.map((row) => row.name).sort()
}

/** Indexes that list the manifest, at most `limit`. */
export async function listParents(
  db: Queries,
  id: number,
  limit: number,
): Promise<{ readonly id: number; readonly digest: string }[]> {
  return await db
    .selectFrom('manifest_children')
    .innerJoin('manifests', 'manifests.id', 'manifest_children.parent_id')
    .select(['manifests.id', 'manifests.digest'])
    .where('manifest_children.child_id', '=', id)
    .limit(limit)
    .execute()
}

/** How many indexes list each of these manifests, at most `limit` counted. */
export async function countParents(
  db: Queries,
  ids: readonly number[],
  limit: number,
): Promise<Map<number, number>> {
  const counts = new Map<number, number>()
  for (const id of ids) counts.set(id, (await listParents(db, id, limit)).length)
  return counts
}

/** Children of an index that are here. */
export async function listChildren(
  db: Queries,
  parentId: number,
  limit: number,
): Promise<ImageRow[]> {
  return await imageRows(db)
    .innerJoin('manifest_children', 'manifest_children.child_id', 'manifests.id')
    .where('manifest_children.parent_id', '=', parentId)
    .limit(limit)
    .execute()
}

/** Manifests with this subject, at most `limit`, by digest. */
export async function listReferrerRows(
  db: Queries,
  key: { readonly repositoryId: number; readonly subject: string },
  limit: number,
): Promise<ImageRow[]> {
  return await imageRows(db)
    .where('manifests.repository_id', '=', key.repositoryId)
    .where('manifests.subject', '=', key.subject)
    .orderBy('manifests.digest')
    .limit(limit)
    .execute()
}

/** A blob that a manifest refers to, and who else has it. */
export interface BlobUse {
  readonly digest: string
  readonly role: 'config' | 'layer' | 'child'
  readonly storeId: number
  readonly sizeBytes: number
  readonly state: 'live' | 'damaged'
  /** Manifests of the repository, this one among them; at most `usersLimit` are counted. */
  readonly users: number
  /** Ids of repositories that have it, separated by commas; some, or null. */
  readonly repositories: string | null
}

/** Every blob of a manifest. Each is looked up in two indexes, a bounded number of entries long. */
export async function listBlobUses(
  db: Queries,
  key: { readonly manifestId: number; readonly repositoryId: number },
  limits: { readonly users: number; readonly repositories: number },
): Promise<BlobUse[]> {
  const { manifestId, repositoryId } = key
  return await selectReferencedBlobs(db)
    .select([
      'manifest_blobs.digest',
      'manifest_blobs.role',
      'blobs.store_id as storeId',
      'blobs.size_bytes as sizeBytes',
      'blobs.state',
      sql<number>`(select cast(count(*) as bigint) from (
        select 1 from manifest_blobs used
        where used.repository_id = ${repositoryId} and used.digest = manifest_blobs.digest
        limit ${limits.users}) as few)`.as('users'),
      sql<string | null>`(select string_agg(cast(shared.repository_id as text), ',') from (
        select other.repository_id from links other
        where other.store_id = blobs.store_id and other.digest = blobs.digest
        order by other.repository_id limit ${limits.repositories}) as shared)`.as('repositories'),
    ])
    .where('manifest_blobs.manifest_id', '=', manifestId)
    .execute()
}

/** Listed repositories by id, with where rights are asked for. */
export async function listRepositoryNames(db: Queries, ids: readonly number[]) {
  const found: { id: number; feedId: number; name: string }[] = []
  for (const chunk of chunksOf(ids)) {
    const rows = await db
      .selectFrom('repositories')
      .select(['id', 'feed_id as feedId', 'name'])
      .where('id', 'in', chunk)
      .where('listed', '=', 1)
      .execute()
    found.push(...rows)
  }
  return found
}

export interface DigestMove {
  readonly id: number
  readonly at: number
  readonly by: string
  readonly tag: string
  readonly previousDigest: string | null
  /** What happened to the tag next; null: it still points there. */
  readonly nextId: number | null
  readonly nextAt: number | null
  readonly nextBy: string | null
  readonly nextDigest: string | null
}

/** When tags began to point at the digest, and what became of each next; before the row `before`. */
export async function listDigestMoves(
  db: Queries,
  page: {
    readonly repositoryId: number
    readonly digest: string
    readonly before: number | null
    readonly count: number
  },
): Promise<DigestMove[]> {
  let query = db
    .selectFrom('tag_history')
    .leftJoin('tag_history as next', (join) =>
      join.on('next.id', '=', (eb) =>
        eb
          .selectFrom('tag_history as later')
          .select('later.id')
          .whereRef('later.repository_id', '=', 'tag_history.repository_id')
          .whereRef('later.name', '=', 'tag_history.name')
          .whereRef('later.id', '>', 'tag_history.id')
          .orderBy('later.id')
          .limit(1),
      ),
    )
    .select([
      'tag_history.id',
      'tag_history.at',
      'tag_history.by',
      'tag_history.name as tag',
      'tag_history.previous_digest as previousDigest',
      'next.id as nextId',
      'next.at as nextAt',
      'next.by as nextBy',
      'next.digest as nextDigest',
    ])
    .where('tag_history.repository_id', '=', page.repositoryId)
    .where('tag_history.digest', '=', page.digest)
  if (page.before !== null) query = query.where('tag_history.id', '<', page.before)
  return await query.orderBy('tag_history.id', 'desc').limit(page.count).execute()
}
