import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { openPasswords, type PasswordAccount } from './password.ts'

const password = 'correct horse'
const passwordHash = await openPasswords().hash(password)
const account: PasswordAccount = { id: 1, credentialVersion: 1, passwordHash }
const attempt = (text: string, whose = account) => ({
  userKey: 'ann',
  password: text,
  account: whose,
})

/** What scrypt was asked for: its work is the time that an attempt takes. */
const derivations: object[] = []
const { scrypt } = crypto
crypto.scrypt = ((...args: Parameters<typeof scrypt>) => {
  const [, , length, options] = args
  derivations.push({ length, ...options })
  scrypt(...args)
}) as typeof scrypt
syncBuiltinESMExports()

beforeEach(() => {
  derivations.length = 0
})

afterAll(() => {
  crypto.scrypt = scrypt
  syncBuiltinESMExports()
})

test('the parameters are kept beside the hash, and every hash has its own salt', async () => {
  expect(passwordHash).toMatch(/^scrypt\$32768\$8\$1\$[\w+/]{22}==\$[\w+/]{43}=$/)
  expect(await openPasswords().hash(password)).not.toBe(passwordHash)
  expect(passwordHash).not.toContain(password)
})

test('a hash with other parameters still verifies', async () => {
  // RFC 7914, 12: scrypt("pleaseletmein", "SodiumChloride", 16384, 8, 1, 64).
  const vector =
    '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887'
  const salt = Buffer.from('SodiumChloride').toString('base64')
  const hash = Buffer.from(vector, 'hex').toString('base64')
  const old = { ...account, passwordHash: `scrypt$16384$8$1$${salt}$${hash}` }
  expect(await openPasswords().verify(attempt('pleaseletmein', old))).toBe(true)
  expect(await openPasswords().verify(attempt('pleaseletmeout', old))).toBe(false)
})

test('only the password verifies', async () => {
  const passwords = openPasswords()
  expect(await passwords.verify(attempt(password))).toBe(true)
  for (const wrong of [
    '',
    'correct hors',
    'correct horse ',
    'Correct horse',
    `${password}\0`,
    'x'.repeat(5000),
  ]) {
    expect(await passwords.verify(attempt(wrong)), wrong.slice(0, 20)).toBe(false)
  }
})

test('nobody has the password that no user has', async () => {
  const passwords = openPasswords()
  for (const text of [password, '', 'x'.repeat(2000)]) {
    expect(await passwords.verify({ userKey: 'ann', password: text, account: undefined })).toBe(
      false,
    )
  }
})

test('a password is the same however it was composed', async () => {
  const composed = { ...account, passwordHash: await openPasswords().hash('p\u00e4sswort') }
  expect(await openPasswords().verify(attempt('pa\u0308sswort', composed))).toBe(true)
})

test.each([
  ['', /too short/],
  ['1234567', /too short/],
  ['😀😀😀😀😀😀😀', /too short/],
  ['12345678\0', /NUL/],
  ['x'.repeat(1025), /too long/],
  ['€'.repeat(342), /too long/],
])('a password that breaks the rules is not hashed (%#)', async (text, message) => {
  await expect(openPasswords().hash(text)).rejects.toThrow(message)
  await expect(openPasswords().hash(text)).rejects.toMatchObject({ code: 'REQUEST_INVALID' })
})

test.each(['12345678', '😀😀😀😀😀😀😀😀', 'x'.repeat(1024), 'with : colons and spaces'])(
  'a password within the rules can be used (%#)',
  async (text) => {
    const mine = { ...account, passwordHash: await openPasswords().hash(text) }
    expect(await openPasswords().verify(attempt(text, mine))).toBe(true)
  },
)

test('a verified password costs nothing the next time; a wrong one always costs', async () => {
  const passwords = openPasswords()
  expect(await passwords.verify(attempt(password))).toBe(true)
  expect(derivations).toHaveLength(1)
  for (let i = 0; i < 100; i++) expect(await passwords.verify(attempt(password))).toBe(true)
  expect(derivations).toHaveLength(1)
  for (let i = 0; i < 3; i++) expect(await passwords.verify(attempt('wrong'))).toBe(false)
  expect(derivations).toHaveLength(4)
})

test('what is remembered is void with the version and with the hash', async () => {
  const passwords = openPasswords()
  expect(await passwords.verify(attempt(password))).toBe(true)
  const changed = { ...account, passwordHash: await openPasswords().hash('another one') }
  expect(await passwords.verify(attempt(password, { ...changed, credentialVersion: 2 }))).toBe(
    false,
  )
  expect(await passwords.verify(attempt(password, changed))).toBe(false)
  expect(await passwords.verify({ ...attempt(password), account: undefined })).toBe(false)
  const newer = { ...account, credentialVersion: 2 }
  const before = derivations.length
  expect(await passwords.verify(attempt(password, newer))).toBe(true)
  expect(derivations).toHaveLength(before + 1)
})

test('an unknown user is as much work as a known one', async () => {
  const passwords = openPasswords()
  for (const text of ['wrong', '', 'x'.repeat(5000), `${password}\0`]) {
    derivations.length = 0
    expect(await passwords.verify(attempt(text))).toBe(false)
    const known = [...derivations]
    expect(known).toEqual([expect.objectContaining({ N: 32768, r: 8, p: 1, length: 32 })])
    derivations.length = 0
    const nobody = { userKey: 'bob', password: text, account: undefined }
    expect(await passwords.verify(nobody)).toBe(false)
    expect(derivations).toEqual(known)
  }
})

test('the same attempt many times at once is made once, also for an unknown user', async () => {
  const passwords = openPasswords()
  // More than may wait: were each made, some would be turned away.
  const attempts = Array.from({ length: 200 }, () => passwords.verify(attempt(password)))
  expect(new Set(await Promise.all(attempts))).toEqual(new Set([true]))
  const nobody = { userKey: 'bob', password, account: undefined }
  const failures = Array.from({ length: 200 }, () => passwords.verify(nobody))
  expect(new Set(await Promise.all(failures))).toEqual(new Set([false]))
})

test('too many logins at once are turned away, and the others are answered rightly', async () => {
  const passwords = openPasswords()
  const results = await Promise.allSettled([
    passwords.verify(attempt(password)),
    ...Array.from({ length: 70 }, (_, i) => passwords.verify(attempt(`wrong ${i}`))),
  ])
  expect(results[0]).toEqual({ status: 'fulfilled', value: true })
  const refused = results.filter(({ status }) => status === 'rejected')
  expect(refused).toHaveLength(71 - 66)
  for (const { reason } of refused as PromiseRejectedResult[]) {
    expect(reason).toMatchObject({ code: 'TOOMANYREQUESTS', headers: { 'retry-after': '5' } })
  }
  expect(results.filter((r) => r.status === 'fulfilled' && r.value)).toHaveLength(1)
})
