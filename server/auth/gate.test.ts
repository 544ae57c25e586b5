import { expect, test } from 'vitest'
import { createGate } from './gate.ts'

const options = { maxConcurrent: 2, maxQueued: 3, retryAfterSeconds: 5 }

/** Work that ends when it is told to, and counts how much of it runs at once. */
function slowWork() {
  const running: (() => void)[] = []
  let most = 0
  const work = () =>
    new Promise<void>((resolve) => {
      running.push(resolve)
      most = Math.max(most, running.length)
    })
  const finishOne = async () => {
    running.shift()?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { work, finishOne, running, most: () => most }
}

test('runs no more at once than it may, in order, and turns away what is too much', async () => {
  const gate = createGate(options)
  const { work, finishOne, running, most } = slowWork()
  const done: number[] = []
  const attempts = [0, 1, 2, 3, 4].map((n) => gate(work).then(() => done.push(n)))
  await expect(gate(work)).rejects.toMatchObject({
    code: 'TOOMANYREQUESTS',
    headers: { 'retry-after': '5' },
  })
  for (let left = 5; left > 0; left--) {
    expect(running).toHaveLength(Math.min(left, 2))
    await finishOne()
  }
  await Promise.all(attempts)
  expect(done).toEqual([0, 1, 2, 3, 4])
  expect(most()).toBe(2)
})

test('work that fails gives its place away', async () => {
  const gate = createGate(options)
  const fail = () => Promise.reject(new Error('no'))
  const attempts = [1, 2, 3, 4, 5].map(() => gate(fail))
  const results = await Promise.allSettled(attempts)
  expect(results.map(({ status }) => status)).toEqual(Array(5).fill('rejected'))
  expect(await gate(async () => 'yes')).toBe('yes')
})
