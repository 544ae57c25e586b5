import { attachConnectors } from './connectors.ts'
import type { Queries } from './database.ts'
import { type FeedChange, insertFeed, type NewFeed, updateFeed } from './feeds.ts'

/** Which connectors a feed asks, in this order. */
export type Attaching = Omit<Parameters<typeof attachConnectors>[1], 'feedId'>

/** All of it or nothing. Throws as `insertFeed`, `attachConnectors` and `updateFeed`. */
export async function insertConnectedFeed(
  trx: Queries,
  input: {
    readonly feed: NewFeed
    /** Null: none. */
    readonly attaching: Attaching | null
    /** What is not as it is by default. */
    readonly change: Omit<FeedChange, 'id'>
  },
): Promise<void> {
  const { feed, attaching, change } = input
  const { id } = await insertFeed(trx, feed)
  if (attaching !== null) await attachConnectors(trx, { ...attaching, feedId: id })
  if (Object.keys(change.row).length > 0) await updateFeed(trx, { ...change, id })
}

/** All of it or nothing. Throws as `attachConnectors` and `updateFeed`. */
export async function updateConnectedFeed(
  trx: Queries,
  input: { readonly attaching: Attaching; readonly change: FeedChange },
): Promise<void> {
  const { attaching, change } = input
  await attachConnectors(trx, { ...attaching, feedId: change.id })
  await updateFeed(trx, change)
}
