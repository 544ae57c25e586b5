import { beforeAll, expect, test } from 'vitest'
import { type Accounts, basic, openAccounts } from '../../test/support/accounts.ts'
import { sqliteDatabases } from '../../test/support/databases.ts'
import { setPassword } from '../db/users.ts'
import { type Authenticator, openAuthenticator } from './authenticate.ts'
import { createBackOff } from './back-off.ts'
import { openPasswords } from './password.ts'

const password = 'a long enough password'
/** Not so cheap that many are through before somebody has found out who is calling. */
const passwords = openPasswords({ cost: 13 })
const databases = sqliteDatabases()
let accounts: Accounts
let authenticator: Authenticator
beforeAll(async () => {
  accounts = await openAccounts(await databases.open())
  authenticator = openAuthenticator({ ...accounts, passwords, backOff: createBackOff() })
  for (const name of ['ann', 'ben', 'cyd', 'dot']) await accounts.addUser(name, password)
})

const logIn = (name: string, secret: string, address: string) =>
  authenticator.authenticate(basic(name, secret), undefined, { address })

/** Attempts that all run at once, and how many of them have been answered. */
function startCrowd(count: number, attempt: (index: number) => Promise<unknown>) {
  const codes: string[] = []
  const all = Array.from({ length: count }, (_, index) =>
    attempt(index).then(
      () => codes.push('in'),
      (error: { readonly code: string }) => codes.push(error.code),
    ),
  )
  const looked = () => codes.filter((code) => code === 'UNAUTHORIZED').length
  return { codes, looked, done: Promise.all(all) }
}

/** Those that are being looked at when somebody comes, and those that begin in the same moment. */
const fewMore = 4

test('one address against many accounts: the right user elsewhere is next', async () => {
  const crowd = startCrowd(90, (index) => logIn(`nobody ${index}`, 'wrong', '198.51.100.1'))
  await new Promise((resolve) => setTimeout(resolve, 50))
  const before = crowd.looked()
  const { principal } = await logIn('ann', password, '192.0.2.1')
  expect(principal.name).toBe('ann')
  expect(crowd.looked() - before).toBeLessThanOrEqual(fewMore)
  await crowd.done
  expect(new Set(crowd.codes)).toEqual(new Set(['UNAUTHORIZED', 'TOOMANYREQUESTS']))
})

test('the addresses of one IPv6 network are one', async () => {
  const crowd = startCrowd(90, (index) => logIn(`nobody ${index}`, 'x', `2001:db8::${index}`))
  await new Promise((resolve) => setTimeout(resolve, 50))
  const before = crowd.looked()
  expect((await logIn('ben', password, '2001:db8:0:1::1')).principal.name).toBe('ben')
  expect(crowd.looked() - before).toBeLessThanOrEqual(fewMore)
  await crowd.done
})

test('many addresses against one account: its user is next where it has logged in before, others everywhere', async () => {
  await logIn('cyd', password, '192.0.2.3')
  const userId = (await logIn('cyd', password, '192.0.2.3')).principal.id
  // What is remembered of the password is void: the new one has to be looked at.
  const passwordHash = await passwords.hash('another long password')
  await accounts.db.write(setPassword, { userId, passwordHash })
  accounts.pass(1000)
  const crowd = startCrowd(200, (index) => logIn('cyd', `guess ${index}`, `198.51.100.${index}`))
  await new Promise((resolve) => setTimeout(resolve, 50))
  const before = crowd.looked()
  const [own, other] = await Promise.all([
    logIn('cyd', 'another long password', '192.0.2.3'),
    logIn('dot', password, '192.0.2.99'),
  ])
  expect([own.principal.name, other.principal.name]).toEqual(['cyd', 'dot'])
  expect(crowd.looked() - before).toBeLessThanOrEqual(fewMore)
  // Elsewhere it may hear that it has to wait, and never that the right password is wrong.
  const elsewhere = await logIn('cyd', 'another long password', '203.0.113.1').then(
    ({ principal }) => principal.name,
    (error: { readonly code: string }) => error.code,
  )
  expect(['cyd', 'TOOMANYREQUESTS']).toContain(elsewhere)
  await crowd.done
  expect(new Set(crowd.codes)).toEqual(new Set(['UNAUTHORIZED', 'TOOMANYREQUESTS']))
})
