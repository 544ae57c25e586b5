import type { Db } from '../db/database.ts'
import { findFeedGroupByKey } from '../db/feed-groups.ts'
import type { FeedName } from '../db/feeds.ts'
import type { OverwriteRule } from '../db/schema.ts'
import { accessName } from '../domain/access-name.ts'
import { isHost } from '../domain/connector.ts'
import { refuseField } from '../domain/errors.ts'
import { parseFeedName } from '../domain/reference.ts'

export interface NewFeed {
  readonly name: string
  readonly alternateNames?: readonly string[]
  readonly description?: string
  /** By name; null or absent: in none. */
  readonly feedGroup?: string | null
}

export interface FeedChanges {
  readonly name?: string
  readonly alternateNames?: readonly string[]
  readonly description?: string
  readonly active?: boolean
  readonly tagDeletion?: boolean
  readonly sparseIndexes?: boolean
  readonly overwrite?: OverwriteRule
  readonly externalLayers?: boolean
  /** By name; null: in none. */
  readonly feedGroup?: string | null
  readonly cacheConnectors?: boolean
  readonly mirrorOf?: string | null
  readonly defaultMirror?: boolean
  /** Null: any number of bytes. */
  readonly quotaBytes?: number | null
  readonly repositoryQuotaBytes?: number | null
}

/** What is stored of a new feed. Throws as `createFeed`, but for names that are taken. */
export async function newFeedOf(
  { db, storeId }: { readonly db: Db; readonly storeId: number },
  feed: NewFeed,
) {
  return {
    names: [ownName(feed.name), ...(feed.alternateNames ?? []).map(alternateName)],
    row: {
      name: feed.name,
      description: feed.description ?? '',
      active: 1,
      tag_deletion: 0,
      sparse_indexes: 0,
      overwrite: 'allowed',
      external_layers: 1,
      store_id: storeId,
      feed_group_id: await findGroupId(db, feed.feedGroup ?? null),
    },
  } as const
}

/** What is stored of changes. Throws as `changeFeed`, but for names that are taken. */
export async function changesOf(db: Db, changes: FeedChanges) {
  return {
    row: {
      ...(changes.description !== undefined && { description: changes.description }),
      ...(changes.active !== undefined && { active: bit(changes.active) }),
      ...(changes.tagDeletion !== undefined && { tag_deletion: bit(changes.tagDeletion) }),
      ...(changes.sparseIndexes !== undefined && { sparse_indexes: bit(changes.sparseIndexes) }),
      ...(changes.overwrite !== undefined && { overwrite: changes.overwrite }),
      ...(changes.externalLayers !== undefined && {
        external_layers: bit(changes.externalLayers),
      }),
      ...(changes.feedGroup !== undefined && {
        feed_group_id: await findGroupId(db, changes.feedGroup),
      }),
      ...(changes.cacheConnectors !== undefined && {
        cache_connectors: bit(changes.cacheConnectors),
      }),
      ...(changes.mirrorOf !== undefined && { mirror_of: mirroredHost(changes.mirrorOf) }),
      ...(changes.defaultMirror !== undefined && { default_mirror: bit(changes.defaultMirror) }),
      ...(changes.quotaBytes !== undefined && { quota_bytes: changes.quotaBytes }),
      ...(changes.repositoryQuotaBytes !== undefined && {
        repository_quota_bytes: changes.repositoryQuotaBytes,
      }),
    },
    ...(changes.name !== undefined && { name: ownName(changes.name) }),
    ...(changes.alternateNames && { alternateNames: changes.alternateNames.map(alternateName) }),
  }
}

async function findGroupId(db: Db, feedGroup: string | null): Promise<number | null> {
  if (feedGroup === null) return null
  const { name, key } = accessName(feedGroup)
  const group = await findFeedGroupByKey(db.read, key)
  return group?.id ?? refuseField('feedGroup', `There is no feed group "${name}".`)
}

/** As image names begin: `docker.io`, `registry.example.com:5000`. */
function mirroredHost(text: string | null): string | null {
  if (text === null || text === '') return null
  const host = text.toLowerCase()
  if (isHost(host)) return host
  return refuseField('mirrorOf', `"${text.slice(0, 100)}" is no host: write docker.io.`)
}

function ownName(name: string): FeedName {
  return { ...parseFeedName(name), alternate: 0 }
}

function alternateName(name: string): FeedName {
  return { ...parseFeedName(name), alternate: 1 }
}

function bit(value: boolean): 0 | 1 {
  return value ? 1 : 0
}
