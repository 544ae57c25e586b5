import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Slots } from './slots.ts'

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
