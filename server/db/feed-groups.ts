import type { AccessName } from '../domain/access-name.ts'
import type { Actor } from '../domain/actor.ts'
import { RegistryError, refuseField } from '../domain/errors.ts'
import { keepAdministrator } from './administrators.ts'
import type { Queries } from './database.ts'
import { insertEventBy } from './events.ts'
import { findFeedByKey } from './feeds.ts'
import { nowMs } from './sql.ts'

export interface FeedGroupRecord {
  readonly id: number
  readonly name: string
  readonly key: string
  /** The names of its feeds. */
  readonly feeds: readonly string[]
}

/** All feed groups by name: there are few. */
export async function listFeedGroupRecords(db: Queries): Promise<FeedGroupRecord[]> {
  const groups = await db
    .selectFrom('feed_groups')
    .select(['id', 'name', 'key'])
    .orderBy('key')
    .execute()
  const feeds = await db
    .selectFrom('feeds')
    .innerJoin('feed_names', 'feed_names.feed_id', 'feeds.id')
    .select(['feeds.name', 'feeds.feed_group_id'])
    .where('feeds.feed_group_id', 'is not', null)
    .where('feed_names.alternate', '=', 0)
    .orderBy('feed_names.key')
    .execute()
  return groups.map((group) => ({
    ...group,
    feeds: feeds.filter((feed) => feed.feed_group_id === group.id).map((feed) => feed.name),
  }))
}

export async function findFeedGroupByKey(
  db: Queries,
  key: string,
): Promise<{ readonly id: number; readonly name: string } | undefined> {
  return db
    .selectFrom('feed_groups')
    .select(['id', 'name'])
    .where('key', '=', key)
    .executeTakeFirst()
}

/** Throws CONFLICT when the name is taken, INVALID_FIELDS naming a feed that is not there. */
export async function insertFeedGroup(
  trx: Queries,
  input: { readonly group: AccessName; readonly feeds: readonly AccessName[]; readonly by: Actor },
): Promise<number> {
  const { group, feeds, by } = input
  const row = await trx
    .insertInto('feed_groups')
    .values({ ...group, created_at: nowMs })
    .onConflict((conflict) => conflict.column('key').doNothing())
    .returning('id')
    .executeTakeFirst()
  if (row === undefined) throw nameTaken(group.name)
  await replaceFeeds(trx, row.id, feeds)
  await insertEventBy(trx, 'feed-group.created', by, {
    feedGroup: group.name,
    feeds: feeds.map(({ name }) => name),
  })
  return row.id
}

/** Changes what is named. `feeds`: all that are in it from now on; they leave other groups. */
export async function updateFeedGroup(
  trx: Queries,
  input: {
    readonly group: AccessName
    readonly name?: AccessName
    readonly feeds?: readonly AccessName[]
    readonly by: Actor
  },
): Promise<void> {
  const { group, name, feeds, by } = input
  const current = await findFeedGroupByKey(trx, group.key)
  if (current === undefined) {
    throw new RegistryError('NOT_FOUND', `There is no feed group "${group.name}".`)
  }
  if (name) {
    const other = await findFeedGroupByKey(trx, name.key)
    if (other && other.id !== current.id) throw nameTaken(other.name)
    await trx.updateTable('feed_groups').set(name).where('id', '=', current.id).execute()
  }
  if (feeds) await replaceFeeds(trx, current.id, feeds)
  await insertEventBy(trx, 'feed-group.changed', by, {
    feedGroup: current.name,
    ...(name && { name: name.name }),
    ...(feeds && { feeds: feeds.map((feed) => feed.name) }),
  })
}

/** Whether there was one. Its feeds stay; its rules and the API keys for it go. */
export async function deleteFeedGroup(
  trx: Queries,
  input: { readonly group: AccessName; readonly by: Actor },
): Promise<boolean> {
  return await keepAdministrator(trx, async () => {
    const current = await findFeedGroupByKey(trx, input.group.key)
    if (current === undefined) return false
    await replaceFeeds(trx, current.id, [])
    await trx.deleteFrom('feed_groups').where('id', '=', current.id).execute()
    await insertEventBy(trx, 'feed-group.deleted', input.by, { feedGroup: current.name })
    return true
  })
}

async function replaceFeeds(
  trx: Queries,
  groupId: number,
  feeds: readonly AccessName[],
): Promise<void> {
  await trx
    .updateTable('feeds')
    .set({ feed_group_id: null })
    .where('feed_group_id', '=', groupId)
    .execute()
  for (const { name, key } of feeds) {
    const feed = await findFeedByKey(trx, key)
    if (!feed) refuseField('feeds', `There is no registry "${name}".`)
    await trx
      .updateTable('feeds')
      .set({ feed_group_id: groupId })
      .where('id', '=', feed.id)
      .execute()
  }
}

function nameTaken(name: string): RegistryError {
  return new RegistryError('CONFLICT', `There is a feed group "${name}" already.`)
}
