import { expect, test } from 'vitest'
import {
  defaultSettings,
  listSettingProblems,
  matchesFilter,
  normalUrl,
  upstreamNames,
} from './connector.ts'

test.each([
  ['*', 'anything/at/all', true],
  ['team/*', 'team/a/b', true],
  ['team/*', 'teams/a', false],
  ['*/app', 'a/b/app', true],
  ['a*b*c', 'a-b-b-c', true],
  ['a*a', 'a', false],
  ['ab*ba', 'aba', false],
  ['exact', 'exact', true],
  ['exact', 'exactly', false],
])('the filter %s on %s: %s', (filter, name, expected) => {
  expect(matchesFilter(filter, name)).toBe(expected)
})

test.each([
  [[], 'alpine', ['alpine', 'library/alpine']],
  [[], 'team/app', ['team/app']],
  [['library/*'], 'alpine', ['alpine', 'library/alpine']],
  [['library/*'], 'team/app', []],
  [['!alpine'], 'alpine', []],
  [['!library/*'], 'alpine', []],
  [['team/*', '!team/secret*'], 'team/app', ['team/app']],
  [['team/*', '!team/secret*'], 'team/secrets', []],
])('with %j, %s is looked for as %j', (filters, repository, names) => {
  expect(upstreamNames({ filters, libraryPrefix: true }, repository)).toEqual(names)
})

test('Docker Hub is known by its names', () => {
  expect(normalUrl('https://docker.io/')).toBe('https://registry-1.docker.io')
  expect(defaultSettings('https://registry-1.docker.io')).toMatchObject({
    ...{ libraryPrefix: true, realmHosts: ['auth.docker.io'] },
  })
  expect(defaultSettings('https://ghcr.io')).toMatchObject({ libraryPrefix: false, realmHosts: [] })
})

test.each([
  ['url', { url: 'ftp://x' }],
  ['url', { url: 'https://user:secret@host' }],
  ['url', { url: 'https://host/v2' }],
  ['url', { url: 'https://host/?x=1' }],
  ['filters', { filters: ['Upper'] }],
  ['realmHosts', { realmHosts: ['https://auth.example.com'] }],
  ['timeout', { timeoutSeconds: 0 }],
  ['freshnessSeconds', { freshnessSeconds: -1 }],
  ['username', { username: 'a:b' }],
])('says of %s what is wrong with %j', (field, changes) => {
  const settings = { ...defaultSettings('https://host'), ...changes }
  expect(listSettingProblems(settings).map((problem) => problem.field)).toEqual([field])
})
