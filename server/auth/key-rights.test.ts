import { expect, test } from 'vitest'
import {
  type Attribute,
  attributes,
  expandAttributes,
  feedAttributes,
} from '../domain/attribute.ts'
import { may, type Principal } from '../domain/permission.ts'
import { authenticatedGroups, type Rule, rulesFor, type Subject } from '../domain/rule.ts'
import { type KeyRights, rightsOfKey } from './key-rights.ts'

const inFeed: Subject = { feedId: 3, feedGroupId: 9, repository: 'team/app' }
const elsewhere: Subject = { feedId: 4, feedGroupId: null, repository: 'team/app' }
const view = ['Feeds_ViewFeed', 'Feeds_DownloadPackage'] as const

const ruleOf = (id: number, changes: Partial<Rule>): Rule => ({
  id,
  principal: { kind: 'everyone' },
  attributes: expandAttributes(view),
  scope: { kind: 'everything' },
  deny: false,
  ...changes,
})

function keyOf(key: Partial<KeyRights>, rules: readonly Rule[] = []): Principal {
  const whole: KeyRights = {
    ...{ id: 1, type: 'feed', feedId: null, feedGroupId: null, permissions: [] },
    ...{ repositories: null, ...key },
  }
  const caller = { userId: 5, groupIds: [], virtualGroups: authenticatedGroups }
  const ownerRules = whole.type === 'personal' ? rulesFor(caller, rules) : null
  const rights = rightsOfKey(whole, { rules, ownerRules })
  return { kind: 'key', id: 1, name: 'API key 1', credentialVersion: 1, ...rights }
}

const allowed = (key: Principal, subject: Subject | null): readonly Attribute[] =>
  attributes.filter((attribute) => may(key, attribute, subject))

const administer = ruleOf(7, {
  principal: { kind: 'authenticated' },
  attributes: expandAttributes(['Admin_ConfigureProGet']),
})

test('a system key with full control may do everything', () => {
  const key = keyOf({ type: 'system', permissions: ['full-control'] })
  expect(allowed(key, null)).toEqual(attributes)
  expect(allowed(key, elsewhere)).toEqual(attributes)
})

test('a system key for feeds has every attribute of feeds, makes them, and no more', () => {
  for (const rules of [[], [administer]]) {
    const key = keyOf({ type: 'system', permissions: ['feeds'] }, rules)
    expect(allowed(key, null)).toEqual(feedAttributes)
    expect(allowed(key, inFeed)).toEqual(feedAttributes)
  }
})

test('a system key without permissions may do nothing', () => {
  expect(allowed(keyOf({ type: 'system' }), null)).toEqual([])
})

test('a key for a feed group is good in its feeds', () => {
  const key = keyOf({ feedGroupId: 9, permissions: ['view'] })
  expect(allowed(key, inFeed)).toEqual(view)
  expect(allowed(key, elsewhere)).toEqual([])
  expect(allowed(key, null)).toEqual([])
})

test('a feed key without feed and feed group is good for none', () => {
  expect(allowed(keyOf({ permissions: ['view'] }), inFeed)).toEqual([])
})

test('a feed key has what anybody has elsewhere, not what every login has, and never manages', () => {
  const narrow = keyOf({ feedId: 3, permissions: ['view'] }, [administer])
  expect(allowed(narrow, inFeed)).toEqual(view)
  expect(allowed(narrow, elsewhere)).toEqual([])
  const open = ruleOf(7, { attributes: expandAttributes(['Admin_ConfigureProGet']) })
  const key = keyOf({ feedId: 3, permissions: ['view'] }, [open])
  expect(allowed(key, elsewhere)).toEqual(feedAttributes.filter((name) => !/^Admin/.test(name)))
  expect(allowed(key, null)).not.toContain('Admin_ConfigureProGet')
})

test('what a feed key says comes before what is said of Everyone', () => {
  const denied = ruleOf(8, { scope: { kind: 'feed', feedId: 3 }, deny: true })
  expect(allowed(keyOf({ feedId: 3, permissions: ['view'] }, [denied]), inFeed)).toEqual(view)
})

test('a key is kept to its repositories', () => {
  const key = keyOf({ feedId: 3, permissions: ['view'], repositories: 'team/*' })
  expect(allowed(key, inFeed)).toEqual(view)
  expect(allowed(key, { ...inFeed, repository: 'other/app' })).toEqual([])
  expect(allowed(key, { feedId: 3, feedGroupId: 9 })).toEqual([])
})

test('a personal key has the rights of its user', () => {
  const own = ruleOf(1, { principal: { kind: 'user', id: 5 } })
  const others = ruleOf(2, { principal: { kind: 'user', id: 6 }, attributes: new Set(attributes) })
  const key = keyOf({ type: 'personal' }, [own, others])
  expect(allowed(key, inFeed)).toEqual(view)
})

test('the bounds of a personal key take away and give nothing', () => {
  const own = ruleOf(1, {
    principal: { kind: 'user', id: 5 },
    attributes: expandAttributes(['Admin_ConfigureProGet']),
  })
  const personal = (key: Partial<KeyRights>) => keyOf({ type: 'personal', ...key }, [own])
  expect(allowed(personal({}), null)).toEqual(attributes)
  expect(allowed(personal({ permissions: ['view'] }), inFeed)).toEqual(view)
  expect(allowed(personal({ permissions: ['view'] }), null)).toEqual(view)
  expect(allowed(personal({ feedId: 4 }), inFeed)).toEqual([])
  expect(allowed(personal({ repositories: 'team/*' }), inFeed)).toEqual(attributes)
  expect(allowed(personal({ repositories: 'other/*' }), inFeed)).toEqual([])
  const withoutRules = keyOf({ type: 'personal', permissions: ['view', 'add'] }, [])
  expect(allowed(withoutRules, inFeed)).toEqual([])
})
