import type { Db } from '../db/database.ts'
import { findFeedByKey } from '../db/feeds.ts'
import { groupIdsOfUser } from '../db/group-members.ts'
import { findGroupByKey } from '../db/groups.ts'
import { findPermission } from '../db/permissions.ts'
import { listRules } from '../db/rules.ts'
import { findUserByKey } from '../db/users.ts'
import { accessName } from '../domain/access-name.ts'
import { type Attribute, attributes } from '../domain/attribute.ts'
import { parseField, refuseField } from '../domain/errors.ts'
import { explain, type Principal } from '../domain/permission.ts'
import { parseRepositoryName } from '../domain/reference.ts'
import {
  anonymousGroups,
  authenticatedGroups,
  type RuleCaller,
  rulesFor,
  type Subject,
} from '../domain/rule.ts'
import { findVirtualGroup, formatPermission, type PermissionInfo } from './permissions.ts'

/** Whether an attribute is given, and the permission or restriction that decided. */
export interface Privilege {
  readonly attribute: Attribute
  readonly allowed: boolean
  /** Null: none speaks of it. */
  readonly rule: PermissionInfo | null
}

/** For one of `user` (or `Anonymous`, `Authenticated`, `Everyone`) and `group`. */
export interface PrivilegesQuery {
  readonly user?: string | undefined
  readonly group?: string | undefined
  /** By any of its names; absent: the server as a whole. */
  readonly feed?: string | undefined
  readonly repository?: string | undefined
}

/**
 * What somebody may do, every attribute with the rule that decides, as of now. Whether the user may
 * log in is not asked. Throws INVALID_FIELDS naming what is not there.
 */
export async function listPrivileges(
  { db }: { readonly db: Db },
  query: PrivilegesQuery,
): Promise<readonly Privilege[]> {
  const caller = await findCaller(db, query)
  const subject = await findSubject(db, query)
  const rules = rulesFor(caller, await listRules(db.read))
  return await explainPrincipal({ db }, { rules, bounds: null }, subject)
}

/** What a principal may do there, within its bounds. */
export async function explainPrincipal(
  { db }: { readonly db: Db },
  principal: Pick<Principal, 'rules' | 'bounds'>,
  subject: Subject | null,
): Promise<readonly Privilege[]> {
  const decisions = attributes.map((attribute) => ({
    attribute,
    ...explain(principal, attribute, subject),
  }))
  const infos = new Map<number, PermissionInfo>()
  for (const id of new Set(decisions.flatMap(({ rule }) => (rule === null ? [] : [rule.id])))) {
    const record = await findPermission(db.read, id)
    if (record) infos.set(id, formatPermission(record))
  }
  return decisions.map(({ attribute, allowed, rule }) => ({
    attribute,
    allowed,
    rule: rule === null ? null : (infos.get(rule.id) ?? null),
  }))
}

async function findCaller(db: Db, { user, group }: PrivilegesQuery): Promise<RuleCaller> {
  if (user !== undefined && group !== undefined) {
    refuseField('group', 'Name a user or a group, not both.')
  }
  if (group !== undefined) {
    const { name, key } = accessName(group)
    const found = await findGroupByKey(db.read, key)
    if (!found) refuseField('group', `There is no group "${name}".`)
    return { userId: null, groupIds: [found.id], virtualGroups: authenticatedGroups }
  }
  if (user === undefined) refuseField('user', 'Name a user or a group.')
  return await findUserCaller(db, user)
}

async function findUserCaller(db: Db, user: string): Promise<RuleCaller> {
  switch (findVirtualGroup(user)) {
    case 'anonymous':
      return { userId: null, groupIds: [], virtualGroups: anonymousGroups }
    case 'authenticated':
      return { userId: null, groupIds: [], virtualGroups: authenticatedGroups }
    case 'everyone':
      return { userId: null, groupIds: [], virtualGroups: ['everyone'] }
    case undefined: {
      const { name, key } = accessName(user)
      const found = await findUserByKey(db.read, key)
      if (!found) refuseField('user', `There is no user "${name}".`)
      const groupIds = await groupIdsOfUser(db.read, found.id)
      return { userId: found.id, groupIds, virtualGroups: authenticatedGroups }
    }
  }
}

async function findSubject(db: Db, query: PrivilegesQuery): Promise<Subject | null> {
  const { feed, repository } = query
  if (feed === undefined) {
    if (repository === undefined) return null
    refuseField('feed', 'A repository is inside a registry: name that too.')
  }
  const record = await findFeedByKey(db.read, feed.toLowerCase())
  if (!record) refuseField('feed', `There is no registry "${feed.slice(0, 100)}".`)
  const place = { feedId: record.id, feedGroupId: record.feed_group_id }
  if (repository === undefined) return place
  return { ...place, repository: parseField('repo', () => parseRepositoryName(repository)) }
}
