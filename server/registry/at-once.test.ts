import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { eachOf, workAtOnce } from './at-once.ts'

test('what one throws is thrown when none goes on any more, and no more are begun', async () => {
  const begun: number[] = []
  const ended: number[] = []
  async function* items() {
    for (let item = 0; item < 100; item += 1) yield item
  }
  const all = eachOf(items(), 4, async (item) => {
    begun.push(item)
    await nextTurn()
    if (item === 5) throw new Error('five')
    await nextTurn()
    ended.push(item)
  })
  await expect(all).rejects.toThrow('five')
  expect(begun.length).toBeLessThan(12)
  expect(ended).toHaveLength(begun.length - 1)
})

test('each item of a list is dealt with once', async () => {
  const seen: number[] = []
  await eachOf([1, 2, 3, 4, 5], 2, async (item) => {
    seen.push(item)
  })
  expect(seen).toEqual([1, 2, 3, 4, 5])
})

test('called off, the rest is left; what one throws ends it', async () => {
  const stop = new AbortController()
  const begun: number[] = []
  const items = Array.from({ length: 20 }, (_, item) => item)
  await workAtOnce(items, stop.signal, async (item) => {
    begun.push(item)
    if (item === 5) stop.abort()
    await nextTurn()
  })
  expect(begun).not.toContain(12)
  const all = workAtOnce(items, new AbortController().signal, async (item) => {
    await nextTurn()
    if (item === 5) throw new Error('five')
  })
  await expect(all).rejects.toThrow('five')
})
