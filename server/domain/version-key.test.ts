import { expect, test } from 'vitest'
import { versionKey } from './version-key.ts'

const inOrder = [
  ...[
    '0.9',
    '1-alpine',
    '1',
    '1.2',
    '1.4-beta',
    '1.4-rc.1',
    '1.4-rc.2',
    '1.4-rc.10',
    '1.4',
    '1.4.0',
  ],
  ...['1.4.1', '1.9', '1.10', '1.10.1', '2', '10', '2024.1.9', '2024.1.10', '20240101', 'edge'],
  ...['latest-arm', 'latest', 'latest1', 'nightly-9', 'nightly-10'],
]

test('numbers in tags count as numbers, and pre-releases come before their release', () => {
  const shuffled = inOrder.toSorted((a, b) => (a.length === b.length ? 1 : a.length - b.length))
  const sorted = shuffled.toSorted((a, b) => (versionKey(a) < versionKey(b) ? -1 : 1))
  expect(sorted).toEqual(inOrder)
})

test.for([
  ['v1.4', '1.4'],
  ['V1.4-RC1', '1.4-rc1'],
  ['007', '7'],
])('%s and %s have one key', ([one = '', other = '']) => {
  expect(versionKey(one)).toBe(versionKey(other))
})

test('the longest number has a key', () => {
  const nines = '9'.repeat(128)
  expect(versionKey(nines) > versionKey('9'.repeat(127))).toBe(true)
  expect(versionKey(nines).length).toBeLessThan(200)
})

test('a word that begins with v keeps it', () => {
  expect(versionKey('vanilla')).toContain('vanilla')
})
