import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Db } from '../db/database.ts'
import { findDigestAhead, listFeedBlobs, type StrayBlob } from '../db/feed-moves.ts'
import { listFormerStores } from '../db/former-stores.ts'
import type { Feed } from './feeds.ts'
import type { Stores } from './stores.ts'

/** Of a store, in a step: others wait that long for the database. */
const blobsAtOnce = 500
/** For who looks how much is left. */
const blobsCounted = 1000
const stepsCounted = 20

/** Whether the feed may have something in another store than its own: a move has not ended. */
export async function hasElsewhere(db: Db, feed: Feed): Promise<boolean> {
  return (await listFormerStores(db.read, feed.id)).length > 0
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

/**
 * Blobs of the feed in its former stores; of each store a thousand at most, among the first ten
 * thousand that it has.
 */
export async function listElsewhere(
  { db, stores }: { readonly db: Db; readonly stores: Stores },
  feed: Feed,
): Promise<Elsewhere[]> {
  const found: Elsewhere[] = []
  for (const { storeId } of await listFormerStores(db.read, feed.id)) {
    const { blobs, bytes } = await countBlobs(db, { feedId: feed.id, storeId })
    if (blobs === 0) continue
    found.push({ store: stores.find(storeId)?.name ?? `${storeId}`, blobs, bytes })
  }
  return found
}

async function countBlobs(db: Db, at: { readonly feedId: number; readonly storeId: number }) {
  const count = { blobs: 0, bytes: 0 }
  let steps = 0
  for await (const page of listBlobsOf(db, at)) {
    for (const { sizeBytes } of page.slice(0, blobsCounted - count.blobs)) {
      count.blobs += 1
      count.bytes += sizeBytes
    }
    steps += 1
    if (count.blobs === blobsCounted || steps === stepsCounted) break
    await nextTurn()
  }
  return count
}
