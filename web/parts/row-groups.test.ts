import { expect, test } from 'vitest'
import { linesOf } from './row-groups.ts'

const of = (row: string) => row.split('/').slice(0, -1)[0] ?? null

test('rows stand below their groups, by name; those in none come last', () => {
  const rows = ['a', 'web/b', 'apps/c', 'web/d']
  expect(linesOf(rows, { of, closed: [] })).toEqual([
    { group: 'apps', count: 1, isClosed: false },
    { row: 'apps/c' },
    { group: 'web', count: 2, isClosed: false },
    { row: 'web/b' },
    { row: 'web/d' },
    { group: '', count: 1, isClosed: false },
    { row: 'a' },
  ])
})

test('a closed group keeps its heading and count', () => {
  expect(linesOf(['a', 'web/b', 'web/d'], { of, closed: ['web'] })).toEqual([
    { group: 'web', count: 2, isClosed: true },
    { group: '', count: 1, isClosed: false },
    { row: 'a' },
  ])
})

test('where nothing has a group there is no heading', () => {
  expect(linesOf(['b', 'a'], { of, closed: [''] })).toEqual([{ row: 'b' }, { row: 'a' }])
  expect(linesOf(['web/b'], undefined)).toEqual([{ row: 'web/b' }])
})
