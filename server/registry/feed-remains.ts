import type { Db } from '../db/database.ts'
import {
  countStoredBlobs,
  findDigestAhead,
  listFeedBlobs,
  type StrayBlob,
} from '../db/feed-moves.ts'
import {
  type FormerStore,
  listFormerStores,
  listStoresWithRemains,
  noteRemains,
} from '../db/former-stores.ts'
import type { Feed } from './feeds.ts'
import { foldAllSizes, type SizeFolding } from './sizes.ts'
import type { Stores } from './stores.ts'

/** Of a store, in a step: others wait that long for the database. */
const blobsAtOnce = 500
/** For who looks how much is left. */
const blobsCounted = 1000

/** Whether the feed may have something in another store than its own: a move has not ended. */
export async function hasElsewhere(db: Db, feed: Feed): Promise<boolean> {
  if ((await listFormerStores(db.read, feed.id)).length > 0) return true
  await foldAllSizes({ db })
  return (await listStoresWithRemains(db.read, feed.id)).length > 0
}

/** Where the feed has, or may have, something that is to come to its own store. */
export async function findFormerStores(db: Db, feedId: number): Promise<FormerStore[]> {
  await foldAllSizes({ db })
  const storeIds = await listStoresWithRemains(db.read, feedId)
  if (storeIds.length > 0) await db.write(noteRemains, { feedId, storeIds })
  return listFormerStores(db.read, feedId)
}

/** What of a store's blobs the feed has there, some hundred of them at a time. */
export async function* listBlobsOf(
  db: Db,
  at: { readonly feedId: number; readonly storeId: number },
): AsyncGenerator<readonly StrayBlob[]> {
  let after = ''
  for (;;) {
    const ahead = { storeId: at.storeId, after, count: blobsAtOnce }
    const end = await findDigestAhead(db.read, ahead)
    yield await listFeedBlobs(db.read, { ...at, after, end: end ?? null })
    if (end === undefined) return
    after = end
  }
}

export interface Elsewhere {
  readonly store: string
  readonly blobs: number
  readonly bytes: number
}

/** Blobs of the feed in its former stores, of each a thousand at most. */
export async function listElsewhere(
  {
    db,
    stores,
    sizeFolding,
  }: { readonly db: Db; readonly stores: Stores; readonly sizeFolding: SizeFolding },
  feed: Feed,
): Promise<Elsewhere[]> {
  await sizeFolding.freshen()
  const found: Elsewhere[] = []
  const former = (await listFormerStores(db.read, feed.id)).map(({ storeId }) => storeId)
  for (const storeId of [...former, ...(await listStoresWithRemains(db.read, feed.id))]) {
    const of = { feedId: feed.id, storeId, limit: blobsCounted }
    const { blobs, bytes } = await countStoredBlobs(db.read, of)
    if (blobs === 0) continue
    found.push({ store: stores.find(storeId)?.name ?? `${storeId}`, blobs, bytes })
  }
  return found
}
