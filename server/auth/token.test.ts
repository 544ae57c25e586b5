import { createHmac } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Principal } from '../domain/permission.ts'
import { rulesFor } from '../domain/rule.ts'
import type { Access } from '../domain/scope.ts'
import { openTokens, type Tokens } from './token.ts'

const key = new Uint8Array(32).fill(1)
const otherKey = new Uint8Array(32).fill(2)
const start = Date.parse('2026-11-01T12:00:00.400Z')
let nowMs = start
const now = () => nowMs
let tokens: Tokens
beforeEach(async () => {
  nowMs = start
  tokens = await openTokens({ key, now })
})

const ann: Principal = {
  kind: 'user',
  id: 7,
  name: 'Ann',
  credentialVersion: 3,
  rules: rulesFor({ userId: 7, groupIds: [], virtualGroups: [] }, []),
  bounds: null,
}
const access: readonly Access[] = [
  { type: 'repository', name: 'main/app', actions: ['pull', 'push'] },
]
const service = 'registry.example.test:8443'
const issue = async () => (await tokens.issue({ principal: ann, service, access })).token

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString())
const sign = (header: unknown, claims: unknown, withKey: Uint8Array, hash = 'sha256') => {
  const input = `${encode(header)}.${encode(claims)}`
  return `${input}.${createHmac(hash, withKey).update(input).digest('base64url')}`
}
const header = { alg: 'HS256', typ: 'JWT' }
const seconds = Math.floor(start / 1000)
const claims = {
  iss: 'entrepot',
  aud: service,
  sub: 'user:7',
  cv: 3,
  access,
  iat: seconds,
  nbf: seconds,
  exp: seconds + 300,
}

test('a token says who asked for it and for what', async () => {
  const issued = await tokens.issue({ principal: ann, service, access })
  expect(issued.issuedAt).toEqual(new Date('2026-11-01T12:00:00Z'))
  expect(issued.expiresInSeconds).toBe(300)
  expect(await tokens.verify(issued.token, service)).toEqual({
    owner: { kind: 'user', id: 7, credentialVersion: 3 },
    service,
    access,
    expiresAt: (seconds + 300) * 1000,
  })
})

test('a token says nothing about rights', async () => {
  const [, payload = ''] = (await issue()).split('.')
  const names = Object.keys(decode(payload)).sort()
  expect(names).toEqual(['access', 'aud', 'cv', 'exp', 'iat', 'iss', 'jti', 'nbf', 'sub'])
})

test.each([
  [{ ...ann, kind: 'anonymous', id: 0 } as const, null],
  [
    { ...ann, kind: 'key', id: 12 } as const,
    { kind: 'key', id: 12, credentialVersion: 3 } as const,
  ],
])('the owner of a token (%#)', async (principal, owner) => {
  const { token } = await tokens.issue({ principal, service, access: [] })
  expect(await tokens.verify(token, service)).toMatchObject({ owner, access: [] })
})

test('every process with the same key accepts it, no other does', async () => {
  const token = await issue()
  const same = await openTokens({ key, now })
  expect((await same.verify(token, service)).owner?.id).toBe(7)
  const other = await openTokens({ key: otherKey, now })
  await expect(other.verify(token, service)).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
})

test('what the tests below forge from would be accepted', async () => {
  expect((await tokens.verify(sign(header, claims, key), service)).owner?.id).toBe(7)
})

const none = `${encode({ alg: 'none', typ: 'JWT' })}.${encode(claims)}.`
const { exp: _, ...withoutExpiry } = claims
test.each([
  ['alg none', none],
  ['alg none in capitals', none.replace(/^[^.]+/, encode({ alg: 'NONE', typ: 'JWT' }))],
  ['alg none with a signature', `${none}${sign(header, claims, key).split('.')[2]}`],
  ['another algorithm', sign({ ...header, alg: 'HS512' }, claims, key, 'sha512')],
  ['another algorithm in name only', sign({ ...header, alg: 'RS256' }, claims, key)],
  ['another key', sign(header, claims, otherKey)],
  ['an empty key', sign(header, claims, new Uint8Array())],
  ['another type', sign({ alg: 'HS256', typ: 'at+jwt' }, claims, key)],
  ['no type', sign({ alg: 'HS256' }, claims, key)],
  ['an unknown critical header', sign({ ...header, crit: ['x'], x: 1 }, claims, key)],
  ['another issuer', sign(header, { ...claims, iss: 'elsewhere' }, key)],
  ['no expiry', sign(header, withoutExpiry, key)],
  ['an expiry that is no number', sign(header, { ...claims, exp: '9999999999' }, key)],
  ['a start in the future', sign(header, { ...claims, nbf: seconds + 60 }, key)],
  ['several services', sign(header, { ...claims, aud: [service, 'x'] }, key)],
  ['another kind of subject', sign(header, { ...claims, sub: 'admin:1' }, key)],
  ['a subject with more', sign(header, { ...claims, sub: 'user:7 ' }, key)],
  ['a negative subject', sign(header, { ...claims, sub: 'user:-7' }, key)],
  ['no credential version', sign(header, { ...claims, cv: undefined }, key)],
  ['a credential version that is a text', sign(header, { ...claims, cv: '3' }, key)],
  ['no access list', sign(header, { ...claims, access: undefined }, key)],
  ['an access list of something else', sign(header, { ...claims, access: [null] }, key)],
  ['an unknown type of access', sign(header, { ...claims, access: [{ type: 'x' }] }, key)],
  ['nothing', ''],
  ['dots', '..'],
  ['garbage', 'garbage'],
  ['two parts', sign(header, claims, key).split('.').slice(0, 2).join('.')],
])('a token with %s is refused', async (_name, token) => {
  await expect(tokens.verify(token, service)).rejects.toMatchObject({
    code: 'UNAUTHORIZED',
    message: 'The token is not valid: ask for a new one.',
  })
})

test('a payload that was changed voids the signature', async () => {
  const [head, payload = '', signature] = (await issue()).split('.')
  const changes = [{ sub: 'user:1' }, { cv: 4 }, { exp: claims.exp + 1 }, { access: [] }]
  for (const change of changes) {
    const changed = encode({ ...decode(payload), ...change })
    const token = `${head}.${changed}.${signature}`
    await expect(tokens.verify(token, service)).rejects.toThrow('not valid')
  }
})

test('any changed character voids a token, also one that is remembered', async () => {
  const token = await issue()
  await tokens.verify(token, service)
  // The last character of a base64 text carries bits that mean nothing.
  for (let at = 0; at < token.length - 1; at++) {
    const changed = `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
    await expect(tokens.verify(changed, service)).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
  }
})

describe.each([
  ['seen for the first time', false],
  ['remembered', true],
])('a token that is %s', (_name, remembered) => {
  let token: string
  beforeEach(async () => {
    token = await issue()
    if (remembered) await tokens.verify(token, service)
  })

  test.each([
    [299, true],
    [300, true],
    [329, true],
    [330, false],
    [331, false],
    [100_000, false],
  ])('%d seconds later: %s', async (later, accepted) => {
    nowMs = (seconds + later) * 1000
    const verified = tokens.verify(token, service)
    if (accepted) expect((await verified).owner?.id).toBe(7)
    else await expect(verified).rejects.toThrow('The token has expired: ask for a new one.')
  })

  test('is for one service', async () => {
    await expect(tokens.verify(token, 'elsewhere.example.test')).rejects.toThrow(
      'The token was issued for "registry.example.test:8443", but this is "elsewhere.example.test"',
    )
    expect((await tokens.verify(token, null)).service).toBe(service)
  })
})

test('a clock that is a little behind accepts it, one that is far behind does not', async () => {
  const token = await issue()
  nowMs = start - 29_000
  expect((await (await openTokens({ key, now })).verify(token, service)).owner?.id).toBe(7)
  nowMs = start - 40_000
  await expect((await openTokens({ key, now })).verify(token, service)).rejects.toThrow('not valid')
})

test('a token with all the scopes that it may have fits into a header', async () => {
  const name = `main/${'a'.repeat(120)}`
  const actions = ['pull', 'push', 'delete'] as const
  const long = Array.from({ length: 32 }, (_v, at) => ({
    type: 'repository' as const,
    name: `${name}${at}`,
    actions,
  }))
  const { token } = await tokens.issue({ principal: ann, service, access: long })
  expect(token.length).toBeLessThan(14 * 1024)
})
