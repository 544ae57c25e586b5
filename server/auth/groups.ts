import type { Db } from '../db/database.ts'
import { listGroupMembers } from '../db/group-members.ts'
import {
  deleteGroup as deleteRow,
  type GroupRecord,
  getGroup as getRow,
  insertGroup,
  listGroupRecords,
  updateGroup as updateRow,
} from '../db/groups.ts'
import { accessName, parseAccessName } from '../domain/access-name.ts'
import type { Actor } from '../domain/actor.ts'
import { parseField } from '../domain/errors.ts'
import { type NamedPage, type Paged, pageByKey } from './paged.ts'

export interface GroupInfo {
  readonly name: string
  readonly description: string
  /** Members, those from directories too. */
  readonly users: readonly string[]
}

interface GroupDeps {
  readonly db: Db
  readonly by: Actor
}

export async function listGroups(
  { db }: { readonly db: Db },
  page: NamedPage,
): Promise<Paged<GroupInfo>> {
  const { items, next } = await pageByKey(page, (keys) => listGroupRecords(db.read, keys))
  return { items: await infosOf(db, items), next }
}

/** Throws NOT_FOUND, naming it. */
export async function getGroup({ db }: { readonly db: Db }, name: string): Promise<GroupInfo> {
  const record = await getRow(db.read, accessName(name))
  const [info] = await infosOf(db, [record])
  return info ?? { name: record.name, description: record.description, users: [] }
}

/** Throws INVALID_FIELDS for a bad name or a user that is not there, CONFLICT for a taken name. */
export async function addGroup(
  { db, by }: GroupDeps,
  input: {
    readonly name: string
    readonly description?: string
    readonly users?: readonly string[]
  },
): Promise<GroupInfo> {
  await db.write(insertGroup, {
    group: parseField('name', () => parseAccessName('group', input.name)),
    description: input.description ?? '',
    members: (input.users ?? []).map(accessName),
    by,
  })
  return await getGroup({ db }, input.name)
}

/**
 * Changes what is named; `users` replaces the members that administrators added. Throws NOT_FOUND,
 * INVALID_FIELDS, or CONFLICT: also when nobody could administer the server any more.
 */
export async function updateGroup(
  { db, by }: GroupDeps,
  name: string,
  changes: {
    readonly name?: string
    readonly description?: string
    readonly users?: readonly string[]
  },
): Promise<GroupInfo> {
  const { name: newName, description, users } = changes
  await db.write(updateRow, {
    group: accessName(name),
    ...(newName !== undefined && {
      name: parseField('name', () => parseAccessName('group', newName)),
    }),
    ...(description !== undefined && { description }),
    ...(users && { members: users.map(accessName) }),
    by,
  })
  return await getGroup({ db }, newName ?? name)
}

/**
 * Adds and removes members; those whom a directory names stay. Throws NOT_FOUND, INVALID_FIELDS
 * naming who is no user, or CONFLICT when nobody could administer the server any more.
 */
export async function changeMembers(
  { db, by }: GroupDeps,
  name: string,
  { add, remove }: { readonly add: readonly string[]; readonly remove: readonly string[] },
): Promise<GroupInfo> {
  const joining = add.map(accessName)
  const leaving = remove.map(accessName)
  await db.write(updateRow, { group: accessName(name), joining, leaving, by })
  return await getGroup({ db }, name)
}

/** Whether there was one; its rules go too. Throws CONFLICT when nobody could administer any more. */
export async function deleteGroup({ db, by }: GroupDeps, name: string): Promise<boolean> {
  return await db.write(deleteRow, { group: accessName(name), by })
}

async function infosOf(db: Db, records: readonly GroupRecord[]): Promise<GroupInfo[]> {
  const members = await listGroupMembers(
    db.read,
    records.map(({ id }) => id),
  )
  const users = new Map<number, Set<string>>()
  for (const { groupId, userName } of members) {
    const names = users.get(groupId) ?? new Set()
    users.set(groupId, names.add(userName))
  }
  return records.map(({ id, name, description }) => ({
    name,
    description,
    users: [...(users.get(id) ?? [])],
  }))
}
