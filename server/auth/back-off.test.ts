import { expect, test } from 'vitest'
import { RegistryError } from '../domain/errors.ts'
import { createBackOff } from './back-off.ts'
import type { LoginAttempt } from './failures.ts'
import { networkOf } from './network.ts'

const here = '192.0.2.1'
const elsewhere = '198.51.100.1'

function openBackOff() {
  let now = 1000
  let ran = 0
  const refused: LoginAttempt[] = []
  const backOff = createBackOff({
    monotonicMs: () => now,
    onRefused: (who) => refused.push(who),
  })
  const attempt = async (good: boolean, account = 'ann', address = here) => {
    const work = async () => {
      ran += 1
      await Promise.resolve()
      if (!good) throw new RegistryError('UNAUTHORIZED')
      return 'in'
    }
    return await backOff.attempt({ account, address }, work).catch((error: unknown) => {
      if (!(error instanceof RegistryError)) throw error
      return error.code === 'UNAUTHORIZED' ? 'wrong' : Number(error.headers['retry-after'])
    })
  }
  return {
    backOff,
    attempt,
    refused,
    ran: () => ran,
    pass: (milliseconds: number) => {
      now += milliseconds
    },
  }
}

test('five failures are free, then the wait doubles up to five minutes', async () => {
  const { attempt, pass, refused } = openBackOff()
  for (let count = 0; count < 5; count += 1) expect(await attempt(false)).toBe('wrong')
  const waits: number[] = []
  for (let count = 0; count < 11; count += 1) {
    const wait = Number(await attempt(true))
    waits.push(wait)
    pass(wait * 1000 - 1)
    expect(await attempt(true)).toBe(1)
    pass(1)
    expect(await attempt(false)).toBe('wrong')
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300])
  expect(refused).toHaveLength(22)
})

test('success forgets the failures, and so does half an hour', async () => {
  const { attempt, pass } = openBackOff()
  for (const good of [false, false, false, false, true, false, false, false, false]) {
    expect(await attempt(good)).toBe(good ? 'in' : 'wrong')
  }
  expect(await attempt(false)).toBe('wrong')
  expect(await attempt(true)).toBe(1)
  pass(1000 + 30 * 60_000)
  for (let count = 0; count < 5; count += 1) expect(await attempt(false)).toBe('wrong')
})

test('many attempts at once are no way around', async () => {
  const { attempt, ran } = openBackOff()
  const answers = await Promise.all(Array.from({ length: 1000 }, () => attempt(false)))
  expect(ran()).toBe(5)
  expect(answers.filter((answer) => answer === 1)).toHaveLength(995)
})

test('nobody else is slowed down: another account here, the same one elsewhere', async () => {
  const { attempt } = openBackOff()
  for (let count = 0; count < 6; count += 1) await attempt(false)
  expect(await attempt(true)).toBe(1)
  expect(await attempt(true, 'bob')).toBe('in')
  expect(await attempt(true, 'ann', elsewhere)).toBe('in')
})

test('what is no wrong password counts for nothing', async () => {
  const { backOff } = openBackOff()
  const who = { account: 'ann', address: here }
  for (let count = 0; count < 20; count += 1) {
    const failing = backOff.attempt(who, () => Promise.reject(new RegistryError('UNAVAILABLE')))
    await expect(failing).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  }
})

test('an address that tries many accounts waits, but not for those it has logged in with', async () => {
  const { attempt, pass } = openBackOff()
  expect(await attempt(true, 'known')).toBe('in')
  for (let count = 0; count < 100; count += 1) {
    expect(await attempt(false, `user ${count}`)).toBe('wrong')
  }
  expect(await attempt(true, 'new')).toBe(600)
  expect(await attempt(true, 'known')).toBe('in')
  expect(await attempt(true, 'new', elsewhere)).toBe('in')
  pass(600_000)
  expect(await attempt(true, 'new')).toBe('in')
})

test('an IPv6 network is one client', async () => {
  const { attempt } = openBackOff()
  for (let count = 1; count <= 5; count += 1) {
    expect(await attempt(false, 'ann', `2001:db8::${count}`)).toBe('wrong')
  }
  expect(await attempt(true, 'ann', '2001:db8:0:0:ffff::1')).toBe(1)
  expect(await attempt(true, 'ann', '2001:db8:0:1::1')).toBe('in')
})

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['', ''],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:0db8:0000:0000:1:2:3:4', '2001:db8:0:0::/64'],
  ['2001:DB8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['::1', '0:0:0:0::/64'],
  ['1::', '1:0:0:0::/64'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
  ['1:2:3:4:5:6:192.0.2.1', '1:2:3:4::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
])('%s counts as %s', (address, network) => {
  expect(networkOf(address)).toBe(network)
})
