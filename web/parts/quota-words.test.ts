import { expect, test } from 'vitest'
import { formatQuota, parseQuota, problemOfQuota, shareOf } from './quota-words.ts'

test.each([
  ['50 GB', 50e9],
  ['1.5 GiB', 1.5 * 2 ** 30],
  ['500 MiB', 500 * 2 ** 20],
  ['1.25 TB', 1.25e12],
  ['1234567 B', 1_234_567],
  ['999 B', 999],
  ['0', 0],
  ['', null],
] as const)('"%s" is %s bytes, both ways', (text, bytes) => {
  expect(formatQuota(bytes)).toBe(text)
  expect(parseQuota(text)).toBe(bytes)
})

test('sizes are read as settings write them', () => {
  expect(parseQuota(' 50gb ')).toBe(50e9)
  expect(parseQuota('12')).toBe(12)
  expect(parseQuota('None')).toBeNull()
  for (const bad of ['much', '-5 GB', '1.5555 GB', '50 XB', '1e9', '999999999999 TB']) {
    expect(parseQuota(bad)).toBeUndefined()
    expect(problemOfQuota(bad)).toBe(`"${bad}" is no size: write 50 GB or 500 MiB.`)
  }
})

test('a share is rounded down', () => {
  expect(shareOf({ bytes: 1000, usedBytes: 999 })).toBe(99)
  expect(shareOf({ bytes: 0, usedBytes: 0 })).toBe(100)
})
