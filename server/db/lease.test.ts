import { expect, test } from 'vitest'
import { isFresh, maxPromiseMs } from './lease.ts'

const hour = 3_600_000

test.each([
  ['just given', { leftMs: hour, promisedAgoMs: 0 }, true],
  ['half spent to the millisecond', { leftMs: hour / 2, promisedAgoMs: hour / 2 }, true],
  ['more than half spent', { leftMs: hour / 2 - 1, promisedAgoMs: hour / 2 + 1 }, false],
  ['over', { leftMs: -1, promisedAgoMs: 0 }, false],
  ['kept alive for half a day', { leftMs: hour, promisedAgoMs: maxPromiseMs / 2 }, false],
  ['kept alive for almost half a day', { leftMs: hour, promisedAgoMs: maxPromiseMs / 2 - 1 }, true],
])('a lease that is %s', (_, lease, fresh) => {
  expect(isFresh(lease, hour)).toBe(fresh)
})
