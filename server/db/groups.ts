import type { AccessName } from '../domain/access-name.ts'
import type { Actor } from '../domain/actor.ts'
import { RegistryError, refuseField } from '../domain/errors.ts'
import { keepAdministrator } from './administrators.ts'
import type { Queries } from './database.ts'
import { insertEvent } from './events.ts'
import { type KeyPage, textSearch } from './key-page.ts'
import { chunksOf, nowMs } from './sql.ts'

export interface GroupRecord {
  readonly id: number
  readonly name: string
  readonly key: string
  readonly description: string
}

/** Groups by key, after `after`. */
export async function listGroupRecords(db: Queries, page: KeyPage): Promise<GroupRecord[]> {
  let query = db
    .selectFrom('groups')
    .select(['id', 'name', 'key', 'description'])
    .where('key', '>', page.after)
  if (page.search !== null) query = query.where(textSearch(['key'], page.search))
  return query.orderBy('key').limit(page.count).execute()
}

export async function findGroupByKey(db: Queries, key: string): Promise<GroupRecord | undefined> {
  return db
    .selectFrom('groups')
    .select(['id', 'name', 'key', 'description'])
    .where('key', '=', key)
    .executeTakeFirst()
}

export interface NewGroup {
  readonly group: AccessName
  readonly description: string
  readonly members: readonly AccessName[]
  readonly by: Actor
}

/** Throws CONFLICT when the name is taken, INVALID_FIELDS naming a member that is no user. */
export async function insertGroup(trx: Queries, input: NewGroup): Promise<number> {
  return await keepAdministrator(trx, () => storeGroup(trx, input))
}

/** As `insertGroup`, for a transaction that looks after the administrators. */
export async function storeGroup(trx: Queries, input: NewGroup): Promise<number> {
  const row = await trx
    .insertInto('groups')
    .values({ ...input.group, description: input.description, created_at: nowMs })
    .onConflict((conflict) => conflict.column('key').doNothing())
    .returning('id')
    .executeTakeFirst()
  if (row === undefined) throw nameTaken(input.group.name)
  await replaceMembers(trx, row.id, input.members)
  await insertEvent(trx, {
    kind: 'group.created',
    ...{ by: input.by.name, address: input.by.address },
    detail: { group: input.group.name, members: input.members.map(({ name }) => name) },
  })
  return row.id
}

export interface GroupChange {
  readonly group: AccessName
  /** Absent: as it is. */
  readonly name?: AccessName
  readonly description?: string
  /** All members that an administrator put there, from now on; absent: as they are. */
  readonly members?: readonly AccessName[]
  /** In place of `members`: who joins, and who leaves. */
  readonly joining?: readonly AccessName[]
  readonly leaving?: readonly AccessName[]
  readonly by: Actor
}

/** Throws NOT_FOUND, CONFLICT, or INVALID_FIELDS naming a member that is no user. */
export async function updateGroup(trx: Queries, input: GroupChange): Promise<void> {
  await keepAdministrator(trx, () => changeGroup(trx, input))
}

/** As `updateGroup`, for a transaction that looks after the administrators. */
export async function changeGroup(trx: Queries, input: GroupChange): Promise<void> {
  const { id } = await getGroup(trx, input.group)
  const { name, description, members, joining, leaving } = input
  const other = name && (await findGroupByKey(trx, name.key))
  if (other && other.id !== id) throw nameTaken(other.name)
  const row = { ...name, ...(description !== undefined && { description }) }
  if (Object.keys(row).length > 0) {
    await trx.updateTable('groups').set(row).where('id', '=', id).execute()
  }
  if (members) await replaceMembers(trx, id, members)
  if (leaving) await removeMembers(trx, id, leaving)
  if (joining) await joinGroup(trx, id, joining)
  await insertEvent(trx, {
    kind: 'group.changed',
    ...{ by: input.by.name, address: input.by.address },
    detail: {
      group: input.group.name,
      ...(name && { name: name.name }),
      ...(description !== undefined && { description }),
      ...(members && { members: namesOf(members) }),
      ...(joining && { joining: namesOf(joining) }),
      ...(leaving && { leaving: namesOf(leaving) }),
    },
  })
}

function namesOf(names: readonly AccessName[]): string[] {
  return names.map(({ name }) => name)
}

/** Whether there was such a group. Its rules go with it. */
export async function deleteGroup(
  trx: Queries,
  input: { readonly group: AccessName; readonly by: Actor },
): Promise<boolean> {
  return await keepAdministrator(trx, async () => {
    const { numDeletedRows } = await trx
      .deleteFrom('groups')
      .where('key', '=', input.group.key)
      .executeTakeFirst()
    if (numDeletedRows === 0n) return false
    await insertEvent(trx, {
      kind: 'group.deleted',
      ...{ by: input.by.name, address: input.by.address },
      detail: { group: input.group.name },
    })
    return true
  })
}

/** Throws NOT_FOUND, naming it. */
export async function getGroup(trx: Queries, { name, key }: AccessName): Promise<GroupRecord> {
  const group = await findGroupByKey(trx, key)
  if (group) return group
  throw new RegistryError('NOT_FOUND', `There is no group "${name}".`)
}

/** Puts the user into exactly these groups, as far as an administrator does. */
export async function replaceGroupsOfUser(
  trx: Queries,
  userId: number,
  groups: readonly AccessName[],
): Promise<void> {
  await trx
    .deleteFrom('group_members')
    .where('user_id', '=', userId)
    .where('source', '=', 'manual')
    .execute()
  const ids = await idsByKey(trx, 'groups', groups)
  const groupIds = groups.map(
    ({ key, name }) => ids.get(key) ?? refuseField('groups', `There is no group "${name}".`),
  )
  await addMembers(
    trx,
    groupIds.map((groupId) => ({ groupId, userId })),
  )
}

async function replaceMembers(
  trx: Queries,
  groupId: number,
  members: readonly AccessName[],
): Promise<void> {
  await trx
    .deleteFrom('group_members')
    .where('group_id', '=', groupId)
    .where('source', '=', 'manual')
    .execute()
  await joinGroup(trx, groupId, members)
}

async function removeMembers(
  trx: Queries,
  groupId: number,
  members: readonly AccessName[],
): Promise<void> {
  const ids = [...(await idsByKey(trx, 'users', members)).values()]
  for (const chunk of chunksOf(ids)) {
    await trx
      .deleteFrom('group_members')
      .where('group_id', '=', groupId)
      .where('user_id', 'in', chunk)
      .where('source', '=', 'manual')
      .execute()
  }
}

async function joinGroup(
  trx: Queries,
  groupId: number,
  members: readonly AccessName[],
): Promise<void> {
  const ids = await idsByKey(trx, 'users', members)
  const userIds = members.map(
    ({ key, name }) => ids.get(key) ?? refuseField('users', `There is no user "${name}".`),
  )
  await addMembers(
    trx,
    userIds.map((userId) => ({ groupId, userId })),
  )
}

async function idsByKey(
  trx: Queries,
  table: 'groups' | 'users',
  names: readonly AccessName[],
): Promise<ReadonlyMap<string, number>> {
  const ids = new Map<string, number>()
  for (const keys of chunksOf(names.map(({ key }) => key))) {
    const rows = await trx
      .selectFrom(table)
      .select(['id', 'key'])
      .where('key', 'in', keys)
      .execute()
    for (const { id, key } of rows) ids.set(key, id)
  }
  return ids
}

async function addMembers(
  trx: Queries,
  members: readonly { readonly groupId: number; readonly userId: number }[],
): Promise<void> {
  for (const chunk of chunksOf(members)) {
    const rows = chunk.map(({ groupId, userId }) => ({
      ...{ group_id: groupId, user_id: userId, source: 'manual' as const },
    }))
    await trx
      .insertInto('group_members')
      .values(rows)
      .onConflict((conflict) => conflict.columns(['group_id', 'user_id', 'source']).doNothing())
      .execute()
  }
}

function nameTaken(name: string): RegistryError {
  return new RegistryError('CONFLICT', `There is a group "${name}" already.`)
}
