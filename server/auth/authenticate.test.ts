import { beforeAll, expect, test } from 'vitest'
import { type Accounts, basic, openAccounts } from '../../test/support/accounts.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { setPassword, setUserActive } from '../db/users.ts'
import { may } from '../domain/permission.ts'
import { createApiKey, revokeApiKey } from './api-key.ts'
import { issueRefreshToken, revokeRefreshToken } from './refresh-token.ts'

const password = 'correct: horse €'
const service = 'registry.example.test'
const access = [{ type: 'repository', name: 'main/app', actions: ['pull'] }] as const

describeDatabases('finding out who is calling', (databases) => {
  let accounts: Accounts
  beforeAll(async () => {
    accounts = await openAccounts(await databases.open())
    await accounts.addUser('Jörg', password, true)
    await accounts.addUser('plain', password)
    await accounts.addFeed('main')
  })

  const authenticate = async (header: string | undefined, forService?: string) =>
    (await accounts.authenticator.authenticate(header, forService)).principal
  const refused = { code: 'UNAUTHORIZED' }
  const bearerOf = async (header: string) => {
    const principal = await authenticate(header)
    const { token } = await accounts.tokens.issue({ principal, service, access })
    return `Bearer ${token}`
  }

  test('without credentials it is Anonymous', async () => {
    const identity = await accounts.authenticator.authenticate(undefined)
    expect(identity).toMatchObject({ principal: { kind: 'anonymous', id: 0, rules: [] } })
    expect(identity.access).toBeNull()
  })

  test('a password, with colons and beyond ASCII', async () => {
    const identity = await accounts.authenticator.authenticate(basic('Jörg', password))
    expect(identity).toMatchObject({ principal: { kind: 'user', name: 'Jörg' }, access: null })
    expect(may(identity.principal, 'Admin_ConfigureProGet', null)).toBe(true)
  })

  test('user names match without regard to case', async () => {
    for (const name of ['jörg', 'JÖRG', 'jo\u0308rg']) {
      expect(await authenticate(basic(name, password))).toMatchObject({ name: 'Jörg' })
    }
  })

  test('a user who is no administrator may do nothing yet', async () => {
    expect((await authenticate(basic('plain', password))).rules).toEqual([])
  })

  test.each([
    ['a wrong password', basic('Jörg', 'wrong')],
    ['no password', basic('Jörg', '')],
    ['an unknown user', basic('nobody', password)],
    ['no user', basic('', password)],
    ['neither', basic('', '')],
    ['a user name with a NUL', basic('J\0rg', password)],
    ['a password with a NUL', basic('Jörg', `${password}\0`)],
    ['a long user name', basic('x'.repeat(5000), password)],
    ['a part of the password', basic('Jörg', 'correct')],
    ['the stored hash for a password', basic('Jörg', 'scrypt$32768$8$1$a$b')],
  ])('%s is refused, without a word about which part is wrong', async (_name, header) => {
    await expect(authenticate(header)).rejects.toMatchObject({
      ...refused,
      message: 'The user name or the password is wrong.',
    })
  })

  test.each(['', ' ', 'Basic', 'Basic Og', 'Bearer', 'Bearer x', 'Digest x', 'x', 'Basic !'])(
    'a header of %j is refused',
    async (header) => {
      await expect(authenticate(header)).rejects.toMatchObject(refused)
    },
  )

  test('a token carries its access, and only for its service', async () => {
    const header = await bearerOf(basic('Jörg', password))
    const identity = await accounts.authenticator.authenticate(header, service)
    expect(identity).toMatchObject({ principal: { name: 'Jörg' }, access })
    expect(await authenticate(header)).toMatchObject({ name: 'Jörg' })
    await expect(authenticate(header, 'elsewhere.example.test')).rejects.toMatchObject(refused)
  })

  test('a token of Anonymous', async () => {
    const anonymous = await accounts.principals.getAnonymous()
    const { token } = await accounts.tokens.issue({ principal: anonymous, service, access: [] })
    const identity = await accounts.authenticator.authenticate(`Bearer ${token}`)
    expect(identity).toEqual({ principal: anonymous, access: [] })
  })

  test('a token is void after its time, and not before', async () => {
    const header = await bearerOf(basic('plain', password))
    accounts.pass(329_000)
    expect(await authenticate(header)).toMatchObject({ name: 'plain' })
    accounts.pass(2000)
    await expect(authenticate(header)).rejects.toThrow('expired')
  })

  test('a changed password is out within a second: old password, tokens, identity tokens', async () => {
    const userId = await accounts.addUser('changing', password)
    const old = basic('changing', password)
    const bearer = await bearerOf(old)
    const identityToken = await issueRefreshToken(accounts, await authenticate(old), 'test')
    expect(await authenticate(bearer)).toMatchObject({ name: 'changing' })
    const passwordHash = await accounts.passwords.hash('another one')
    await accounts.db.write(setPassword, { userId, passwordHash })
    accounts.pass(1000)
    await expect(authenticate(old)).rejects.toMatchObject(refused)
    await expect(authenticate(bearer)).rejects.toThrow('no longer valid: log in again')
    await expect(
      accounts.authenticator.authenticateRefreshToken(identityToken ?? ''),
    ).rejects.toMatchObject(refused)
    expect(await authenticate(basic('changing', 'another one'))).toMatchObject({ id: userId })
  })

  test('a disabled user is out within a second, and hears what a stranger hears', async () => {
    const userId = await accounts.addUser('leaving', password)
    const header = basic('leaving', password)
    const bearer = await bearerOf(header)
    await accounts.db.write(setUserActive, { userId, active: false })
    accounts.pass(1000)
    await expect(authenticate(header)).rejects.toThrow('The user name or the password is wrong.')
    await expect(authenticate(bearer)).rejects.toMatchObject(refused)
    // Who comes back logs in again: the old token stays void.
    await accounts.db.write(setUserActive, { userId, active: true })
    accounts.pass(1000)
    expect(await authenticate(header)).toMatchObject({ id: userId })
    await expect(authenticate(bearer)).rejects.toMatchObject(refused)
  })

  test('an API key is the password of the user api', async () => {
    const { id, key } = await createApiKey(accounts, { type: 'system' }, { displayName: 'ci' })
    for (const name of ['api', 'API']) {
      expect(await authenticate(basic(name, key))).toMatchObject({
        kind: 'key',
        id,
        name: `API key ${id} (ci)`,
      })
    }
    await expect(authenticate(basic('Jörg', key))).rejects.toMatchObject(refused)
    await expect(authenticate(basic('api', password))).rejects.toThrow('The API key is unknown')
    await expect(authenticate(basic('api', ''))).rejects.toMatchObject(refused)
    await expect(authenticate(basic('api', `${key} `))).rejects.toMatchObject(refused)
    await expect(authenticate(basic('api', key.toUpperCase()))).rejects.toMatchObject(refused)
    await expect(authenticate(`Bearer ${key}`)).rejects.toMatchObject(refused)
  })

  test('a revoked key is out within a second, with what was issued for it', async () => {
    const { id, key } = await createApiKey(accounts, { type: 'system' })
    const header = basic('api', key)
    const bearer = await bearerOf(header)
    const identityToken = await issueRefreshToken(accounts, await authenticate(header), 'test')
    expect(await revokeApiKey(accounts, id)).toBe(true)
    accounts.pass(1000)
    await expect(authenticate(header)).rejects.toMatchObject(refused)
    await expect(authenticate(bearer)).rejects.toMatchObject(refused)
    await expect(
      accounts.authenticator.authenticateRefreshToken(identityToken ?? ''),
    ).rejects.toMatchObject(refused)
  })

  test('a key is out when it expires, at once', async () => {
    const { key } = await createApiKey(accounts, { type: 'system' }, { expiresInDays: 1 })
    const identityToken =
      (await issueRefreshToken(accounts, await authenticate(basic('api', key)), '')) ?? ''
    const dayMs = 24 * 60 * 60 * 1000
    // Up to here the test has moved the clock by some minutes.
    accounts.pass(dayMs - 600_000)
    expect(await authenticate(basic('api', key))).toMatchObject({ kind: 'key' })
    expect(await accounts.authenticator.authenticateRefreshToken(identityToken)).toMatchObject({
      kind: 'key',
    })
    accounts.pass(600_000)
    await expect(authenticate(basic('api', key))).rejects.toMatchObject(refused)
    await expect(
      accounts.authenticator.authenticateRefreshToken(identityToken),
    ).rejects.toMatchObject(refused)
  })

  test('an identity token stands for its owner, again and again, until it is revoked', async () => {
    const principal = await authenticate(basic('plain', password))
    const token = (await issueRefreshToken(accounts, principal, 'docker')) ?? ''
    expect(token).toMatch(/^entr_[\w-]{43}$/)
    const { authenticator } = accounts
    for (let i = 0; i < 3; i++) {
      expect(await authenticator.authenticateRefreshToken(token)).toMatchObject({ name: 'plain' })
    }
    for (const wrong of ['', 'forged', `${token}x`, token.slice(0, -1), token.slice(5)]) {
      await expect(authenticator.authenticateRefreshToken(wrong)).rejects.toMatchObject(refused)
    }
    // It is no password and no key.
    await expect(authenticate(basic('plain', token))).rejects.toMatchObject(refused)
    await expect(authenticate(basic('api', token))).rejects.toMatchObject(refused)
    await expect(authenticate(`Bearer ${token}`)).rejects.toMatchObject(refused)
    const stored = await accounts.db.read.selectFrom('refresh_tokens').selectAll().execute()
    expect(JSON.stringify(stored)).not.toContain(token.slice(5))
    expect(await revokeRefreshToken(accounts, token)).toBe(true)
    expect(await revokeRefreshToken(accounts, token)).toBe(false)
    await expect(authenticator.authenticateRefreshToken(token)).rejects.toMatchObject(refused)
  })

  test('Anonymous gets no identity token', async () => {
    const anonymous = await accounts.principals.getAnonymous()
    expect(await issueRefreshToken(accounts, anonymous, 'docker')).toBeNull()
  })

  test('a client may call itself what it likes', async () => {
    const principal = await authenticate(basic('plain', password))
    const token = await issueRefreshToken(accounts, principal, `\0\ud800${'x'.repeat(9999)}`)
    expect(await accounts.authenticator.authenticateRefreshToken(token ?? '')).toBeDefined()
  })
})
