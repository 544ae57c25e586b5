import { expect, test } from 'vitest'
import { newRule as nothing, ruleOf, valuesOf } from './rule-values.ts'
import { type RuleFields, ruleInWords } from './rule-words.ts'

test('a rule is a sentence', () => {
  expect(
    ruleInWords({
      ...nothing,
      ...{ tags: ['pr-*'], notPulledForDays: 30, keepNewest: { count: 5, by: 'pushed' } },
    }),
  ).toBe('Deletes tags pr-* not pulled for 30 days; keeps the newest 5 of each repository by push')
  expect(ruleInWords({ ...nothing, deletes: 'untagged', pushedBeforeDays: 1 })).toBe(
    'Deletes images without a tag pushed more than 1 day ago',
  )
  expect(
    ruleInWords({
      ...nothing,
      ...{ repositories: ['team/**'], versions: '<2', size: { overBytes: 5e9, of: 'feed' } },
      ...{ keepTags: ['latest'], keepVersions: '>=1.9', keepRepositories: ['team/app'] },
    }),
  ).toBe(
    'Deletes tags with a version <2 in team/** while the registry is over 5.00 GB; keeps tags latest, versions >=1.9, all in team/app',
  )
})

test('a form gives back the rule that it was given', () => {
  const rule: RuleFields = {
    ...{ ...nothing, enabled: false, tags: ['a*'], keepTags: ['b'], versions: '<2' },
    ...{ keepVersions: '1.x', repositories: ['c/**'], keepRepositories: ['d'], cached: true },
    ...{ pushedBeforeDays: 1, notPulledForDays: 2, fewerPullsThan: 3 },
    ...{ keepNewest: { count: 4, by: 'version' }, size: { overBytes: 1_234_567_891, of: 'feed' } },
  }
  expect(ruleOf(valuesOf(rule))).toEqual(rule)
  expect(ruleOf({ ...valuesOf(rule), deletes: 'untagged' })).toEqual({
    ...{ ...rule, deletes: 'untagged', tags: [], keepTags: [], versions: null, keepVersions: null },
    keepNewest: { count: 4, by: 'pushed' },
  })
})
