import { type Insertable, sql, type Updateable } from 'kysely'
import { RegistryError } from '../domain/errors.ts'
import type { Queries } from './database.ts'
import { insertEvent } from './events.ts'
import { type Params, prepared } from './prepared.ts'
import type { FeedRow, OverwriteRule } from './schema.ts'
import { nowMs } from './sql.ts'

export interface FeedRecord {
  readonly id: number
  readonly name: string
  readonly description: string
  readonly active: 0 | 1
  readonly tag_deletion: 0 | 1
  readonly sparse_indexes: 0 | 1
  readonly overwrite: OverwriteRule
  readonly external_layers: 0 | 1
  readonly store_id: number
  readonly feed_group_id: number | null
  readonly cache_connectors: 0 | 1
  readonly mirror_of: string | null
  readonly default_mirror: 0 | 1
  readonly quota_bytes: number | null
  readonly repository_quota_bytes: number | null
  /** Whether one of its repositories has a quota of its own. */
  readonly repository_quotas: 0 | 1
  readonly names: readonly FeedName[]
}

export interface FeedName {
  readonly key: string
  readonly name: string
  readonly alternate: 0 | 1
}

const columns = [
  'feeds.id',
  'feeds.name',
  'feeds.description',
  'feeds.active',
  'feeds.tag_deletion',
  'feeds.sparse_indexes',
  'feeds.overwrite',
  'feeds.external_layers',
  'feeds.store_id',
  'feeds.feed_group_id',
  'feeds.cache_connectors',
  'feeds.mirror_of',
  'feeds.default_mirror',
  'feeds.quota_bytes',
  'feeds.repository_quota_bytes',
  sql<0 | 1>`coalesce((
    select 1 from repositories where feed_id = feeds.id and quota_bytes is not null limit 1), 0)`.as(
    'repository_quotas',
  ),
] as const

const byKey = prepared((db, p: Params<{ key: string }>) =>
  db
    .selectFrom('feed_names')
    .innerJoin('feeds', 'feeds.id', 'feed_names.feed_id')
    .select(columns)
    .where('feed_names.key', '=', p.key),
)
const namesOf = prepared((db, p: Params<{ feedId: number }>) =>
  db
    .selectFrom('feed_names')
    .select(['key', 'name', 'alternate'])
    .where('feed_id', '=', p.feedId)
    .orderBy('key'),
)

/** The feed that this lower-case name, its own or an alternate, leads to. */
export async function findFeedByKey(db: Queries, key: string): Promise<FeedRecord | undefined> {
  const row = await byKey.find(db, { key })
  return row && { ...row, names: await namesOf.list(db, { feedId: row.id }) }
}

const all = prepared((db) => db.selectFrom('feeds').select(columns).orderBy('name'))
const allNames = prepared((db) =>
  db.selectFrom('feed_names').select(['feed_id', 'key', 'name', 'alternate']).orderBy('key'),
)

/** All feeds by name. A feed without a name is being deleted and does not appear. */
export async function listFeedRecords(db: Queries): Promise<FeedRecord[]> {
  const feeds = await all.list(db, {})
  const namesByFeed = new Map<number, FeedName[]>()
  for (const { feed_id, ...name } of await allNames.list(db, {})) {
    const names = namesByFeed.get(feed_id)
    if (names === undefined) namesByFeed.set(feed_id, [name])
    else names.push(name)
  }
  return feeds.flatMap((feed) => {
    const names = namesByFeed.get(feed.id)
    return names === undefined ? [] : [{ ...feed, names }]
  })
}

export interface NewFeed {
  readonly names: readonly FeedName[]
  readonly row: Insertable<Omit<FeedRow, 'id' | 'created_at'>>
  readonly by: string
  readonly address?: string | null
}

/** Throws CONFLICT when one of the names is taken or given twice. */
export async function insertFeed(trx: Queries, input: NewFeed): Promise<{ id: number }> {
  const { id } = await trx
    .insertInto('feeds')
    .values({ ...input.row, created_at: nowMs })
    .returning('id')
    .executeTakeFirstOrThrow()
  await insertNames(trx, id, input.names)
  await insertEvent(trx, {
    kind: 'feed.created',
    by: input.by,
    address: input.address ?? null,
    feedId: id,
    detail: { name: input.row.name },
  })
  return { id }
}

export interface FeedChange {
  readonly id: number
  readonly row: Updateable<Omit<FeedRow, 'id' | 'name' | 'created_at' | 'store_id'>>
  /** Its own name from now on; absent: as it is. */
  readonly name?: FeedName
  /** All its alternate names from now on; absent: as they are. */
  readonly alternateNames?: readonly FeedName[]
  readonly by: string
  readonly address?: string | null
}

/**
 * Changes what is named, and nothing else, also while others do. Returns the feed as it then is.
 * Throws CONFLICT when one of the names is taken or given twice, NAME_UNKNOWN when the feed is gone.
 */
export async function updateFeed(trx: Queries, input: FeedChange): Promise<FeedRecord> {
  const { id, name, alternateNames } = input
  const current = await lockFeed(trx, id)
  const row = { ...input.row, ...(name && { name: name.name }) }
  await refuseSecondMirror(trx, id, row)
  if (Object.keys(row).length > 0) {
    await trx.updateTable('feeds').set(row).where('id', '=', id).execute()
  }
  const names = name || alternateNames ? changedNames(current, input) : undefined
  if (names) {
    await trx.deleteFrom('feed_names').where('feed_id', '=', id).execute()
    await insertNames(trx, id, names)
  }
  await insertEvent(trx, {
    kind: 'feed.changed',
    by: input.by,
    address: input.address ?? null,
    feedId: id,
    detail: { ...row, ...(names && { names: names.map((each) => each.name) }) },
  })
  const record = await trx
    .selectFrom('feeds')
    .select(columns)
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  return { ...record, names: await namesOf.list(trx, { feedId: id }) }
}

/** A host has one mirror, and clients that name none have one. */
async function refuseSecondMirror(trx: Queries, id: number, row: FeedChange['row']) {
  const { mirror_of: host = null, default_mirror: isDefault } = row
  if (host === null && isDefault !== 1) return
  const taken = await trx
    .selectFrom('feeds')
    .select(['name', 'mirror_of as mirrorOf'])
    .where('id', '<>', id)
    .where((eb) =>
      eb.or([
        ...(host === null ? [] : [eb('mirror_of', '=', host)]),
        ...(isDefault === 1 ? [eb('default_mirror', '=', 1)] : []),
      ]),
    )
    .executeTakeFirst()
  if (taken === undefined) return
  const isOfHost = host !== null && taken.mirrorOf === host
  const what = isOfHost ? `mirror of ${host}` : 'default mirror'
  throw new RegistryError('CONFLICT', `The registry ${taken.name} is the ${what} already.`)
}

function changedNames(current: readonly FeedName[], { name, alternateNames }: FeedChange) {
  return [
    ...(name ? [name] : current.filter((each) => each.alternate === 0)),
    ...(alternateNames ?? current.filter((each) => each.alternate === 1)),
  ]
}

/**
 * Returns the feed's names, which nobody else can change now. Throws NAME_UNKNOWN when the feed is
 * gone, or has none any more: it must not get new ones.
 */
export async function lockFeed(trx: Queries, id: number): Promise<FeedName[]> {
  await trx.selectFrom('feeds').select('id').where('id', '=', id).forNoKeyUpdate().execute()
  const names = await namesOf.list(trx, { feedId: id })
  if (names.length === 0) throw new RegistryError('NAME_UNKNOWN')
  return names
}

/** Whether the feed is there and nobody has deleted it. */
export async function hasNames(trx: Queries, feedId: number): Promise<boolean> {
  return (await namesOf.list(trx, { feedId })).length > 0
}

async function insertNames(trx: Queries, feedId: number, names: readonly FeedName[]) {
  const twice = names.find(({ key }, at) => names.findIndex((other) => other.key === key) !== at)
  if (twice) throw new RegistryError('CONFLICT', `The name "${twice.name}" is given twice.`)
  for (const name of names) {
    const { numInsertedOrUpdatedRows } = await trx
      .insertInto('feed_names')
      .values({ ...name, feed_id: feedId })
      .onConflict((conflict) => conflict.column('key').doNothing())
      .executeTakeFirstOrThrow()
    if (numInsertedOrUpdatedRows === 0n) {
      throw new RegistryError(
        'CONFLICT',
        `The name "${name.name}" is taken by another registry, as its name or an alternate one.`,
      )
    }
  }
}

/**
 * Takes the feed's names and rules away: unreachable at once, its content is removed afterwards.
 * Throws NAME_UNKNOWN when somebody else did so before.
 */
export async function retireFeed(
  trx: Queries,
  input: { readonly id: number; readonly by: string; readonly address?: string | null },
): Promise<void> {
  const names = await lockFeed(trx, input.id)
  await trx.deleteFrom('feed_names').where('feed_id', '=', input.id).execute()
  await trx.deleteFrom('permissions').where('feed_id', '=', input.id).execute()
  await trx.deleteFrom('jobs').where('feed_id', '=', input.id).execute()
  await trx.deleteFrom('feed_connectors').where('feed_id', '=', input.id).execute()
  await trx
    .updateTable('feeds')
    .set({ active: 0, feed_group_id: null, mirror_of: null, default_mirror: 0 })
    .where('id', '=', input.id)
    .execute()
  await insertEvent(trx, {
    kind: 'feed.deleted',
    by: input.by,
    address: input.address ?? null,
    feedId: input.id,
    detail: { names: names.map(({ name }) => name) },
  })
}

/** Feeds whose deletion has begun and not ended. */
export async function listRetiredFeeds(db: Queries): Promise<number[]> {
  const rows = await db
    .selectFrom('feeds')
    .select('feeds.id')
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('feed_names').select('key').whereRef('feed_names.feed_id', '=', 'feeds.id'),
        ),
      ),
    )
    .execute()
  return rows.map((row) => row.id)
}
