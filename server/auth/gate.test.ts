import { describe, expect, test } from 'vitest'
import { createGate, type Waiter } from './gate.ts'

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

describe('who crowds', () => {
  const tooMany = { code: 'TOOMANYREQUESTS', headers: { 'retry-after': '5' } }
  const from = (network: string, account: string, known = false) => ({ network, account, known })

  /** Two places that are taken, and attempts of which each tells how it ended. */
  function openCrowd() {
    const gate = createGate(options)
    const { work, finishOne } = slowWork()
    const log: string[] = []
    const attempt = (name: string, waiter: Waiter) => {
      gate(work, waiter).then(
        () => log.push(`${name} done`),
        (error: unknown) => {
          expect(error).toMatchObject(tooMany)
          log.push(`${name} refused`)
        },
      )
    }
    attempt('first', from('x', 'x'))
    attempt('second', from('y', 'y'))
    const finishAll = async () => {
      for (let left = 0; left < 6; left += 1) await finishOne()
    }
    return { attempt, finishAll, log }
  }

  test('from one network with many accounts makes room for others, the newest first', async () => {
    const { attempt, finishAll, log } = openCrowd()
    for (const account of ['1', '2', '3', '4']) attempt(account, from('bad', account))
    attempt('right', from('good', 'ann'))
    await finishAll()
    expect(log).toEqual([
      '4 refused',
      '3 refused',
      ...['first done', 'second done', 'right done', '1 done', '2 done'],
    ])
  })

  test('for one account from many networks makes room for other accounts', async () => {
    const { attempt, finishAll, log } = openCrowd()
    for (const network of ['1', '2', '3']) attempt(network, from(network, 'ann'))
    attempt('right', from('4', 'ben'))
    await finishAll()
    expect(log).toEqual([
      '3 refused',
      ...['first done', 'second done', 'right done', '1 done', '2 done'],
    ])
  })

  test('does not stand in the way of those who have logged in from there before', async () => {
    const { attempt, finishAll, log } = openCrowd()
    for (const network of ['1', '2', '3']) attempt(network, from(network, 'ann'))
    attempt('right', from('home', 'ann', true))
    attempt('new', from('hotel', 'ann'))
    await finishAll()
    expect(log).toEqual([
      '3 refused',
      'new refused',
      ...['first done', 'second done', 'right done', '1 done', '2 done'],
    ])
  })
})
