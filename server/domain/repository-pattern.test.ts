import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../test/support/random.ts'
import { matchesPattern, parseRepositoryPattern } from './repository-pattern.ts'

test.each<[pattern: string, fits: readonly string[], others: readonly string[]]>([
  ['app', ['app'], ['ap', 'apps', 'app/web', 'team/app']],
  ['team/*', ['team/app', 'team/a-b'], ['team', 'team/a/b', 'teams/app', 'x/team/app']],
  ['team/**', ['team/app', 'team/a/b/c'], ['team', 'teams/app']],
  ['*', ['app', 'a.b_c-d'], ['team/app']],
  ['**', ['app', 'team/app', 'a/b/c'], []],
  ['*/app', ['team/app'], ['app', 'a/b/app', 'team/app2']],
  ['**/app', ['team/app', 'a/b/app'], ['app', 'a/app/b']],
  ['app*', ['app', 'app2', 'app-web'], ['app/web', 'my-app']],
  ['a*b*c', ['abc', 'aabbcc', 'axbxc'], ['ab', 'a/b/c', 'abcd']],
  ['a**c', ['ac', 'abc', 'a/b/c'], ['ab', 'bac']],
  ['t-*/**/prod', ['t-1/x/prod', 't-/x/y/prod'], ['t-1/prod', 't/x/prod']],
  ['a.b', ['a.b'], ['axb']],
])('%s', (pattern, fits, others) => {
  expect(fits.filter((name) => !matchesPattern(pattern, name))).toEqual([])
  expect(others.filter((name) => matchesPattern(pattern, name))).toEqual([])
  expect(parseRepositoryPattern(pattern)).toBe(pattern)
})

test.each([
  ['', 'it is empty'],
  ['Team/*', 'upper-case'],
  ['team /*', 'no repository has the character " "'],
  ['team\\app', 'no repository has the character'],
  ['tëam', 'no repository has the character "ë"'],
  ['te\nam', 'no repository has the character "\\n"'],
  ['😀', 'no repository has the character "😀"'],
  ['[ab]', 'no repository has the character "["'],
  ['a?', 'no repository has the character "?"'],
  ['***', 'more than two stars'],
  ['/team', 'begins with "/"'],
  ['team/', 'ends with "/"'],
  ['a//b', 'empty part'],
  ['a'.repeat(256), 'more than 255'],
  ['*a'.repeat(17), 'more than 16 stars'],
])('the pattern %j is refused, saying why', (text, reason) => {
  expect(() => parseRepositoryPattern(text)).toThrow(reason)
})

describe('matching', () => {
  test('takes no longer for stars that nearly fit', () => {
    const name = 'a'.repeat(255)
    for (const pattern of [`${'*a'.repeat(120)}b`, `${'**a'.repeat(80)}b`]) {
      expect(matchesPattern(pattern, name)).toBe(false)
    }
  })

  test('agrees with a regular expression', () => {
    const seed = Date.now() % 1_000_000
    const random = seededRandom(seed)
    const text = (letters: string, length: number) =>
      Array.from({ length }, () => letters.charAt(random.between(0, letters.length - 1))).join('')
    for (let round = 0; round < 20_000; round += 1) {
      const pattern = text('ab/**', random.between(0, 6)).replace(/\*{3,}/g, '**')
      const name = text('ab/', random.between(0, 7))
      const source = pattern.replace(/\*\*?/g, (stars) => (stars === '*' ? '[^/]*' : '.*'))
      const context = `seed ${seed}: ${pattern} ${name}`
      expect(matchesPattern(pattern, name), context).toBe(new RegExp(`^${source}$`).test(name))
    }
  })
})
