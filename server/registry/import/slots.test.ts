import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { eachOf, Slots } from './slots.ts'

test('no more than so many are at work, and each has its turn', async () => {
  const slots = new Slots(3)
  let atWork = 0
  let most = 0
  const done: number[] = []
  const work = async (item: number) => {
    atWork += 1
    most = Math.max(most, atWork)
    await nextTurn()
    atWork -= 1
    done.push(item)
    if (item === 4) throw new Error('four')
  }
  const all = Array.from({ length: 10 }, (_, item) => slots.run(() => work(item)))
  const ended = await Promise.allSettled(all)
  expect(most).toBe(3)
  expect(done).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  expect(ended.filter(({ status }) => status === 'rejected')).toHaveLength(1)
})

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
