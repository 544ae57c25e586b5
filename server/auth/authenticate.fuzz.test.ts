import { expect, test } from 'vitest'
import { type Accounts, basic, openAccounts } from '../../test/support/accounts.ts'
import { sqliteDatabases } from '../../test/support/databases.ts'
import { type Random, seededRandom } from '../../test/support/random.ts'
import { RegistryError } from '../domain/errors.ts'
import { parseUserName, userKey } from '../domain/user-name.ts'
import { createApiKey } from './api-key.ts'
import { hashOpaqueSecret } from './opaque-secret.ts'

const seed = 20_261_101
const password = 'correct horse battery'
const databases = sqliteDatabases()

/** Random text in which the characters that mean something are frequent. */
function noise(random: Random): string {
  const pieces = [':', ' ', '=', '.', ',', '\t', '\0', 'Basic ', 'Bearer ', 'Admin', 'api', 'ent_']
  return Array.from({ length: random.between(0, 12) }, () =>
    random.chance(0.5)
      ? random.pick(pieces)
      : String.fromCharCode(random.between(1, random.chance(0.9) ? 0xff : 0xffff)),
  ).join('')
}

/** One change that makes a secret another one. */
function damage(random: Random, secret: string): string {
  const at = random.between(0, secret.length - 1)
  const piece = random.pick(['x', ' ', '\0', ':', 'é', '_'])
  const changed = random.pick([
    secret.slice(0, at) + piece + secret.slice(at + 1),
    secret.slice(0, at) + secret.slice(at + 1),
    secret.slice(0, at) + piece + secret.slice(at),
    secret.slice(0, at),
    secret + secret,
    secret + piece,
    piece + secret,
    secret.toUpperCase(),
    '',
  ])
  return changed === secret ? `${secret}x` : changed
}

async function credentialsOf(accounts: Accounts) {
  await accounts.addUser('Admin', password, true)
  const { key } = await createApiKey(accounts, { type: 'system' })
  const { principal } = await accounts.authenticator.authenticate(basic('Admin', password))
  const { token } = await accounts.tokens.issue({ principal, service: 'x', access: [] })
  return { key, token }
}

test('no header but the right ones is anybody', async () => {
  const accounts = await openAccounts(await databases.open())
  const { key, token } = await credentialsOf(accounts)
  const random = seededRandom(seed)
  const good = [basic('Admin', password), basic('api', key), `Bearer ${token}`]
  for (const header of good) await accounts.authenticator.authenticate(header)

  // An attempt at a password takes 130 ms; the other headers are read in no time.
  const cheap = (): string => {
    const base64 = Buffer.from(noise(random)).toString('base64')
    return random.pick([
      () => noise(random),
      () => damage(random, random.pick(good)),
      () => `Bearer ${damage(random, token)}`,
      () => `Bearer ${noise(random)}`,
      () => basic('api', damage(random, key)),
      () => basic('api', noise(random)),
      () => `${random.pick(['Basic', 'basic', 'Basic ', ''])}${base64}`,
      () => `Basic ${random.bytes(random.between(0, 40)).toString('base64')}`,
    ])()
  }
  const mayCost = (header: string) => /^\s*basic\s/i.test(header) && !isForKeys(header)
  let attempts = 0
  let expensive = 0
  while (attempts < 4000) {
    const header = cheap()
    if (isRight(header, { key, token })) continue
    if (mayCost(header) && ++expensive > 40) continue
    attempts += 1
    const outcome = await accounts.authenticator.authenticate(header).catch((error) => error)
    expect(outcome, `seed ${seed}: ${JSON.stringify(header)}`).toBeInstanceOf(RegistryError)
    expect(outcome.code, JSON.stringify(header)).toBe('UNAUTHORIZED')
  }
  for (let i = 0; i < 25; i++) {
    const header = random.chance(0.7)
      ? basic('Admin', damage(random, password))
      : basic(damage(random, 'Admin'), password)
    if (isRight(header, { key, token })) continue
    await expect(
      accounts.authenticator.authenticate(header),
      `seed ${seed}: ${JSON.stringify(header)}`,
    ).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
  }
}, 60_000)

function isForKeys(header: string): boolean {
  return /^api:/i.test(Buffer.from(header.split(' ').at(-1) ?? '', 'base64').toString())
}

/** Whether chance hit upon another spelling of the right credentials. */
function isRight(header: string, { key, token }: { key: string; token: string }): boolean {
  const [scheme = '', value = ''] = header.trim().split(/ +/)
  if (scheme.toLowerCase() === 'bearer') {
    // The last character of a signature has two bits that mean nothing.
    return value.slice(0, -1) === token.slice(0, -1) && value.length === token.length
  }
  if (scheme.toLowerCase() !== 'basic') return false
  const [name = '', ...rest] = Buffer.from(value, 'base64').toString().split(':')
  const secret = rest.join(':')
  return (
    (userKey(name) === parseUserName('Admin').key && secret.normalize('NFKC') === password) ||
    (name.toLowerCase() === 'api' &&
      hashOpaqueSecret('ent_', secret) === hashOpaqueSecret('ent_', key))
  )
}
