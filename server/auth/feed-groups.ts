import type { Db } from '../db/database.ts'
import {
  deleteFeedGroup as deleteRow,
  insertFeedGroup,
  listFeedGroupRecords,
  updateFeedGroup as updateRow,
} from '../db/feed-groups.ts'
import { accessName, parseAccessName } from '../domain/access-name.ts'
import type { Actor } from '../domain/actor.ts'
import { parseField, RegistryError } from '../domain/errors.ts'

/** Feeds that permissions can be given for together. */
export interface FeedGroupInfo {
  readonly id: number
  readonly name: string
  readonly feeds: readonly string[]
}

interface FeedGroupDeps {
  readonly db: Db
  readonly by: Actor
}

/** All of them, by name: there are few. */
export async function listFeedGroups({
  db,
}: {
  readonly db: Db
}): Promise<readonly FeedGroupInfo[]> {
  return (await listFeedGroupRecords(db.read)).map(({ id, name, feeds }) => ({ id, name, feeds }))
}

/** Throws NOT_FOUND, naming it. */
export async function getFeedGroup(
  { db }: { readonly db: Db },
  name: string,
): Promise<FeedGroupInfo> {
  const { key, name: shown } = accessName(name)
  const found = (await listFeedGroupRecords(db.read)).find((group) => group.key === key)
  if (found) return { id: found.id, name: found.name, feeds: found.feeds }
  throw new RegistryError('NOT_FOUND', `There is no feed group "${shown}".`)
}

/** Throws INVALID_FIELDS for a bad name or a feed that is not there, CONFLICT for a taken name. */
export async function addFeedGroup(
  { db, by }: FeedGroupDeps,
  input: { readonly name: string; readonly feeds?: readonly string[] },
): Promise<FeedGroupInfo> {
  await db.write(insertFeedGroup, {
    group: parseField('name', () => parseAccessName('feed group', input.name)),
    feeds: (input.feeds ?? []).map(accessName),
    by,
  })
  return await getFeedGroup({ db }, input.name)
}

/** Changes what is named; `feeds` are all that are in it from now on. */
export async function updateFeedGroup(
  { db, by }: FeedGroupDeps,
  name: string,
  changes: { readonly name?: string; readonly feeds?: readonly string[] },
): Promise<FeedGroupInfo> {
  const { name: newName, feeds } = changes
  await db.write(updateRow, {
    group: accessName(name),
    ...(newName !== undefined && {
      name: parseField('name', () => parseAccessName('feed group', newName)),
    }),
    ...(feeds && { feeds: feeds.map(accessName) }),
    by,
  })
  return await getFeedGroup({ db }, newName ?? name)
}

/** Whether there was one. Its feeds stay; its rules, and API keys for it, go. */
export async function deleteFeedGroup({ db, by }: FeedGroupDeps, name: string): Promise<boolean> {
  return await db.write(deleteRow, { group: accessName(name), by })
}
