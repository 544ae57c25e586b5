import { type Insertable, sql } from 'kysely'
import type { Queries } from './database.ts'
import type { SizeChangeRow, SizeSums } from './size-schema.ts'
import { chunksOf } from './sql.ts'

type Change = Omit<SizeChangeRow, 'id'> & { readonly id: number }

/**
 * Adds up to `limit` appended changes to the sums, and removes exactly those that it read: any
 * process may, and several at once take turns. Returns how many; fewer than `limit`: that was all.
 */
export async function foldSizes(
  trx: Queries,
  { limit }: { readonly limit: number },
): Promise<number> {
  await trx.selectFrom('size_folding').select('id').where('id', '=', 1).forUpdate().execute()
  const changes = await trx
    .selectFrom('size_changes')
    .selectAll()
    .orderBy('id')
    .limit(limit)
    .execute()
  if (changes.length === 0) return 0
  await foldRepositories(trx, changes)
  await foldFeeds(trx, changes)
  await foldStores(trx, changes)
  for (const chunk of chunksOf(changes)) {
    const ids = chunk.map(({ id }) => id)
    await trx.deleteFrom('size_changes').where('id', 'in', ids).execute()
  }
  return changes.length
}

/** Those that are gone by now have no sums any more. */
async function foldRepositories(trx: Queries, changes: readonly Change[]): Promise<void> {
  const sums = new Sums()
  for (const change of changes) {
    if (change.repository_id !== null) sums.add(change.repository_id, change, { links: true })
  }
  for (const chunk of chunksOf(sums.ids(), 500)) {
    const there = await trx
      .selectFrom('repositories')
      .select('id')
      .where('id', 'in', chunk)
      .orderBy('id')
      .forKeyShare()
      .execute()
    const values = there.map(({ id }) => ({ repository_id: id, ...sums.of(id) }))
    if (values.length === 0) continue
    await trx
      .insertInto('repository_sizes')
      .values(values)
      .onConflict((conflict) =>
        conflict.column('repository_id').doUpdateSet(added('repository_sizes')),
      )
      .execute()
  }
}

async function foldFeeds(trx: Queries, changes: readonly Change[]): Promise<void> {
  const sums = new Sums()
  for (const change of changes) {
    if (change.feed_id !== null) sums.add(change.feed_id, change, { links: false })
  }
  const there = await existingFeeds(trx, sums.ids())
  await foldFeedBlobs(
    trx,
    changes.filter((change) => change.feed_id !== null && there.has(change.feed_id)),
    sums,
  )
  const values = [...there].map((id) => ({ feed_id: id, ...sums.of(id) }))
  for (const chunk of chunksOf(values, 500)) {
    await trx
      .insertInto('feed_sizes')
      .values(chunk)
      .onConflict((conflict) => conflict.column('feed_id').doUpdateSet(added('feed_sizes')))
      .execute()
  }
}

async function existingFeeds(trx: Queries, ids: readonly number[]): Promise<Set<number>> {
  const there = new Set<number>()
  for (const chunk of chunksOf(ids, 500)) {
    const rows = await trx
      .selectFrom('feeds')
      .select('id')
      .where('id', 'in', chunk)
      .orderBy('id')
      .forKeyShare()
      .execute()
    for (const { id } of rows) there.add(id)
  }
  return there
}

/** A blob counts once in a feed, from its first link there to its last. */
async function foldFeedBlobs(trx: Queries, changes: readonly Change[], sums: Sums): Promise<void> {
  const links = new Map<string, Insertable<FeedBlob>>()
  for (const { kind, feed_id, store_id, digest, count, bytes } of changes) {
    if (kind !== 'link' || feed_id === null || store_id === null || digest === null) continue
    const key = `${feed_id} ${store_id} ${digest}`
    const known = links.get(key)?.links ?? 0
    links.set(key, { feed_id, store_id, digest, bytes, links: known + count })
  }
  const changed = [...links.values()].filter((each) => each.links !== 0)
  for (const chunk of chunksOf(changed, 500)) {
    const rows = await trx
      .insertInto('feed_blobs')
      .values(chunk)
      .onConflict((conflict) =>
        conflict.columns(['feed_id', 'store_id', 'digest']).doUpdateSet({
          links: sql<number>`feed_blobs.links + excluded.links`,
        }),
      )
      .returning(['feed_id', 'store_id', 'digest', 'bytes', 'links'])
      .execute()
    for (const row of rows) {
      const delta = links.get(`${row.feed_id} ${row.store_id} ${row.digest}`)?.links ?? 0
      const before = row.links - delta > 0 ? 1 : 0
      const now = row.links > 0 ? 1 : 0
      sums.addBlobs(row.feed_id, now - before, row.bytes)
    }
    await dropUnlinked(trx, rows)
  }
}

interface FeedBlob {
  feed_id: number
  store_id: number
  digest: string
  bytes: number
  links: number
}

async function dropUnlinked(trx: Queries, rows: readonly FeedBlob[]): Promise<void> {
  const unlinked = rows.filter(({ links }) => links === 0)
  const places = new Map(
    unlinked.map(({ feed_id, store_id }) => [`${feed_id} ${store_id}`, { feed_id, store_id }]),
  )
  for (const { feed_id, store_id } of places.values()) {
    const digests = unlinked
      .filter((row) => row.feed_id === feed_id && row.store_id === store_id)
      .map(({ digest }) => digest)
    await trx
      .deleteFrom('feed_blobs')
      .where('feed_id', '=', feed_id)
      .where('store_id', '=', store_id)
      .where('digest', 'in', digests)
      .execute()
  }
}

async function foldStores(trx: Queries, changes: readonly Change[]): Promise<void> {
  const sums = new Map<number, { blobs: number; blob_bytes: number }>()
  for (const { kind, store_id, count, bytes } of changes) {
    if (kind !== 'blob' || store_id === null) continue
    const known = sums.get(store_id) ?? { blobs: 0, blob_bytes: 0 }
    const blob_bytes = known.blob_bytes + count * bytes
    sums.set(store_id, { blobs: known.blobs + count, blob_bytes })
  }
  for (const [store_id, sum] of sums) {
    await trx
      .insertInto('store_sizes')
      .values({ store_id, ...sum })
      .onConflict((conflict) =>
        conflict.column('store_id').doUpdateSet({
          blobs: sql<number>`store_sizes.blobs + excluded.blobs`,
          blob_bytes: sql<number>`store_sizes.blob_bytes + excluded.blob_bytes`,
        }),
      )
      .execute()
  }
}

function added(table: 'repository_sizes' | 'feed_sizes') {
  const sum = (column: keyof SizeSums) =>
    sql<number>`${sql.ref(`${table}.${column}`)} + ${sql.ref(`excluded.${column}`)}`
  return {
    manifests: sum('manifests'),
    manifest_bytes: sum('manifest_bytes'),
    logical_bytes: sum('logical_bytes'),
    blobs: sum('blobs'),
    blob_bytes: sum('blob_bytes'),
  }
}

/** What changes come to, for each repository or feed. */
class Sums {
  readonly #byId = new Map<number, SizeSums>()

  ids(): number[] {
    return [...this.#byId.keys()].sort((a, b) => a - b)
  }

  of(id: number): SizeSums {
    const known = this.#byId.get(id)
    if (known) return known
    const none = { manifests: 0, manifest_bytes: 0, logical_bytes: 0, blobs: 0, blob_bytes: 0 }
    this.#byId.set(id, none)
    return none
  }

  add(id: number, { kind, count, bytes }: Change, { links }: { readonly links: boolean }): void {
    const sums = this.of(id)
    if (kind === 'edge') sums.logical_bytes += count * bytes
    if (kind === 'manifest') {
      sums.manifests += count
      sums.manifest_bytes += count * bytes
    }
    if (kind === 'link' && links) this.addBlobs(id, count, bytes)
  }

  addBlobs(id: number, count: number, bytes: number): void {
    const sums = this.of(id)
    sums.blobs += count
    sums.blob_bytes += count * bytes
  }
}
