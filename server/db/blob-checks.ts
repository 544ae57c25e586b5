import { sql } from 'kysely'
import type { Queries } from './database.ts'
import type { BlobRow } from './schema.ts'

/** A blob as it is checked. */
export interface CheckedBlob {
  readonly storeId: number
  readonly digest: string
  readonly location: string
  readonly sizeBytes: number
  readonly state: BlobRow['state']
}

const columns = [
  'store_id as storeId',
  'digest',
  'location',
  'size_bytes as sizeBytes',
  'state',
] as const

/**
 * Blobs of a store after the digest `after`, and of each whether the feed has it: a page is short
 * to read however few of them that are.
 */
export async function listBlobsToCheck(
  db: Queries,
  page: {
    readonly storeId: number
    readonly feedId: number
    readonly after: string
    readonly limit: number
  },
): Promise<(CheckedBlob & { readonly inFeed: number })[]> {
  return db
    .selectFrom('blobs')
    .select(columns)
    .select(
      // With a limit: else PostgreSQL may read all links once for all rows.
      sql<number>`coalesce((
        select 1 from links l join repositories r on r.id = l.repository_id
        where l.store_id = blobs.store_id and l.digest = blobs.digest
          and r.feed_id = ${page.feedId} limit 1), 0)`.as('inFeed'),
    )
    .where('store_id', '=', page.storeId)
    .where('digest', '>', page.after)
    .orderBy('digest')
    .limit(page.limit)
    .execute()
}

interface BlobPage {
  readonly storeId: number
  readonly after: string
  readonly limit: number
}

/** Blobs of a store after the location `after`. */
export function listBlobLocations(db: Queries, page: BlobPage): Promise<CheckedBlob[]> {
  return listBy('location', db, page)
}

/** Blobs of a store after the digest `after`. */
export function listBlobDigests(db: Queries, page: BlobPage): Promise<CheckedBlob[]> {
  return listBy('digest', db, page)
}

async function listBy(
  column: 'digest' | 'location',
  db: Queries,
  { storeId, after, limit }: BlobPage,
): Promise<CheckedBlob[]> {
  return db
    .selectFrom('blobs')
    .select(columns)
    .where('store_id', '=', storeId)
    .where(column, '>', after)
    .orderBy(column)
    .limit(limit)
    .execute()
}

/** Blobs that are marked damaged, in any store. */
export async function listDamagedBlobs(db: Queries, limit: number): Promise<CheckedBlob[]> {
  return (
    db
      .selectFrom('blobs')
      .select(columns)
      // No parameter: the index is of these alone.
      .where('state', '=', sql.lit('damaged'))
      .orderBy('digest')
      .limit(limit)
      .execute()
  )
}

/** What was damaged and hashes right is live again, if its row still names the location. */
export async function markLive(
  trx: Queries,
  input: { readonly storeId: number; readonly location: string },
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('blobs')
    .set({ state: 'live' })
    .where('store_id', '=', input.storeId)
    .where('location', '=', input.location)
    .where('state', '=', 'damaged')
    .executeTakeFirstOrThrow()
  return numUpdatedRows > 0n
}

/** A manifest that needs a blob, by one of its tags or by none. */
export interface BlobImage {
  readonly feed: string
  readonly repository: string
  readonly digest: string
  readonly tag: string | null
}

/** The images that a blob belongs to, in all feeds of its store, at most `limit`. */
export async function listBlobImages(
  db: Queries,
  input: { readonly storeId: number; readonly digest: string; readonly limit: number },
): Promise<BlobImage[]> {
  return db
    .selectFrom('links')
    .innerJoin('repositories', 'repositories.id', 'links.repository_id')
    .innerJoin('feeds', 'feeds.id', 'repositories.feed_id')
    .innerJoin('manifest_blobs', (join) =>
      join
        .onRef('manifest_blobs.repository_id', '=', 'links.repository_id')
        .onRef('manifest_blobs.digest', '=', 'links.digest'),
    )
    .innerJoin('manifests', 'manifests.id', 'manifest_blobs.manifest_id')
    .leftJoin('tags', 'tags.manifest_id', 'manifests.id')
    .select([
      'feeds.name as feed',
      'repositories.name as repository',
      'manifests.digest',
      'tags.name as tag',
    ])
    .where('links.store_id', '=', input.storeId)
    .where('links.digest', '=', input.digest)
    .limit(input.limit)
    .execute()
}
