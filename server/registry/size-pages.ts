import type { Db } from '../db/database.ts'
import {
  type ImageBytes,
  listFeedSums,
  listImageBytes,
  listImages,
  listRepositorySums,
  listStoreSums,
  listTaggedImages,
  sumFreedBytes,
  sumUploadBytes,
} from '../db/sizes.ts'
import { type Feed, listFeeds } from './feeds.ts'
import { foldAllSizes, type Sizes, sizesOf } from './sizes.ts'
import { cut, type Listed, type Page } from './tags.ts'

interface Deps {
  readonly db: Db
}

export interface StoreSizes {
  readonly id: number
  readonly blobs: number
  /** Of blobs, each once; those too that no repository has any more. */
  readonly blobBytes: number
  /** Of bytes that no blob names any more, until they are removed. */
  readonly freedBytes: number
  /** Of uploads that have not ended. */
  readonly uploadBytes: number
}

export interface ServerSizes {
  readonly manifests: number
  readonly manifestBytes: number
  readonly logicalBytes: number
  readonly blobs: number
  readonly deduplicatedBytes: number
  readonly stores: readonly StoreSizes[]
}

/** Of everything, as of now. */
export async function readServerSizes({ db }: Deps): Promise<ServerSizes> {
  await foldAllSizes({ db })
  const stores: StoreSizes[] = []
  for (const { storeId, blobs, blobBytes } of await listStoreSums(db.read)) {
    const freedBytes = await sumFreedBytes(db.read, storeId)
    const uploadBytes = await sumUploadBytes(db.read, storeId)
    stores.push({ id: storeId, blobs, blobBytes, freedBytes, uploadBytes })
  }
  const feeds = (await listFeedSums(db.read)).map(sizesOf)
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
  return {
    manifests: sum(feeds.map((feed) => feed.manifests)),
    manifestBytes: sum(feeds.map((feed) => feed.manifestBytes)),
    logicalBytes: sum(feeds.map((feed) => feed.logicalBytes)),
    blobs: sum(stores.map((store) => store.blobs)),
    deduplicatedBytes: sum(stores.map((store) => store.blobBytes)),
    stores,
  }
}

/** Of every feed, as of now. */
export async function listFeedSizes({ db }: Deps): Promise<(Sizes & { feed: Feed })[]> {
  await foldAllSizes({ db })
  const sums = new Map((await listFeedSums(db.read)).map((each) => [each.id, each]))
  return (await listFeeds(db)).map((feed) => ({ feed, ...sizesOf(sums.get(feed.id) ?? {}) }))
}

/** Of a feed's repositories, as of now, by name. */
export async function pageRepositorySizes(
  { db }: Deps,
  feedId: number,
  { after, count }: Page,
): Promise<Listed<Sizes & { readonly repository: string }>> {
  await foldAllSizes({ db })
  const rows = await listRepositorySums(db.read, { feedId, after, count: count + 1 })
  const { items, next } = cut(rows, count, ({ name }) => name)
  return { items: items.map((row) => ({ repository: row.name, ...sizesOf(row) })), next }
}

/** What pulling an image, or everything in an index, transfers. */
export interface ImageSize {
  readonly digest: string
  readonly logicalBytes: number
  readonly manifestBytes: number
}

/** Of a repository's tags, by name. */
export async function pageTagSizes(
  { db }: Deps,
  repositoryId: number,
  { after, count }: Page,
): Promise<Listed<ImageSize & { readonly tag: string }>> {
  const rows = await listTaggedImages(db.read, { repositoryId, after, count: count + 1 })
  const { items, next } = cut(rows, count, ({ name }) => name)
  const sizes = await imageSizes(db, items)
  return { items: items.map(({ name, ...row }) => ({ tag: name, ...sizes(row) })), next }
}

/** Of a repository's images, by digest; those too that only an index lists. */
export async function pageImageSizes(
  { db }: Deps,
  repositoryId: number,
  { after, count }: Page,
): Promise<Listed<ImageSize>> {
  const rows = await listImages(db.read, { repositoryId, after, count: count + 1 })
  const { items, next } = cut(rows, count, ({ digest }) => digest)
  const sizes = await imageSizes(db, items)
  return { items: items.map(sizes), next }
}

async function imageSizes(db: Db, images: readonly { readonly id: number }[]) {
  const rows = await listImageBytes(db.read, [...new Set(images.map(({ id }) => id))])
  const byId = new Map<number, ImageBytes>(rows.map((row) => [row.id, row]))
  return ({ id, digest }: { readonly id: number; readonly digest: string }): ImageSize => ({
    digest,
    logicalBytes: byId.get(id)?.blobBytes ?? 0,
    manifestBytes: byId.get(id)?.manifestBytes ?? 0,
  })
}
