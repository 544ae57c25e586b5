import type { Db } from '../db/database.ts'
import {
  type FeedRecord,
  findFeedByKey,
  insertFeed,
  listFeedRecords,
  retireFeed,
  updateFeed,
} from '../db/feeds.ts'
import type { OverwriteRule } from '../db/schema.ts'
import { RegistryError } from '../domain/errors.ts'
import type { Subject } from '../domain/rule.ts'
import { changesOf, type FeedChanges, type NewFeed, newFeedOf } from './feed-changes.ts'

/** A hosted registry, as every other room sees it. */
export interface Feed {
  readonly id: number
  /** As typed. */
  readonly name: string
  /** Lower case: what the wire emits. */
  readonly key: string
  readonly alternateNames: readonly string[]
  readonly description: string
  readonly active: boolean
  /** Whether `DELETE /v2/…/manifests/<tag>` is allowed. */
  readonly tagDeletion: boolean
  /** Whether manifests may refer to manifests and blobs that are not here. */
  readonly sparseIndexes: boolean
  readonly overwrite: OverwriteRule
  /** Whether manifests may name layers that are elsewhere: with URLs, or foreign. */
  readonly externalLayers: boolean
  readonly storeId: number
  /** Null: it is in no feed group. */
  readonly feedGroupId: number | null
  /** Whether what comes through its connectors is kept. */
  readonly cacheConnectors: boolean
  /** The host that it stands in for, lower case; null: none. */
  readonly mirrorOf: string | null
  /** Whether it answers clients that name no registry. */
  readonly defaultMirror: boolean
  /** How much there may be in it; null: any number of bytes. */
  readonly quotaBytes: number | null
  /** In each of its repositories that says nothing else. */
  readonly repositoryQuotaBytes: number | null
  /** Whether it, or any of its repositories, has a quota. */
  readonly hasQuotas: boolean
}

/**
 * Feeds by name, from a list that is at most a second old: each request asks. A name that is not
 * there costs the same as one that is, so that time tells nobody which feeds there are.
 */
export interface Feeds {
  /** By a lower-case name, its own or an alternate. */
  find(key: string): Promise<Feed | undefined>
  /** Reads the list anew if it is older than a second. */
  refresh(): Promise<void> | undefined
  /** As `find`, from the list as it was last read: `refresh` comes first. */
  findKnown(key: string): Feed | undefined
  /** Reads the list now, so that who was refused by an old one is not; for absent and hidden alike. */
  reread(): Promise<void>
  list(): Promise<Feed[]>
  /**
   * The one that stands in for a host, or (null) answers who names none; `refresh` comes first.
   */
  findKnownMirror(host: string | null): Feed | undefined
  /** One that is active, by its number. */
  findActive(id: number): Promise<Feed | undefined>
}

const maxAgeMs = 1000

export function openFeeds(db: Db, clock: () => number = Date.now): Feeds {
  let known: ReadonlyMap<string, Feed> = new Map()
  let mirrors: ReadonlyMap<string | null, Feed> = new Map()
  let readAt = Number.NEGATIVE_INFINITY
  let reading: Promise<void> | undefined
  const read = async () => {
    const startedAt = clock()
    const feeds = await listFeeds(db)
    known = new Map(feeds.flatMap((feed) => keysOf(feed).map((key) => [key, feed] as const)))
    mirrors = mirrorsOf(feeds)
    readAt = startedAt
  }
  const reread = () => {
    reading ??= read().finally(() => {
      reading = undefined
    })
    return reading
  }
  const refresh = () => (Math.abs(clock() - readAt) < maxAgeMs ? undefined : reread())
  return {
    async find(key) {
      await refresh()
      return known.get(key)
    },
    refresh,
    findKnown: (key) => known.get(key),
    findKnownMirror: (host) => mirrors.get(host),
    reread,
    list: () => listFeeds(db),
    async findActive(id) {
      await refresh()
      return [...known.values()].find((feed) => feed.id === id && feed.active)
    },
  }
}

function mirrorsOf(feeds: readonly Feed[]): Map<string | null, Feed> {
  const mirrors = new Map<string | null, Feed>()
  for (const feed of feeds.filter(({ active }) => active)) {
    if (feed.mirrorOf !== null) mirrors.set(feed.mirrorOf, feed)
    if (feed.defaultMirror) mirrors.set(null, feed)
  }
  return mirrors
}

function keysOf(feed: Feed): string[] {
  return [feed.key, ...feed.alternateNames.map((name) => name.toLowerCase())]
}

/** The feed, or a repository in it, as rights are asked for. */
export function subjectOf(feed: Pick<Feed, 'id' | 'feedGroupId'>, repository?: string): Subject {
  const { id: feedId, feedGroupId } = feed
  return repository === undefined ? { feedId, feedGroupId } : { feedId, feedGroupId, repository }
}

/** The feed that a name, in any case, leads to; its own or an alternate one. */
export async function findFeed(db: Db, name: string): Promise<Feed | undefined> {
  const record = await findFeedByKey(db.read, name.toLowerCase())
  return record && feedOf(record)
}

export async function listFeeds(db: Db): Promise<Feed[]> {
  return (await listFeedRecords(db.read)).map(feedOf)
}

/** Who does it, for the audit, and where the request came from; absent: not by the API. */
export interface FeedActor {
  readonly by: string
  readonly address?: string | null
}

/**
 * Throws NAME_INVALID for a bad or reserved name, CONFLICT for one that is taken, INVALID_FIELDS
 * naming a feed group that is not there.
 */
export async function createFeed(
  { db, storeId, ...by }: { readonly db: Db; readonly storeId: number } & FeedActor,
  feed: NewFeed,
): Promise<Feed> {
  await db.write(insertFeed, { ...(await newFeedOf({ db, storeId }, feed)), ...by })
  return getFeed(db, feed.name)
}

/** Changes what is named, and nothing else. Throws as `createFeed`, or NAME_UNKNOWN. */
export async function changeFeed(
  { db, ...by }: { readonly db: Db } & FeedActor,
  name: string,
  changes: FeedChanges,
): Promise<Feed> {
  const { id } = await getFeed(db, name)
  return feedOf(await db.write(updateFeed, { id, ...(await changesOf(db, changes)), ...by }))
}

/**
 * Deletes the feed: it is unreachable at once and its names are free. Its content goes afterwards,
 * in short batches (`removeFeedContent`, a job that any serving process runs).
 */
export async function deleteFeed(
  { db, ...by }: { readonly db: Db } & FeedActor,
  name: string,
): Promise<void> {
  const feed = await getFeed(db, name)
  await db.write(retireFeed, { id: feed.id, ...by })
}

/** Throws NAME_UNKNOWN, naming it, when no feed has this name. */
export async function getFeed(db: Db, name: string): Promise<Feed> {
  const feed = await findFeed(db, name)
  if (feed) return feed
  throw new RegistryError('NAME_UNKNOWN', `There is no registry named "${name.slice(0, 120)}".`)
}

function feedOf(record: FeedRecord): Feed {
  return {
    id: record.id,
    name: record.name,
    key: record.name.toLowerCase(),
    alternateNames: record.names.filter((each) => each.alternate === 1).map((each) => each.name),
    description: record.description,
    active: record.active === 1,
    tagDeletion: record.tag_deletion === 1,
    sparseIndexes: record.sparse_indexes === 1,
    overwrite: record.overwrite,
    externalLayers: record.external_layers === 1,
    storeId: record.store_id,
    feedGroupId: record.feed_group_id,
    cacheConnectors: record.cache_connectors === 1,
    mirrorOf: record.mirror_of,
    defaultMirror: record.default_mirror === 1,
    quotaBytes: record.quota_bytes,
    repositoryQuotaBytes: record.repository_quota_bytes,
    hasQuotas:
      record.quota_bytes !== null ||
      record.repository_quota_bytes !== null ||
      record.repository_quotas === 1,
  }
}
