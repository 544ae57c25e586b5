import { sql } from 'kysely'
import type { Queries } from './database.ts'
import { type Params, prepared } from './prepared.ts'

/** A part of what is looked at, and where to go on: `last` is null at the end. */
export interface ExclusivePart<T> {
  readonly bytes: number
  readonly last: T | null
}

/** Bytes of the next `count` blobs of a repository, by digest, that no other repository has. */
export async function sumExclusiveInRepository(
  db: Queries,
  input: { readonly repositoryId: number; readonly after: string; readonly count: number },
): Promise<ExclusivePart<string>> {
  const { repositoryId, after, count } = input
  const { rows } = await sql<{ bytes: number | null; last: string | null; looked: number }>`
    select cast(sum(case when exists (
        select 1 from links o where o.store_id = l.store_id and o.digest = l.digest
        and o.repository_id <> ${repositoryId}) then 0 else b.size_bytes end) as bigint) as bytes,
      max(l.digest) as last, count(*) as looked
    from (select store_id, digest from links where repository_id = ${repositoryId}
      and digest > ${after} order by digest limit ${count}) l
    join blobs b on b.store_id = l.store_id and b.digest = l.digest`.execute(db)
  const [row] = rows
  return { bytes: row?.bytes ?? 0, last: row && row.looked === count ? row.last : null }
}

interface FeedBlobKey {
  readonly storeId: number
  readonly digest: string
}

/** The same for the blobs of a feed that no other feed has, by store and digest. */
export async function sumExclusiveInFeed(
  db: Queries,
  input: { readonly feedId: number; readonly after: FeedBlobKey; readonly count: number },
): Promise<ExclusivePart<FeedBlobKey>> {
  const { feedId, after, count } = input
  const { rows } = await sql<{ bytes: number; storeId: number; digest: string }>`
    select case when exists (
        select 1 from feed_blobs o where o.store_id = f.store_id and o.digest = f.digest
        and o.feed_id <> ${feedId} and o.links > 0) then 0 else f.bytes end as bytes,
      f.store_id as "storeId", f.digest
    from feed_blobs f
    where f.feed_id = ${feedId} and (f.store_id, f.digest) > (${after.storeId}, ${after.digest})
    order by f.store_id, f.digest limit ${count}`.execute(db)
  const last = rows.at(-1)
  return {
    bytes: rows.reduce((sum, row) => sum + row.bytes, 0),
    last: last && rows.length === count ? { storeId: last.storeId, digest: last.digest } : null,
  }
}

interface HeldBlob {
  readonly repositoryId: number
  readonly digest: string
  /** How many references to it are given up. */
  readonly givenUp: number
}

const released = prepared((db, p: Params<HeldBlob & { looked: number }>) =>
  db
    .selectFrom('links as l')
    .innerJoin('blobs as b', (join) =>
      join.onRef('b.store_id', '=', 'l.store_id').onRef('b.digest', '=', 'l.digest'),
    )
    .select('b.size_bytes as bytes')
    .where('l.repository_id', '=', p.repositoryId)
    .where('l.digest', '=', p.digest)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('links as o')
            .select('o.digest')
            .whereRef('o.store_id', '=', 'l.store_id')
            .whereRef('o.digest', '=', 'l.digest')
            .where('o.repository_id', '<>', p.repositoryId),
        ),
      ),
    )
    // One reference more than are given up, and it stays.
    .where(
      sql<boolean>`(select count(*) from (select 1 from manifest_blobs e
        where e.repository_id = ${p.repositoryId} and e.digest = ${p.digest}
        limit ${p.looked}) used) <= ${p.givenUp}`,
    ),
)

/** What clean-up frees of a blob when so many of its references go; 0 while something holds it. */
export async function findReleasedBytes(db: Queries, blob: HeldBlob): Promise<number> {
  return (await released.find(db, { ...blob, looked: blob.givenUp + 1 }))?.bytes ?? 0
}
