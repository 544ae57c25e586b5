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
