import type { Queries } from './database.ts'
import { type Params, prepared } from './prepared.ts'
import { chunksOf } from './sql.ts'

/** A member, and whether an administrator or the user's directory put it there. */
export interface GroupMember {
  readonly groupId: number
  readonly userName: string
  readonly source: 'manual' | 'directory'
}

const ofUser = prepared((db: Queries, p: Params<{ userId: number }>) =>
  db.selectFrom('group_members').select('group_id').distinct().where('user_id', '=', p.userId),
)

/** The ids of the groups that the user is in. */
export async function groupIdsOfUser(db: Queries, userId: number): Promise<readonly number[]> {
  return (await ofUser.list(db, { userId })).map((row) => row.group_id)
}

/** The same for several users. */
export async function groupIdsOfUsers(
  db: Queries,
  userIds: readonly number[],
): Promise<ReadonlyMap<number, readonly number[]>> {
  const groups = new Map<number, number[]>()
  for (const ids of chunksOf(userIds)) {
    const rows = await db
      .selectFrom('group_members')
      .select(['user_id', 'group_id'])
      .distinct()
      .where('user_id', 'in', ids)
      .execute()
    for (const { user_id, group_id } of rows) {
      append(groups, user_id, group_id)
    }
  }
  return groups
}

/** The names of the groups of each of these users; `source`: only those that it put the user into. */
export async function groupNamesOfUsers(
  db: Queries,
  userIds: readonly number[],
  source?: GroupMember['source'],
): Promise<ReadonlyMap<number, readonly string[]>> {
  const names = new Map<number, string[]>()
  for (const ids of chunksOf(userIds)) {
    const rows = await db
      .selectFrom('group_members')
      .innerJoin('groups', 'groups.id', 'group_members.group_id')
      .select(['group_members.user_id', 'groups.name', 'groups.key'])
      .distinct()
      .where('group_members.user_id', 'in', ids)
      .$if(source !== undefined, (query) =>
        query.where('group_members.source', '=', source ?? 'manual'),
      )
      .orderBy('groups.key')
      .execute()
    for (const { user_id, name } of rows) append(names, user_id, name)
  }
  return names
}

/** The members of these groups, by name. */
export async function listGroupMembers(
  db: Queries,
  groupIds: readonly number[],
): Promise<GroupMember[]> {
  const members: GroupMember[] = []
  for (const ids of chunksOf(groupIds)) {
    const rows = await db
      .selectFrom('group_members')
      .innerJoin('users', 'users.id', 'group_members.user_id')
      .select(['group_members.group_id', 'group_members.source', 'users.name'])
      .where('group_members.group_id', 'in', ids)
      .orderBy('users.key')
      .execute()
    for (const { group_id, name, source } of rows) {
      members.push({ groupId: group_id, userName: name, source })
    }
  }
  return members
}

function append<T>(lists: Map<number, T[]>, key: number, value: T): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}
