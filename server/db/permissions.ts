import type { AccessName } from '../domain/access-name.ts'
import type { Actor } from '../domain/actor.ts'
import { refuseField } from '../domain/errors.ts'
import type { RepositoryPattern } from '../domain/repository-pattern.ts'
import type { VirtualGroup } from '../domain/rule.ts'
import type { PermissionRow } from './access-schema.ts'
import { keepAdministrator } from './administrators.ts'
import type { Queries } from './database.ts'
import { insertEvent } from './events.ts'
import { findFeedGroupByKey } from './feed-groups.ts'
import { findFeedByKey } from './feeds.ts'
import { findGroupByKey } from './groups.ts'
import { nowMs } from './sql.ts'
import { findTaskByKey } from './tasks.ts'
import { findUserByKey } from './users.ts'

/** Whom a permission is for, by name. */
export type NamedPrincipal =
  | { readonly kind: 'user' | 'group'; readonly name: AccessName }
  | { readonly kind: VirtualGroup }

/** Where it holds, by name; a feed by any of its names. */
export type NamedScope =
  | { readonly kind: 'everything' }
  | { readonly kind: 'feedGroup'; readonly name: AccessName }
  | {
      readonly kind: 'feed'
      readonly name: AccessName
      readonly repositories: RepositoryPattern | null
    }

/** A permission (allow) or a restriction (deny). */
export interface NewPermission {
  readonly task: AccessName
  readonly principal: NamedPrincipal
  readonly scope: NamedScope
  readonly deny: boolean
  readonly by: Actor
}

/** As stored, with every name that it refers to. */
export interface PermissionRecord {
  readonly id: number
  readonly task: string
  readonly principalKind: PermissionRow['principal_kind']
  readonly user: string | null
  readonly group: string | null
  readonly feed: string | null
  readonly feedGroup: string | null
  readonly repositories: string | null
  readonly deny: boolean
  readonly createdAt: number
  readonly createdBy: string
}

/** What a list is cut down to; each absent or null: whatever it is. */
export interface PermissionFilter {
  readonly feedId?: number | null
  readonly userId?: number | null
  readonly groupId?: number | null
  readonly taskId?: number | null
}

/** Permissions by id, after `after`. */
export async function listPermissionRecords(
  db: Queries,
  page: { readonly after: number; readonly count: number; readonly filter?: PermissionFilter },
): Promise<PermissionRecord[]> {
  const { feedId, userId, groupId, taskId } = page.filter ?? {}
  let query = db
    .selectFrom('permissions')
    .innerJoin('tasks', 'tasks.id', 'permissions.task_id')
    .leftJoin('users', 'users.id', 'permissions.user_id')
    .leftJoin('groups', 'groups.id', 'permissions.group_id')
    .leftJoin('feeds', 'feeds.id', 'permissions.feed_id')
    .leftJoin('feed_groups', 'feed_groups.id', 'permissions.feed_group_id')
    .select([
      'permissions.id',
      'permissions.principal_kind as principalKind',
      'permissions.repositories',
      'permissions.deny',
      'permissions.created_at as createdAt',
      'permissions.created_by as createdBy',
      'tasks.name as task',
      'users.name as user',
      'groups.name as group',
      'feeds.name as feed',
      'feed_groups.name as feedGroup',
    ])
    .where('permissions.id', '>', page.after)
  if (feedId != null) query = query.where('permissions.feed_id', '=', feedId)
  if (userId != null) query = query.where('permissions.user_id', '=', userId)
  if (groupId != null) query = query.where('permissions.group_id', '=', groupId)
  if (taskId != null) query = query.where('permissions.task_id', '=', taskId)
  const rows = await query.orderBy('permissions.id').limit(page.count).execute()
  return rows.map((row) => ({ ...row, deny: row.deny === 1 }))
}

/** The permission with this id. */
export async function findPermission(
  db: Queries,
  id: number,
): Promise<PermissionRecord | undefined> {
  const [row] = await listPermissionRecords(db, { after: id - 1, count: 1 })
  return row?.id === id ? row : undefined
}

/**
 * The id; that of the one there is, if the very same is there already. Throws INVALID_FIELDS naming
 * what there is not, CONFLICT when nobody could administer the server any more.
 */
export async function insertPermission(trx: Queries, input: NewPermission): Promise<number> {
  return await keepAdministrator(trx, async () => (await storePermission(trx, input)).id)
}

/** As `insertPermission`, for a transaction that looks after the administrators. */
export async function storePermission(
  trx: Queries,
  input: NewPermission,
): Promise<{ readonly id: number; readonly isNew: boolean }> {
  const row = await rowOf(trx, input)
  const same = await findSame(trx, row)
  if (same !== undefined) return { id: same, isNew: false }
  const { id } = await trx
    .insertInto('permissions')
    .values({ ...row, created_at: nowMs, created_by: input.by.name })
    .returning('id')
    .executeTakeFirstOrThrow()
  await recordPermission(trx, 'permission.created', { id, by: input.by })
  return { id, isNew: true }
}

/** Whether there was one. Throws CONFLICT when nobody could administer the server any more. */
export async function deletePermission(
  trx: Queries,
  input: { readonly id: number; readonly by: Actor },
): Promise<boolean> {
  return await keepAdministrator(trx, async () => {
    if ((await findPermission(trx, input.id)) === undefined) return false
    await recordPermission(trx, 'permission.deleted', input)
    await trx.deleteFrom('permissions').where('id', '=', input.id).execute()
    return true
  })
}

type NewRow = Omit<PermissionRow, 'id' | 'created_at' | 'created_by'>

async function rowOf(trx: Queries, input: NewPermission): Promise<NewRow> {
  const task = await findTaskByKey(trx, input.task.key)
  if (!task) refuseField('task', `There is no task "${input.task.name}".`)
  return {
    task_id: task.id,
    deny: input.deny ? 1 : 0,
    principal_kind: input.principal.kind,
    ...(await principalColumns(trx, input.principal)),
    ...(await scopeColumns(trx, input.scope)),
  }
}

async function principalColumns(
  trx: Queries,
  principal: NamedPrincipal,
): Promise<Pick<NewRow, 'user_id' | 'group_id'>> {
  if (principal.kind === 'user') {
    const user = await findUserByKey(trx, principal.name.key)
    if (!user) refuseField('user', `There is no user "${principal.name.name}".`)
    return { user_id: user.id, group_id: null }
  }
  if (principal.kind === 'group') {
    const group = await findGroupByKey(trx, principal.name.key)
    if (!group) refuseField('group', `There is no group "${principal.name.name}".`)
    return { user_id: null, group_id: group.id }
  }
  return { user_id: null, group_id: null }
}

async function scopeColumns(
  trx: Queries,
  scope: NamedScope,
): Promise<Pick<NewRow, 'feed_id' | 'feed_group_id' | 'repositories'>> {
  const everything = { feed_id: null, feed_group_id: null, repositories: null }
  switch (scope.kind) {
    case 'everything':
      return everything
    case 'feedGroup': {
      const group = await findFeedGroupByKey(trx, scope.name.key)
      if (!group) refuseField('feedGroup', `There is no feed group "${scope.name.name}".`)
      return { ...everything, feed_group_id: group.id }
    }
    case 'feed': {
      const feed = await findFeedByKey(trx, scope.name.key)
      if (!feed) refuseField('feed', `There is no registry "${scope.name.name}".`)
      // Held, so that the feed is not deleted, with its rules, before this one is there.
      await trx.selectFrom('feeds').select('id').where('id', '=', feed.id).forKeyShare().execute()
      return { ...everything, feed_id: feed.id, repositories: scope.repositories }
    }
  }
}

async function findSame(trx: Queries, row: NewRow): Promise<number | undefined> {
  let query = trx.selectFrom('permissions').select('id')
  for (const [column, value] of Object.entries(row)) {
    const name = column as keyof NewRow
    query = value === null ? query.where(name, 'is', null) : query.where(name, '=', value)
  }
  return (await query.executeTakeFirst())?.id
}

async function recordPermission(
  trx: Queries,
  kind: string,
  { id, by }: { readonly id: number; readonly by: Actor },
): Promise<void> {
  const permission = await findPermission(trx, id)
  if (permission === undefined) return
  const { createdAt: _at, createdBy: _by, ...detail } = permission
  await insertEvent(trx, { kind, by: by.name, address: by.address, detail })
}
