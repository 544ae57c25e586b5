import { describe, expect, test } from 'vitest'
import { type Action, attributesOf, covers, parseScopes, plainActions } from './scope.ts'

/** The parsed form as text: `main/app:pull,push`. */
const parse = (...values: string[]) =>
  parseScopes(values).map(({ name, actions }) => `${name}:${actions.join(',')}`)

const rows: readonly (readonly [name: string, values: readonly string[], parsed: string[]])[] = [
  ['pull', ['repository:main/app:pull'], ['main/app:pull']],
  ['pull and push', ['repository:main/app:pull,push'], ['main/app:pull,push']],
  ['everything', ['repository:main/app:*'], ['main/app:*']],
  ['a deep name', ['repository:main/a/b.c/d__e/f--g:pull'], ['main/a/b.c/d__e/f--g:pull']],
  ['a class', ['repository(plugin):main/app:pull'], ['main/app:pull']],
  ['the catalog', ['registry:catalog:*'], ['catalog:*']],
  ['repeated', ['repository:m/a:pull', 'repository:m/b:push'], ['m/a:pull', 'm/b:push']],
  ['with a space', ['repository:m/a:pull repository:m/b:push'], ['m/a:pull', 'm/b:push']],
  ['with spaces', ['  repository:m/a:pull   registry:catalog:* '], ['m/a:pull', 'catalog:*']],
  [
    'the same name again',
    ['repository:m/a:pull', 'repository:m/b:pull', 'repository:m/a:push,pull'],
    ['m/a:pull,push', 'm/b:pull'],
  ],
  ['the feed as it was written', ['repository:Main/app:pull'], ['Main/app:pull']],
  ['some actions unknown', ['repository:m/a:fly,pull,'], ['m/a:pull']],
  ['nothing', [], []],
  ['empty', [''], []],
  ['no known action', ['repository:m/a:fly'], []],
  ['no action', ['repository:m/a:'], []],
  ['two parts', ['repository:m/a'], []],
  ['a port in the name', ['repository:host:5000/a:pull'], []],
  ['a feed alone', ['repository:main:pull'], []],
  ['an upper-case repository', ['repository:main/App:pull'], []],
  ['a bad name', ['repository:main//a:pull', 'repository:../etc:pull'], []],
  ['a long name', [`repository:main/${'a'.repeat(255)}:pull`], []],
  ['an unknown type', ['volume:m/a:pull', 'repository(:m/a:pull', 'xrepository:m/a:pull'], []],
  ['another registry scope', ['registry:users:*', 'registry:catalog:pull'], []],
  ['a name of Object', ['repository:m/a:constructor,toString,__proto__'], []],
]

test.each(rows)('scopes: %s', (_, values, parsed) => {
  expect(parse(...values)).toEqual(parsed)
})

test('a scope knows its feed without regard to case', () => {
  expect(parseScopes(['repository:MAIN/team/app:pull'])[0]?.path).toEqual({
    feedKey: 'main',
    repository: 'team/app',
  })
})

test('the number of scopes is bounded', () => {
  const many = Array.from({ length: 100 }, (_, at) => `repository:m/a${at}:pull`)
  expect(parseScopes(many)).toHaveLength(32)
  expect(parseScopes([many.join(' ')])).toHaveLength(32)
})

test('the length of all scopes together is bounded', () => {
  const long = (at: number) => `repository:m/${'a'.repeat(240)}${at}:pull`
  const names = parseScopes(Array.from({ length: 30 }, (_, at) => long(at))).map((s) => s.name)
  expect(names.length).toBeGreaterThan(10)
  expect(names.join('').length).toBeLessThanOrEqual(4096)
})

test('every action needs the right to view', () => {
  const actions: readonly Action[] = ['pull', 'push', 'delete', '*']
  for (const action of actions) expect(attributesOf(action)).toContain('Feeds_ViewFeed')
  expect(attributesOf('pull')).toContain('Feeds_DownloadPackage')
  expect(attributesOf('push')).toContain('Feeds_AddPackage')
  expect(attributesOf('delete')).toContain('Feeds_DeletePackage')
})

test('* is every action', () => {
  expect(plainActions(['*'])).toEqual(['pull', 'push', 'delete'])
  expect(plainActions(['push', 'pull'])).toEqual(['pull', 'push'])
})

describe('covers', () => {
  const access = [
    { type: 'repository', name: 'Main/app', actions: ['pull'] },
    { type: 'repository', name: 'main/all', actions: ['*'] },
    { type: 'registry', name: 'catalog', actions: ['*'] },
  ] as const

  test.each<[name: string, action: Action, covered: boolean]>([
    ['main/app', 'pull', true],
    ['MAIN/app', 'pull', true],
    ['main/app', 'push', false],
    ['main/app', '*', false],
    ['main/all', 'delete', true],
    ['main/app2', 'pull', false],
    ['main', 'pull', false],
    ['catalog', 'pull', false],
  ])('%s %s: %s', (name, action, covered) => {
    expect(covers(access, name, action)).toBe(covered)
  })
})
