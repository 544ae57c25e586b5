import { expect, test } from 'vitest'
import { seededRandom } from '../../test/support/random.ts'
import { type Attribute, attributes, expandAttributes, serverAttributes } from './attribute.ts'
import {
  anonymousGroups,
  authenticatedGroups,
  decide,
  type Rule,
  type RuleCaller,
  type RulePrincipal,
  type RuleScope,
  rulesFor,
  type Subject,
} from './rule.ts'

const ann = { kind: 'user', id: 1 } as const
const team = { kind: 'group', id: 5 } as const
const everything = { kind: 'everything' } as const
const inGroup = { kind: 'feedGroup', feedGroupId: 9 } as const
const inFeed = { kind: 'feed', feedId: 3 } as const
const inRepositories = { kind: 'repositories', feedId: 3, pattern: 'team/*' } as const
const caller: RuleCaller = { userId: 1, groupIds: [5, 6], virtualGroups: authenticatedGroups }
const subject: Subject = { feedId: 3, feedGroupId: 9, repository: 'team/app' }

type Row = readonly [principal: RulePrincipal, scope: RuleScope, effect: 'allow' | 'deny']

const rulesOf = (rows: readonly Row[], names: readonly Attribute[] = ['Feeds_ViewFeed']) =>
  rows.map(([principal, scope, effect], at): Rule => {
    const given = expandAttributes(names)
    return { id: at + 1, principal, attributes: given, scope, deny: effect === 'deny' }
  })

test.each<[what: string, rows: readonly Row[], allowed: boolean, deciding: number | null]>([
  ['nothing matches', [], false, null],
  ['a permission of the user', [[ann, everything, 'allow']], true, 1],
  ['a permission of somebody else', [[{ kind: 'user', id: 2 }, everything, 'allow']], false, null],
  ['a permission of a group', [[team, inFeed, 'allow']], true, 1],
  ['a group that the user is not in', [[{ kind: 'group', id: 7 }, inFeed, 'allow']], false, null],
  ['Everyone', [[{ kind: 'everyone' }, inFeed, 'allow']], true, 1],
  ['Authenticated', [[{ kind: 'authenticated' }, inFeed, 'allow']], true, 1],
  ['Anonymous is nobody with a login', [[{ kind: 'anonymous' }, inFeed, 'allow']], false, null],
  [
    'the user before a group, though the scope is wider and it allows',
    [
      [team, inRepositories, 'deny'],
      [ann, everything, 'allow'],
    ],
    true,
    2,
  ],
  [
    'the user before Everyone',
    [
      [{ kind: 'everyone' }, inFeed, 'allow'],
      [ann, everything, 'deny'],
    ],
    false,
    2,
  ],
  [
    'groups and virtual groups are equals: the narrower scope decides',
    [
      [team, inFeed, 'deny'],
      [{ kind: 'everyone' }, inRepositories, 'allow'],
    ],
    true,
    2,
  ],
  [
    'repositories before the feed',
    [
      [ann, inFeed, 'deny'],
      [ann, inRepositories, 'allow'],
    ],
    true,
    2,
  ],
  [
    'the feed before its feed group',
    [
      [ann, inGroup, 'deny'],
      [ann, inFeed, 'allow'],
    ],
    true,
    2,
  ],
  [
    'the feed group before everything',
    [
      [ann, everything, 'deny'],
      [ann, inGroup, 'allow'],
    ],
    true,
    2,
  ],
  [
    'a restriction before a permission of the same scope',
    [
      [ann, inFeed, 'allow'],
      [ann, inFeed, 'deny'],
    ],
    false,
    2,
  ],
  [
    'one group allows, another denies',
    [
      [team, inFeed, 'allow'],
      [{ kind: 'group', id: 6 }, inFeed, 'deny'],
    ],
    false,
    2,
  ],
  [
    'what speaks of another feed, feed group or repository says nothing',
    [
      [ann, { kind: 'feed', feedId: 4 }, 'deny'],
      [ann, { kind: 'feedGroup', feedGroupId: 8 }, 'deny'],
      [ann, { kind: 'repositories', feedId: 3, pattern: 'other/*' }, 'deny'],
      [ann, everything, 'allow'],
    ],
    true,
    4,
  ],
])('%s', (_what, rows, allowed, deciding) => {
  const decision = decide(rulesFor(caller, rulesOf(rows)), 'Feeds_ViewFeed', subject)
  expect(decision.allowed).toBe(allowed)
  expect(decision.rule?.id ?? null).toBe(deciding)
})

test('a rule for repositories says nothing of the feed as a whole', () => {
  const rules = rulesFor(caller, rulesOf([[ann, inRepositories, 'allow']]))
  expect(decide(rules, 'Feeds_ViewFeed', { feedId: 3, feedGroupId: 9 }).allowed).toBe(false)
  expect(decide(rules, 'Feeds_ViewFeed', null).allowed).toBe(false)
})

test('a feed without a feed group is in none', () => {
  const rules = rulesFor(caller, rulesOf([[ann, inGroup, 'allow']]))
  expect(decide(rules, 'Feeds_ViewFeed', { feedId: 3, feedGroupId: null }).allowed).toBe(false)
})

test('an attribute of the server is only given for everything', () => {
  const rows: Row[] = [
    [ann, everything, 'allow'],
    [ann, inFeed, 'deny'],
  ]
  const rules = rulesFor(caller, rulesOf(rows, ['Admin_ConfigureProGet']))
  expect(decide(rules, 'Admin_ConfigureProGet', subject).allowed).toBe(true)
  const narrow = rulesFor(caller, rulesOf([[ann, inFeed, 'allow']], ['Admin_ConfigureProGet']))
  expect(decide(narrow, 'Admin_ConfigureProGet', subject).allowed).toBe(false)
  expect(decide(narrow, 'Feeds_DeletePackage', subject).allowed).toBe(true)
})

/**
 * The rules as product.md 1.5 puts them, word by word: collect every rule that matches principal,
 * attribute and scope; sort; the first decides. Shares no code with what it checks but the types.
 */
function readLiterally(
  rules: readonly Rule[],
  who: RuleCaller,
  what: Attribute,
  at: Subject | null,
) {
  const named = (rule: Rule) =>
    (rule.principal.kind === 'user' && rule.principal.id === who.userId) ||
    (rule.principal.kind === 'group' && who.groupIds.includes(rule.principal.id)) ||
    who.virtualGroups.some((kind) => kind === rule.principal.kind)
  const here = ({ scope }: Rule) => {
    if (scope.kind === 'everything') return true
    if (at === null || serverAttributes.some((name) => name === what)) return false
    if (scope.kind === 'feedGroup') return at.feedGroupId === scope.feedGroupId
    if (scope.feedId !== at.feedId) return false
    if (scope.kind === 'feed') return true
    const source = scope.pattern.replaceAll('**', '\0').replaceAll('*', '[^/]*')
    return (
      at.repository !== undefined &&
      new RegExp(`^${source.replaceAll('\0', '.*')}$`).test(at.repository)
    )
  }
  const matching = rules.filter((rule) => named(rule) && here(rule) && rule.attributes.has(what))
  const best = (candidates: readonly Rule[], better: (rule: Rule) => boolean) =>
    candidates.some(better) ? candidates.filter(better) : candidates
  let left = best(matching, ({ principal }) => principal.kind === 'user')
  for (const kind of ['repositories', 'feed', 'feedGroup', 'everything']) {
    if (left.some(({ scope }) => scope.kind === kind)) {
      left = left.filter(({ scope }) => scope.kind === kind)
    }
  }
  left = best(left, ({ deny }) => deny)
  return left.length > 0 && left.every(({ deny }) => !deny)
}

test('agrees with a literal reading of the rules', () => {
  const seed = Date.now() % 1_000_000
  const random = seededRandom(seed)
  const principal = () =>
    random.pick<RulePrincipal>([
      { kind: 'user', id: random.between(1, 2) },
      { kind: 'group', id: random.between(1, 3) },
      { kind: 'everyone' },
      { kind: 'authenticated' },
      { kind: 'anonymous' },
    ])
  const scope = () =>
    random.pick<RuleScope>([
      everything,
      { kind: 'feedGroup', feedGroupId: random.between(1, 2) },
      { kind: 'feed', feedId: random.between(1, 2) },
      {
        kind: 'repositories',
        feedId: random.between(1, 2),
        pattern: random.pick(['a', 'a/*', '**', 'a/**', '*']),
      },
    ])
  const attribute = () => random.pick(attributes)
  let allowed = 0
  for (let round = 0; round < 20_000; round += 1) {
    const rules = Array.from({ length: random.between(0, 8) }, (_, at): Rule => {
      const given = expandAttributes([attribute(), attribute()])
      const deny = random.chance(0.5)
      return { id: at + 1, principal: principal(), attributes: given, scope: scope(), deny }
    })
    const who: RuleCaller = random.pick([
      { userId: 1, groupIds: [1, 2], virtualGroups: authenticatedGroups },
      { userId: 2, groupIds: [], virtualGroups: authenticatedGroups },
      { userId: null, groupIds: [], virtualGroups: anonymousGroups },
      { userId: null, groupIds: [3], virtualGroups: authenticatedGroups },
    ])
    const what = attribute()
    const at: Subject | null = random.pick<Subject | null>([
      null,
      { feedId: 1, feedGroupId: 1 },
      { feedId: 1, feedGroupId: 1, repository: random.pick(['a', 'a/b', 'a/b/c', 'b']) },
      { feedId: 2, feedGroupId: null, repository: random.pick(['a', 'b/c']) },
    ])
    const expected = readLiterally(rules, who, what, at)
    if (expected) allowed += 1
    const got = decide(rulesFor(who, rules), what, at).allowed
    expect(got, `seed ${seed}, round ${round}: ${what} ${JSON.stringify({ rules, who, at })}`).toBe(
      expected,
    )
  }
  // Otherwise it would compare refusals only.
  expect(allowed).toBeGreaterThan(1000)
})
