import { describe, expect, test } from 'vitest'
import { type Attribute, expandAttributes } from './attribute.ts'
import { type Bounds, explain, may, type Principal, seesFeed } from './permission.ts'
import { authenticatedGroups, type Rule, type RuleScope, rulesFor } from './rule.ts'

const free: Bounds = { attributes: null, feedId: null, feedGroupId: null, repositories: null }
const feed = { feedId: 3, feedGroupId: 9 }
const app = { ...feed, repository: 'team/app' }
const everything: RuleScope = { kind: 'everything' }

const rule = (id: number, scope: RuleScope, changes: Partial<Rule> = {}): Rule => ({
  id,
  principal: { kind: 'user', id: 1 },
  attributes: expandAttributes(['Feeds_ViewFeed', 'Feeds_DownloadPackage']),
  scope,
  deny: false,
  ...changes,
})
const principal = (rules: readonly Rule[], bounds: Bounds | null = null): Principal => ({
  kind: 'key',
  id: 1,
  name: 'API key 1',
  credentialVersion: 1,
  rules: rulesFor({ userId: 1, groupIds: [2], virtualGroups: authenticatedGroups }, rules),
  bounds,
})

describe('bounds', () => {
  const view: Attribute = 'Feeds_ViewFeed'
  test.each<[what: string, bounds: Partial<Bounds>, inFeed: boolean, inApp: boolean]>([
    ['none', {}, true, true],
    ['the attribute is in', { attributes: new Set([view]) }, true, true],
    ['the attribute is out', { attributes: new Set(['Feeds_AddPackage' as const]) }, false, false],
    ['this feed', { feedId: 3 }, true, true],
    ['another feed', { feedId: 4 }, false, false],
    ['this feed group', { feedGroupId: 9 }, true, true],
    ['another feed group', { feedGroupId: 8 }, false, false],
    ['its repository', { repositories: 'team/*' }, false, true],
    ['another repository', { repositories: 'other/*' }, false, false],
  ])('%s', (_what, bounds, inFeed, inApp) => {
    const bounded = principal([rule(1, everything)], { ...free, ...bounds })
    expect(may(bounded, view, feed)).toBe(inFeed)
    expect(may(bounded, view, app)).toBe(inApp)
    expect(explain(bounded, view, app)).toMatchObject({
      allowed: inApp,
      rule: { id: 1 },
      outOfBounds: !inApp,
    })
  })

  test('give nothing', () => {
    const nothing = principal([], { ...free, attributes: new Set([view]) })
    expect(may(nothing, view, app)).toBe(false)
    expect(explain(nothing, view, app)).toEqual({ allowed: false, rule: null, outOfBounds: false })
  })

  test('a feed or a pattern leaves nothing of the server', () => {
    const administrator = [
      rule(1, everything, { attributes: expandAttributes(['Admin_ConfigureProGet']) }),
    ]
    const bounded = (bounds: Partial<Bounds>) => principal(administrator, { ...free, ...bounds })
    expect(may(bounded({}), 'Admin_ConfigureProGet', null)).toBe(true)
    expect(may(bounded({ feedId: 3 }), 'Admin_ConfigureProGet', null)).toBe(false)
    expect(may(bounded({ repositories: '**' }), 'Admin_ConfigureProGet', null)).toBe(false)
  })
})

describe('seeing a feed', () => {
  const inFeed: RuleScope = { kind: 'feed', feedId: 3 }
  const some: RuleScope = { kind: 'repositories', feedId: 3, pattern: 'team/*' }
  const group = { principal: { kind: 'group', id: 2 } } as const
  test.each<[what: string, rules: readonly Rule[], sees: boolean]>([
    ['without rules', [], false],
    ['with all of it', [rule(1, inFeed)], true],
    ['with a part of it', [rule(1, some)], true],
    ['with a part of another', [rule(1, { ...some, feedId: 4 })], false],
    ['a part that is taken away', [rule(1, some, { deny: true })], false],
    ['all but a part', [rule(1, some, { deny: true }), rule(2, inFeed)], true],
    ['nothing but a part', [rule(1, inFeed, { deny: true }), rule(2, some)], true],
    [
      'a part that comes too late',
      [rule(1, everything, { deny: true }), rule(2, some, group)],
      false,
    ],
    [
      'a restriction of the same repositories first',
      [rule(1, some, { deny: true }), rule(2, some)],
      false,
    ],
    [
      'a restriction of all repositories first',
      [rule(1, { ...some, pattern: '**' }, { deny: true }), rule(2, some)],
      false,
    ],
    ['with other attributes', [rule(1, inFeed, { attributes: new Set() })], false],
  ])('%s', (_what, rules, sees) => {
    expect(seesFeed(principal(rules), feed)).toBe(sees)
    expect(seesFeed(principal(rules, { ...free, repositories: 'x/*' }), feed)).toBe(sees)
    expect(seesFeed(principal(rules, { ...free, feedId: 4 }), feed)).toBe(false)
  })
})
