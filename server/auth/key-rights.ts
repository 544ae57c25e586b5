import type { ApiKey, FeedKeyPermission } from '../db/api-keys.ts'
import {
  type Attribute,
  attributes,
  type FeedAttribute,
  feedAttributes,
} from '../domain/attribute.ts'
import type { Principal } from '../domain/permission.ts'
import {
  type ApplicableRules,
  authenticatedGroups,
  everybodysGroups,
  type Rule,
  type RuleScope,
  rulesFor,
} from '../domain/rule.ts'

/** What each permission of a key stands for. */
const attributesOf: Readonly<Record<FeedKeyPermission, readonly FeedAttribute[]>> = {
  view: ['Feeds_ViewFeed', 'Feeds_DownloadPackage'],
  add: ['Feeds_AddPackage'],
  promote: ['Feeds_AcceptPackagePromotions'],
  delete: ['Feeds_OverwritePackage', 'Feeds_DeletePackage'],
}

/** What concerns packages: a `feed` key never manages anything, whatever rules say of Everyone. */
const packageAttributes = new Set<Attribute>(
  feedAttributes.filter((name) => !name.startsWith('Admin_')),
)

/** What decides about a key: what it says itself, and whether its user is asked instead. */
export type KeyRights = Pick<
  ApiKey,
  'id' | 'type' | 'feedId' | 'feedGroupId' | 'permissions' | 'repositories'
>

/**
 * A key has the rights that it names. Beside them a `feed` key has what anybody has, so that public
 * registries stay open to it; a `system` key, within its names, what every caller with a login has. A
 * `personal` key has its user's (`ownerRules`), within its bounds.
 */
export function rightsOfKey(
  key: KeyRights,
  known: { readonly rules: readonly Rule[]; readonly ownerRules: ApplicableRules | null },
): Pick<Principal, 'rules' | 'bounds'> {
  const { repositories } = key
  const anywhere = { feedId: null, feedGroupId: null, repositories }
  const own = (names: readonly Attribute[], scope: RuleScope | null) => {
    const virtualGroups = key.type === 'feed' ? everybodysGroups : authenticatedGroups
    const caller = { userId: null, groupIds: [], virtualGroups }
    const rules = scope === null ? known.rules : [ruleOf(key.id, names, scope), ...known.rules]
    return rulesFor(caller, rules)
  }
  switch (key.type) {
    case 'system': {
      const names = systemAttributes(key)
      // The names bound it too: no rule for all with a login makes it an administrator.
      const bounds = { ...anywhere, attributes: new Set(names) }
      return { rules: own(names, { kind: 'everything' }), bounds }
    }
    case 'feed': {
      const bounds = { ...anywhere, attributes: packageAttributes }
      return { rules: own(namedAttributes(key), scopeOf(key)), bounds }
    }
    case 'personal': {
      const { feedId, feedGroupId } = key
      const all = key.permissions.length === 0
      const bounds = { attributes: all ? null : new Set(namedAttributes(key)) }
      return {
        rules: known.ownerRules ?? rulesFor(nobody, []),
        bounds: { ...bounds, feedId, feedGroupId, repositories },
      }
    }
  }
}

const nobody = { userId: null, groupIds: [], virtualGroups: [] }

function systemAttributes({ permissions }: KeyRights): readonly Attribute[] {
  if (permissions.includes('full-control')) return attributes
  return permissions.includes('feeds') ? feedAttributes : []
}

function namedAttributes({ permissions }: KeyRights): readonly FeedAttribute[] {
  return permissions.flatMap((name) =>
    name === 'full-control' || name === 'feeds' ? [] : attributesOf[name],
  )
}

/** Null: neither feed nor feed group is there, so the key is good for none. */
function scopeOf({ feedId, feedGroupId }: KeyRights): RuleScope | null {
  if (feedId !== null) return { kind: 'feed', feedId }
  return feedGroupId === null ? null : { kind: 'feedGroup', feedGroupId }
}

function ruleOf(keyId: number, names: readonly Attribute[], scope: RuleScope): Rule {
  const principal = { kind: 'key', id: keyId } as const
  return { id: 0, principal, attributes: new Set(names), scope, deny: false }
}
