import { sql } from 'kysely'
import type { Queries } from './database.ts'
import { noteLeft } from './links.ts'
import { type Params, prepared } from './prepared.ts'
import { shareRepository } from './repositories.ts'

/** A blob that repositories of a feed have in another store than the feed's. */
export interface StrayBlob {
  readonly digest: string
  readonly location: string
  readonly sizeBytes: number
  readonly state: 'live' | 'damaged'
}

interface FeedStore {
  readonly feedId: number
  readonly storeId: number
}

const digestAhead = prepared((db, p: Params<{ storeId: number; after: string; count: number }>) =>
  db
    .selectFrom('blobs')
    .select('digest')
    .where('store_id', '=', p.storeId)
    .where('digest', '>', p.after)
    .orderBy('digest')
    .limit(sql.lit(1))
    .offset(p.count),
)

/** The digest so many blobs further; undefined: the store ends before. */
export async function findDigestAhead(
  db: Queries,
  from: { readonly storeId: number; readonly after: string; readonly count: number },
): Promise<string | undefined> {
  return (await digestAhead.find(db, { ...from, count: from.count - 1 }))?.digest
}

/** Behind all digests. */
const lastDigest = '~'

const inFeed = prepared((db, p: Params<FeedStore & { after: string; end: string }>) =>
  db
    .selectFrom('blobs')
    .select(['digest', 'location', 'size_bytes as sizeBytes', 'state'])
    .where('store_id', '=', p.storeId)
    .where('digest', '>', p.after)
    .where('digest', '<=', p.end)
    .where(
      // With a limit: else PostgreSQL may read all links once for all rows.
      sql<boolean>`coalesce((
        select 1 from links l join repositories r on r.id = l.repository_id
        where l.store_id = blobs.store_id and l.digest = blobs.digest
          and r.feed_id = ${p.feedId} limit 1), 0) = 1`,
    )
    .orderBy('digest'),
)

/** Blobs of a store that the feed has there: after `after`, up to `end` (null: to the last). */
export async function listFeedBlobs(
  db: Queries,
  span: FeedStore & { readonly after: string; readonly end: string | null },
): Promise<StrayBlob[]> {
  return inFeed.list(db, { ...span, end: span.end ?? lastDigest })
}

const stored = prepared((db, p: Params<FeedStore & { limit: number }>) =>
  db
    .selectFrom(
      db
        .selectFrom('feed_blobs')
        .select('bytes')
        .where('feed_id', '=', p.feedId)
        .where('store_id', '=', p.storeId)
        // With a limit alone PostgreSQL may read the whole table.
        .orderBy('digest')
        .limit(p.limit)
        .as('some'),
    )
    .select(({ fn }) => [
      fn.countAll<number>().as('blobs'),
      sql<number>`coalesce(sum(bytes), 0)`.as('bytes'),
    ]),
)

/** How much the feed has in the store, of `limit` blobs at most; as of when sizes were added up last. */
export async function countStoredBlobs(
  db: Queries,
  of: FeedStore & { readonly limit: number },
): Promise<{ readonly blobs: number; readonly bytes: number }> {
  const { blobs = 0, bytes = 0 } = (await stored.find(db, of)) ?? {}
  return { blobs: Number(blobs), bytes: Number(bytes) }
}

/** Repositories of the feed that have the blob in this store. */
export async function listHolders(
  db: Queries,
  of: FeedStore & { readonly digest: string },
): Promise<{ id: number; name: string; retired: 0 | 1 }[]> {
  return db
    .selectFrom('links')
    .innerJoin('repositories', 'repositories.id', 'links.repository_id')
    .select(['repositories.id', 'repositories.name', 'repositories.retired'])
    .where('links.store_id', '=', of.storeId)
    .where('links.digest', '=', of.digest)
    .where('repositories.feed_id', '=', of.feedId)
    .orderBy('repositories.id')
    .execute()
}

/**
 * Whether an upload of the feed goes to this store still. Looks through the uploads that are open: an
 * index would cost every push more than the job that asks can save.
 */
export async function hasUploadsIn(db: Queries, { feedId, storeId }: FeedStore): Promise<boolean> {
  const row = await db
    .selectFrom('uploads')
    .innerJoin('repositories', 'repositories.id', 'uploads.repository_id')
    .select('uploads.id')
    .where('repositories.feed_id', '=', feedId)
    .where('uploads.store_id', '=', storeId)
    .where('uploads.state', '=', 'open')
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

export interface LiveBlob {
  readonly location: string
  readonly sizeBytes: number
}

/** The live blob of a store. */
export async function findLiveBlob(
  db: Queries,
  of: { readonly storeId: number; readonly digest: string },
): Promise<LiveBlob | undefined> {
  return db
    .selectFrom('blobs')
    .select(['location', 'size_bytes as sizeBytes'])
    .where('store_id', '=', of.storeId)
    .where('digest', '=', of.digest)
    .where('state', '=', 'live')
    .executeTakeFirst()
}

/**
 * The repository has the blob in another store from now on, where it is too. False: it is not there
 * any more, or the repository has it elsewhere already. Locks as a mount does.
 */
export async function moveLink(
  trx: Queries,
  input: {
    readonly repositoryId: number
    readonly digest: string
    readonly from: number
    readonly to: number
  },
): Promise<boolean> {
  const { repositoryId, digest, from, to } = input
  await shareRepository(trx, repositoryId)
  const blob = await trx
    .selectFrom('blobs')
    .select('digest')
    .where('store_id', '=', to)
    .where('digest', '=', digest)
    .where('state', '=', 'live')
    .forShare()
    .executeTakeFirst()
  if (blob === undefined) return false
  const { numUpdatedRows } = await trx
    .updateTable('links')
    .set({ store_id: to })
    .where('repository_id', '=', repositoryId)
    .where('digest', '=', digest)
    .where('store_id', '=', from)
    .executeTakeFirstOrThrow()
  if (numUpdatedRows === 0n) return false
  await noteLeft(trx, from, digest)
  return true
}
