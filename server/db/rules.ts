import { type Attribute, attributes, expandAttributes, isAttribute } from '../domain/attribute.ts'
import type { Rule, RulePrincipal, RuleScope } from '../domain/rule.ts'
import type { PermissionRow } from './access-schema.ts'
import type { Queries } from './database.ts'
import { prepared } from './prepared.ts'

const all = prepared((db: Queries, _: object) =>
  db
    .selectFrom('permissions')
    .innerJoin('tasks', 'tasks.id', 'permissions.task_id')
    .select([
      'permissions.id',
      'permissions.principal_kind',
      'permissions.user_id',
      'permissions.group_id',
      'permissions.feed_group_id',
      'permissions.feed_id',
      'permissions.repositories',
      'permissions.deny',
      'tasks.attributes',
    ])
    .orderBy('permissions.id'),
)

/** Every permission and restriction, with what its task stands for. */
export async function listRules(db: Queries): Promise<readonly Rule[]> {
  const rows = await all.list(db, {})
  const sets = new Map<string, ReadonlySet<Attribute>>()
  return rows.map((row) => {
    // Many rules have the same task.
    const known = sets.get(row.attributes) ?? expandAttributes(parseAttributes(row.attributes))
    sets.set(row.attributes, known)
    return {
      id: row.id,
      principal: principalOf(row),
      attributes: known,
      scope: scopeOf(row),
      deny: row.deny === 1,
    }
  })
}

/** A task's attributes as they are stored; those that this version does not know are left out. */
export function parseAttributes(json: string): readonly Attribute[] {
  const names: unknown = JSON.parse(json)
  if (!Array.isArray(names)) return []
  return names.filter((name): name is Attribute => typeof name === 'string' && isAttribute(name))
}

/** In the order of the table of attributes, each once. */
export function formatAttributes(names: readonly Attribute[]): string {
  return JSON.stringify(attributes.filter((name) => names.includes(name)))
}

type PrincipalColumns = Pick<PermissionRow, 'principal_kind' | 'user_id' | 'group_id'>
type ScopeColumns = Pick<PermissionRow, 'feed_group_id' | 'feed_id' | 'repositories'>

function principalOf({ principal_kind: kind, user_id, group_id }: PrincipalColumns): RulePrincipal {
  // Ids begin with 1: a row that names nobody applies to nobody.
  if (kind === 'user') return { kind, id: user_id ?? 0 }
  if (kind === 'group') return { kind, id: group_id ?? 0 }
  return { kind }
}

function scopeOf({ feed_group_id, feed_id, repositories }: ScopeColumns): RuleScope {
  if (feed_group_id !== null) return { kind: 'feedGroup', feedGroupId: feed_group_id }
  if (feed_id === null) return { kind: 'everything' }
  if (repositories === null) return { kind: 'feed', feedId: feed_id }
  return { kind: 'repositories', feedId: feed_id, pattern: repositories }
}
