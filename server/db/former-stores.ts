import { sql } from 'kysely'
import type { Queries } from './database.ts'
import { type Params, prepared } from './prepared.ts'
import { nowMs } from './sql.ts'

/** A store that a feed had before, and may have something in still. */
export interface FormerStore {
  readonly storeId: number
  /** When the feed left it, the last time. */
  readonly since: number
}

const ofFeed = prepared((db, p: Params<{ feedId: number }>) =>
  db
    .selectFrom('former_stores')
    .select(['store_id as storeId', 'since'])
    .where('feed_id', '=', p.feedId)
    .orderBy('store_id'),
)

export async function listFormerStores(db: Queries, feedId: number): Promise<FormerStore[]> {
  return ofFeed.list(db, { feedId })
}

/** Neither the feed's own store nor one that it is known to have had. */
const otherStores = prepared((db, p: Params<{ feedId: number }>) =>
  db
    .selectFrom('feeds')
    .innerJoin('stores', (join) => join.onRef('stores.id', '<>', 'feeds.store_id'))
    .leftJoin('former_stores', (join) =>
      join
        .onRef('former_stores.feed_id', '=', 'feeds.id')
        .onRef('former_stores.store_id', '=', 'stores.id'),
    )
    .select('stores.id as storeId')
    .where('feeds.id', '=', p.feedId)
    .where('former_stores.store_id', 'is', null),
)

const anyBlob = prepared((db, p: Params<{ feedId: number; storeId: number }>) =>
  db
    .selectFrom('feed_blobs')
    .select('digest')
    .where('feed_id', '=', p.feedId)
    .where('store_id', '=', p.storeId)
    .limit(sql.lit(1)),
)

/**
 * Stores that have blobs of the feed, and are neither its own nor among those that it is known to
 * have had: what ended there after they were forgotten, or while an older program served too.
 */
export async function listStoresWithRemains(db: Queries, feedId: number): Promise<number[]> {
  const found: number[] = []
  for (const { storeId } of await otherStores.list(db, { feedId })) {
    if ((await anyBlob.find(db, { feedId, storeId })) !== undefined) found.push(storeId)
  }
  return found
}

/** They are among those that it had. */
export async function noteRemains(
  trx: Queries,
  { feedId, storeIds }: { readonly feedId: number; readonly storeIds: readonly number[] },
): Promise<void> {
  await trx
    .insertInto('former_stores')
    .values(storeIds.map((storeId) => ({ feed_id: feedId, store_id: storeId, since: nowMs })))
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/** The feed leaves a store for another one. */
export async function noteFormerStore(
  trx: Queries,
  input: { readonly feedId: number; readonly from: number; readonly to: number },
): Promise<void> {
  const { feedId, from, to } = input
  await trx
    .deleteFrom('former_stores')
    .where('feed_id', '=', feedId)
    .where('store_id', '=', to)
    .execute()
  await trx
    .insertInto('former_stores')
    .values({ feed_id: feedId, store_id: from, since: nowMs })
    .execute()
}

/** Nothing of the feed is there any more, unless it was there again meanwhile. */
export async function forgetFormerStore(
  trx: Queries,
  input: FormerStore & { readonly feedId: number },
): Promise<void> {
  await trx
    .deleteFrom('former_stores')
    .where('feed_id', '=', input.feedId)
    .where('store_id', '=', input.storeId)
    .where('since', '=', input.since)
    .execute()
}
