import { sql } from 'kysely'
import { type QuotaUse, quotaRefusal } from '../domain/quota.ts'
import type { Queries } from './database.ts'
import { isLinked } from './links.ts'
import { type Params, prepared } from './prepared.ts'

/** A repository, and how much it and its feed may have; null: any number of bytes. */
export interface QuotaPlace {
  readonly feedId: number
  readonly repositoryId: number
  readonly feedQuotaBytes: number | null
  readonly repositoryQuotaBytes: number | null
}

/** A manifest, or a blob with its name. */
export interface Added {
  readonly sizeBytes: number
  readonly storeId?: number
  readonly digest?: string
}

const maxFeeds = 1000

interface Asked {
  readonly feedId: number
  readonly repositoryId: number
  readonly storeId: number
  readonly digest: string
}

/** What was added up, and what was appended since: in one statement, so that folding is seen whole. */
const uses = prepared((db, p: Params<Asked>) =>
  db
    .with('appended', (query) =>
      query
        .selectFrom('size_changes')
        .select(['kind', 'store_id', 'repository_id', 'digest', 'count', 'bytes'])
        .where('feed_id', '=', p.feedId)
        .where('kind', 'in', [sql.lit('link' as const), sql.lit('manifest' as const)]),
    )
    .with('appended_blobs', (query) =>
      query
        .selectFrom('appended')
        .select(({ fn }) => [
          'store_id',
          'digest',
          fn.max('bytes').as('bytes'),
          sql<number>`sum(count)`.as('links'),
        ])
        .where('kind', '=', sql.lit('link' as const))
        .groupBy(['store_id', 'digest']),
    )
    .selectNoFrom([
      // A blob counts once in a feed, from its first link to its last.
      sql<number>`cast(
        coalesce((select manifest_bytes + blob_bytes from feed_sizes where feed_id = ${p.feedId}), 0)
        + coalesce((select sum(count * bytes) from appended where kind = 'manifest'), 0)
        + coalesce((
          select sum(a.bytes * (
            case when coalesce(b.links, 0) + a.links > 0 then 1 else 0 end
            - case when coalesce(b.links, 0) > 0 then 1 else 0 end))
          from appended_blobs a left join feed_blobs b on b.feed_id = ${p.feedId}
            and b.store_id = a.store_id and b.digest = a.digest), 0)
        as bigint)`.as('feedBytes'),
      sql<number>`cast(
        coalesce((select manifest_bytes + blob_bytes from repository_sizes
          where repository_id = ${p.repositoryId}), 0)
        + coalesce((select sum(count * bytes) from appended
          where repository_id = ${p.repositoryId}), 0)
        as bigint)`.as('repositoryBytes'),
      sql<number>`cast(
        coalesce((select links from feed_blobs where feed_id = ${p.feedId}
          and store_id = ${p.storeId} and digest = ${p.digest}), 0)
        + coalesce((select links from appended_blobs
          where store_id = ${p.storeId} and digest = ${p.digest}), 0)
        as bigint)`.as('linksOfBlob'),
    ]),
)

const held = prepared((db, p: Params<{ feedId: number }>) =>
  db.selectFrom('feeds').select('id').where('id', '=', p.feedId).forNoKeyUpdate(),
)

/**
 * Throws QUOTA_EXCEEDED when what this transaction has just added to the repository is too much: the
 * blob was in no repository of the feed, or the feed's quota has nothing to do with it. Its last lock
 * is the feed's row, so that what others add is committed and counts, or is added afterwards.
 */
export async function refuseOverQuota(
  trx: Queries,
  place: QuotaPlace,
  { sizeBytes, storeId = 0, digest = '' }: Added,
): Promise<void> {
  const { feedId, repositoryId, feedQuotaBytes, repositoryQuotaBytes } = place
  if ((feedQuotaBytes === null && repositoryQuotaBytes === null) || sizeBytes === 0) return
  await held.find(trx, { feedId })
  const after = await uses.find(trx, { feedId, repositoryId, storeId, digest })
  if (after === undefined) throw new Error('a SELECT without its row')
  const { feedBytes, repositoryBytes, linksOfBlob } = after
  if (repositoryQuotaBytes !== null && repositoryBytes > repositoryQuotaBytes) {
    const usedBytes = repositoryBytes - sizeBytes
    throw quotaRefusal({ of: 'repository', quotaBytes: repositoryQuotaBytes, usedBytes }, sizeBytes)
  }
  if (feedQuotaBytes === null || feedBytes <= feedQuotaBytes || linksOfBlob > 1) return
  const usedBytes = feedBytes - sizeBytes
  throw quotaRefusal({ of: 'registry', quotaBytes: feedQuotaBytes, usedBytes }, sizeBytes)
}

const quotasIn = prepared((db, p: Params<{ feedId: number; repository: string }>) =>
  db
    .selectFrom('feeds')
    .leftJoin('repositories', (join) =>
      join
        .onRef('repositories.feed_id', '=', 'feeds.id')
        .on('repositories.name', '=', p.repository),
    )
    .select([
      'feeds.id as feedId',
      'feeds.store_id as storeId',
      sql<number>`coalesce(repositories.id, 0)`.as('repositoryId'),
      'feeds.quota_bytes as feedQuotaBytes',
      sql<number | null>`coalesce(repositories.quota_bytes, feeds.repository_quota_bytes)`.as(
        'repositoryQuotaBytes',
      ),
    ])
    .where('feeds.id', '=', p.feedId),
)

/** The quotas that a push meets, and whether it has its blob already. */
export interface Room {
  /** Of the repository and of the feed, those that are set. */
  readonly uses: readonly QuotaUse[]
  /** What the blob that was asked about costs already. */
  readonly isInRepository: boolean
  readonly isInFeed: boolean
}

const feedUses = prepared((db) =>
  db
    .selectFrom('feeds')
    .leftJoin('feed_sizes', 'feed_sizes.feed_id', 'feeds.id')
    .select([
      'feeds.name',
      sql<number>`feeds.quota_bytes`.as('quotaBytes'),
      sql<number>`coalesce(manifest_bytes + blob_bytes, 0)`.as('usedBytes'),
    ])
    .where('feeds.quota_bytes', 'is not', null)
    .where('feeds.active', '=', sql.lit(1))
    .orderBy('feeds.name')
    .limit(sql.lit(maxFeeds)),
)

/** Feeds with a quota, by name, as they were last added up; the first thousand. */
export function listFeedUses(
  db: Queries,
): Promise<{ name: string; quotaBytes: number; usedBytes: number }[]> {
  return feedUses.list(db, {})
}

/**
 * Whether the repository has a blob whose bytes are damaged: an upload may be what mends it, and costs
 * nothing then.
 */
export async function hasDamagedBlob(
  db: Queries,
  { feedId, repository }: { readonly feedId: number; readonly repository: string },
): Promise<boolean> {
  const row = await db
    .selectFrom('blobs')
    .innerJoin('links', (join) =>
      join
        .onRef('links.store_id', '=', 'blobs.store_id')
        .onRef('links.digest', '=', 'blobs.digest'),
    )
    .innerJoin('repositories', 'repositories.id', 'links.repository_id')
    .select('blobs.digest')
    .where('blobs.state', '=', sql.lit('damaged'))
    .where('repositories.feed_id', '=', feedId)
    .where('repositories.name', '=', repository)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** As of now, without holding anybody off. The repository need not be there; undefined: no feed. */
export async function findRoom(
  db: Queries,
  asked: { readonly feedId: number; readonly repository: string; readonly digest: string | null },
): Promise<Room | undefined> {
  const { feedId, repository, digest } = asked
  const place = await quotasIn.find(db, { feedId, repository })
  if (place === undefined) return undefined
  const { repositoryId, storeId, feedQuotaBytes, repositoryQuotaBytes } = place
  if (feedQuotaBytes === null && repositoryQuotaBytes === null) {
    return { uses: [], isInRepository: false, isInFeed: false }
  }
  const found = await uses.find(db, { feedId, repositoryId, storeId, digest: digest ?? '' })
  if (found === undefined) throw new Error('a SELECT without its row')
  const isInRepository = digest !== null && (await isLinked(db, { repositoryId, digest }))
  return {
    uses: [
      ...figuresOf('repository', repositoryQuotaBytes, found.repositoryBytes),
      ...figuresOf('registry', feedQuotaBytes, found.feedBytes),
    ],
    isInRepository,
    isInFeed: isInRepository || found.linksOfBlob > 0,
  }
}

function figuresOf(of: QuotaUse['of'], quotaBytes: number | null, usedBytes: number): QuotaUse[] {
  return quotaBytes === null ? [] : [{ of, quotaBytes, usedBytes }]
}
