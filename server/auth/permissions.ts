import type { Db } from '../db/database.ts'
import {
  deletePermission as deleteRow,
  findPermission,
  insertPermission,
  listPermissionRecords,
  type NamedPrincipal,
  type NamedScope,
  type NewPermission,
  type PermissionFilter,
  type PermissionRecord,
} from '../db/permissions.ts'
import { accessName } from '../domain/access-name.ts'
import type { Actor } from '../domain/actor.ts'
import { parseField, RegistryError, refuseField } from '../domain/errors.ts'
import { parseRepositoryPattern } from '../domain/repository-pattern.ts'
import { type VirtualGroup, virtualGroups } from '../domain/rule.ts'
import { cutAt, type Paged } from './paged.ts'

/** A permission or (`deny`) a restriction, with the names of what it speaks of. */
export interface PermissionInfo {
  readonly id: number
  /** A user, or `Everyone`, `Authenticated`, `Anonymous`. */
  readonly user: string | null
  readonly group: string | null
  readonly task: string
  readonly feed: string | null
  readonly feedGroup: string | null
  /** A pattern of repository names inside the feed; null: all of it. */
  readonly repositories: string | null
  readonly deny: boolean
}

/** For exactly one of `user` and `group`; without feed and feed group it holds everywhere. */
export interface PermissionInput {
  readonly task: string
  readonly user?: string | null | undefined
  readonly group?: string | null | undefined
  readonly feed?: string | null | undefined
  readonly feedGroup?: string | null | undefined
  readonly repositories?: string | null | undefined
  readonly deny?: boolean | undefined
}

/** By number, after `after`. */
export async function listPermissions(
  { db }: { readonly db: Db },
  page: { readonly after?: number; readonly count: number; readonly filter?: PermissionFilter },
): Promise<Paged<PermissionInfo, number>> {
  const { after = 0, count, filter } = page
  const query = { after, count: count + 1, ...(filter && { filter }) }
  const found = await listPermissionRecords(db.read, query)
  return cutAt(found.map(formatPermission), count, ({ id }) => id)
}

/**
 * Throws INVALID_FIELDS naming the task, user, group, feed or feed group that is not there or what
 * contradicts itself; CONFLICT when nobody could administer the server any more.
 */
export async function addPermission(
  { db, by }: { readonly db: Db; readonly by: Actor },
  input: PermissionInput,
): Promise<PermissionInfo> {
  const id = await db.write(insertPermission, { ...parsePermission(input), by })
  const record = await findPermission(db.read, id)
  if (record) return formatPermission(record)
  throw new RegistryError('CONFLICT', 'The permission was deleted again by somebody else.')
}

/** Whether there was one. Throws CONFLICT when nobody could administer the server any more. */
export async function deletePermission(
  { db, by }: { readonly db: Db; readonly by: Actor },
  id: number,
): Promise<boolean> {
  return await db.write(deleteRow, { id, by })
}

/** Throws INVALID_FIELDS for what contradicts itself. */
export function parsePermission(input: PermissionInput): Omit<NewPermission, 'by'> {
  return {
    task: accessName(input.task),
    principal: parsePrincipal(input),
    scope: parseScope(input),
    deny: input.deny ?? false,
  }
}

/** As the API shows it. */
export function formatPermission(record: PermissionRecord): PermissionInfo {
  const { id, task, principalKind, user, group, feed, feedGroup, repositories, deny } = record
  const virtual = virtualGroups.find((kind) => kind === principalKind)
  return {
    id,
    user: virtual === undefined ? user : formatVirtualGroup(virtual),
    group,
    task,
    feed,
    feedGroup,
    repositories,
    deny,
  }
}

/** `Everyone`, `Authenticated` or `Anonymous` in any case; undefined for every other name. */
export function findVirtualGroup(name: string): VirtualGroup | undefined {
  const { key } = accessName(name)
  return virtualGroups.find((kind) => kind === key)
}

function formatVirtualGroup(kind: VirtualGroup): string {
  return kind.charAt(0).toUpperCase() + kind.slice(1)
}

function parsePrincipal({ user, group }: PermissionInput): NamedPrincipal {
  if (user != null && group != null) refuseField('group', 'Name a user or a group, not both.')
  if (group != null) return { kind: 'group', name: accessName(group) }
  if (user == null) refuseField('user', 'Name a user or a group.')
  const virtual = findVirtualGroup(user)
  return virtual === undefined ? { kind: 'user', name: accessName(user) } : { kind: virtual }
}

function parseScope({ feed, feedGroup, repositories }: PermissionInput): NamedScope {
  if (feed != null && feedGroup != null) {
    refuseField('feedGroup', 'Name a registry or a feed group, not both.')
  }
  if (feed != null) {
    const pattern =
      repositories == null
        ? null
        : parseField('repositories', () => parseRepositoryPattern(repositories))
    return { kind: 'feed', name: accessName(feed), repositories: pattern }
  }
  if (repositories != null) {
    refuseField('repositories', 'Repositories are inside a registry: name it as feed.')
  }
  return feedGroup == null
    ? { kind: 'everything' }
    : { kind: 'feedGroup', name: accessName(feedGroup) }
}
