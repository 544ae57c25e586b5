import { expect, test } from 'vitest'
import { createBoundedCache } from './bounded-cache.ts'

test('what was set last under a key is found, until it is deleted', () => {
  const cache = createBoundedCache<number>(4)
  cache.set('a', 1)
  for (const key of ['b', 'c']) cache.set(key, 0)
  // Of the older generation by now.
  cache.set('a', 2)
  expect(cache.get('a')).toBe(2)
  for (const key of ['d', 'e']) cache.set(key, 0)
  expect(cache.get('a')).toBe(2)
  cache.delete('a')
  expect(cache.get('a')).toBeUndefined()
})

test('what is used stays, and never more than so many are kept', () => {
  const cache = createBoundedCache<number>(10)
  cache.set('used', -1)
  for (let i = 0; i < 1000; i += 1) {
    cache.set(`key ${i}`, i)
    expect(cache.get('used')).toBe(-1)
  }
  const kept = Array.from({ length: 1000 }, (_, i) => cache.get(`key ${i}`)).filter(
    (value) => value !== undefined,
  )
  expect(kept.length).toBeLessThanOrEqual(10)
  expect(kept.length).toBeGreaterThanOrEqual(4)
})
