import { createHmac, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { openTokens } from '../../server/auth/token.ts'
import { askApi, pageHeaders } from '../support/api-call.ts'
import { image } from '../support/content.ts'
import {
  addPerson,
  addPersonalKey,
  adminOf,
  identityTokenOf,
  logIn,
  type Person,
  statusOf,
  tasks,
  tokenFor,
  untilRulesAreNew,
} from '../support/people.ts'
import { pushImage } from '../support/push.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { basic, exchangeRaw, type RequestHeaders, send } from '../support/wire.ts'

const target = '/v2/main/app/manifests/v1'
const scope = 'repository:main/app:pull'
let server: TestServer
/** Another server with its own data folder, of the same users, registries and passwords. */
let other: TestServer
let ann: Person
let token: string
beforeAll(async () => {
  server = await startServer()
  other = await startServer()
  for (const each of [server, other]) {
    const table = { url: each.url, callers: { admin: each.admin } }
    await pushImage(table, 'main/app', image('tokens'), ['v1'])
    ann = await addPerson(each, 'ann', { task: tasks.publish, feed: 'main' })
  }
  await untilRulesAreNew()
  token = (await tokenFor(server, ann.authorization, scope)).slice(7)
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await other[Symbol.asyncDispose]()
})

type Json = Readonly<Record<string, unknown>>

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const decode = (part = '') =>
  JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Record<string, unknown>
const parts = () => token.split('.') as [string, string, string]
const header = () => decode(parts()[0])
const payload = () => decode(parts()[1])
const hmac = (text: string, key: string | Uint8Array) =>
  createHmac('sha256', key).update(text).digest('base64url')

/** A token with another head, body or signature; those of the real one where nothing is said. */
function forged(head: Json, body: Json = payload(), signature?: (text: string) => string): string {
  const text = `${encode(head)}.${encode(body)}`
  return `${text}.${signature?.(text) ?? parts()[2]}`
}

const status = (headers: RequestHeaders, of = target) => statusOf(server, of, headers)
const bearer = (text: string) => status({ authorization: `Bearer ${text}` })

test('the real token is taken: the attempts differ from it by what they say', async () => {
  expect(await bearer(token)).toBe(200)
  expect(forged(header())).toBe(token)
})

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
const rsa = (text: string) =>
  sign(
    'sha256',
    Buffer.from(text),
    createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  ).toString('base64url')

const headers: readonly (readonly [what: string, make: () => string])[] = [
  ['alg=none', () => forged({ alg: 'none', typ: 'JWT' }, payload(), () => '')],
  ['alg=None', () => forged({ alg: 'None', typ: 'JWT' }, payload(), () => '')],
  ['alg=NONE and the signature of the real one', () => forged({ alg: 'NONE', typ: 'JWT' })],
  ['alg=none without its last dot', () => `${encode({ alg: 'none' })}.${parts()[1]}`],
  ['no alg', () => forged({ typ: 'JWT' })],
  ['alg as a list', () => forged({ ...header(), alg: ['none', 'HS256'] })],
  ['alg=HS384 with the signature of the real one', () => forged({ ...header(), alg: 'HS384' })],
  [
    'alg=RS256 signed by a key of its own',
    () => forged({ ...header(), alg: 'RS256' }, payload(), rsa),
  ],
  ['HS256 signed with a public key', () => forged(header(), payload(), (text) => hmac(text, pem))],
  ...['', 'secret', 'entrepot', 'entrepot token-signing', 'HS256', '\0'.repeat(32)].map(
    (key) =>
      [
        `HS256 signed with the guessed key ${JSON.stringify(key.slice(0, 24))}`,
        () => forged(header(), payload(), (text) => hmac(text, key)),
      ] as const,
  ),
  [
    'a jwk that signs it',
    () =>
      forged(
        { ...header(), alg: 'RS256', jwk: publicKey.export({ format: 'jwk' }) },
        payload(),
        rsa,
      ),
  ],
  [
    'a jwk of an HMAC key',
    () =>
      forged({ ...header(), jwk: { kty: 'oct', k: encode('x') } }, payload(), (text) =>
        hmac(text, encode('x')),
      ),
  ],
  ['a jku', () => forged({ ...header(), jku: 'http://127.0.0.1:1/keys' })],
  ['an x5u', () => forged({ ...header(), x5u: 'http://127.0.0.1:1/key' })],
  [
    'another kid',
    () => forged({ ...header(), kid: '../../../../dev/null' }, payload(), (text) => hmac(text, '')),
  ],
  [
    'a kid with SQL',
    () =>
      forged({ ...header(), kid: "x' union select 'secret" }, payload(), (text) =>
        hmac(text, 'secret'),
      ),
  ],
  ['crit', () => forged({ ...header(), crit: ['exp'] })],
  ['b64=false', () => forged({ ...header(), b64: false, crit: ['b64'] })],
  ['another typ', () => forged({ ...header(), typ: 'at+jwt' })],
  ['an encrypted form', () => forged({ alg: 'dir', enc: 'A256GCM' })],
  ['five parts', () => `${token}.x.y`],
  ['two parts', () => token.split('.').slice(0, 2).join('.')],
  ['no signature', () => forged(header(), payload(), () => '')],
  ['a signature cut by one character', () => token.slice(0, -1)],
  ['a signature with a character more', () => `${token}A`],
  [
    'the real head and signature around another body',
    () => forged(header(), { ...payload(), sub: 'user:1' }),
  ],
  [
    'a body with more access',
    () =>
      forged(header(), {
        ...payload(),
        access: [{ type: 'repository', name: 'main/app', actions: ['*'] }],
      }),
  ],
  ['a body with a later end', () => forged(header(), { ...payload(), exp: 9_999_999_999 })],
  [
    'a body that names the administrator first',
    () => {
      const body = JSON.stringify(payload()).replace('{', '{"sub":"user:1",')
      return `${parts()[0]}.${Buffer.from(body).toString('base64url')}.${parts()[2]}`
    },
  ],
  ['nothing but dots', () => '..'],
  ['JSON instead', () => Buffer.from('{"sub":"user:1"}').toString('base64')],
]

test.for(headers)('a token with %s is refused', async ([, make]) => {
  expect(make()).not.toBe(token)
  expect(await bearer(make())).toBe(401)
  // The answer to the real one is not remembered for this one, nor the other way round.
  expect(await bearer(token)).toBe(200)
})

test('the same signature, written with padding, is the same token and no more than that', async () => {
  expect(await bearer(`${token}=`)).toBe(200)
  const push = { authorization: `Bearer ${token}=` }
  const uploads = '/v2/main/app/blobs/uploads/'
  const answer = await send(server.url, { method: 'POST', target: uploads, headers: push })
  expect(answer.status).toBe(401)
  expect(answer.headers['www-authenticate']).toContain('insufficient_scope')
})

describe('a token that is signed rightly, by the same code with a key that is known', () => {
  const key = new Uint8Array(32).fill(9)
  const service = 'registry.example'
  const body = () => ({ ...payload(), aud: service })
  const verify = async (change: Json, head: Json = header(), now = Date.now()) => {
    const tokens = await openTokens({ key, now: () => now })
    return await tokens.verify(
      forged(head, { ...body(), ...change }, (text) => hmac(text, key)),
      service,
    )
  }
  const minute = 60
  const at = (seconds: number) => Math.floor(Date.now() / 1000) + seconds

  test('is taken as it is', async () => {
    expect(await verify({})).toMatchObject({ service })
  })

  test.for([
    ['has expired', { exp: at(-31) }],
    ['is not good yet', { nbf: at(minute) }],
    ['has no end', { exp: undefined }],
    ['has no beginning', { nbf: undefined, iat: undefined }],
    ['has a text for its end', { exp: '9999999999' }],
    ['is for another audience', { aud: 'other.example' }],
    ['is for several audiences', { aud: [service, 'other.example'] }],
    ['is for none', { aud: undefined }],
    ['is of another issuer', { iss: 'evil' }],
    ['is of none', { iss: undefined }],
    ['is of several issuers', { iss: ['entrepot', 'evil'] }],
    ['is for nobody', { sub: undefined }],
    ['is for a user by name', { sub: 'user:Admin' }],
    ['is for a group', { sub: 'group:1' }],
    ['is for a number with a sign', { sub: 'user:-1' }],
    ['is for two', { sub: 'user:1\nuser:2' }],
    ['has no version of the credentials', { cv: undefined }],
    ['has half a version', { cv: 1.5 }],
    ['has a text for its version', { cv: '1' }],
    ['has no access list', { access: undefined }],
    ['has an access list that is none', { access: 'repository:main/app:*' }],
    ['has an entry of another type', { access: [{ type: '*', name: 'main/app', actions: ['*'] }] }],
    [
      'has an entry whose actions are a text',
      { access: [{ type: 'repository', name: 'main/app', actions: '*' }] },
    ],
  ] as const)('is refused where it %s', async ([, change]) => {
    await expect(verify(change)).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
  })

  test.for([{ crit: ['exp'] }, { b64: false, crit: ['b64'] }, { typ: 'at+jwt' }, { alg: 'HS512' }])(
    'is refused with the head %o',
    async (head) => {
      await expect(verify({}, { ...header(), ...head })).rejects.toMatchObject({
        code: 'UNAUTHORIZED',
      })
    },
  )
})

describe('what another Entrepot server issued', () => {
  test.for([
    [
      'a token, under the name of this server',
      async () => {
        // The token endpoint issues for the host that it is asked by: this one's.
        const { host } = new URL(server.url)
        const answer = await send(other.url, {
          method: 'GET',
          target: `/v2/_auth?service=${host}&scope=${scope}`,
          headers: { host, authorization: ann.authorization },
        })
        const issued = (JSON.parse(answer.body.toString('utf8')) as { token: string }).token
        expect(decode(issued.split('.')[1])).toMatchObject({ aud: host, sub: payload().sub })
        return { authorization: `Bearer ${issued}` }
      },
    ],
    [
      'an identity token',
      async () => ({
        authorization: `Bearer ${await identityTokenOf(other, ann.authorization)}`,
      }),
    ],
    [
      'an API key',
      async () => ({
        authorization: basic('api', (await other.createKey(null)).key),
      }),
    ],
    [
      'an API key of the user',
      async () => ({
        authorization: basic('api', (await addPersonalKey(other, ann)).key),
      }),
    ],
  ] as const)('is refused: %s', async ([, credentials]) => {
    expect(await status(await credentials())).toBe(401)
  })

  test('is refused: an identity token, at the token endpoint', async () => {
    const theirs = await identityTokenOf(other, ann.authorization)
    expect(await refresh(theirs)).toBe(401)
    expect(await refresh(await identityTokenOf(server, ann.authorization))).toBe(200)
  })

  test('is refused: the cookie of a session', async () => {
    const cookie = await logIn(other, ann)
    expect(await status({ cookie }, '/api/sessions/whoami')).toBe(401)
    const own = await logIn(server, ann)
    expect(await status({ cookie: own }, '/api/sessions/whoami')).toBe(200)
  })
})

async function refresh(text: string, more = ''): Promise<number> {
  const answer = await send(server.url, {
    method: 'POST',
    target: '/v2/_auth',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: `grant_type=refresh_token&service=x&client_id=x&refresh_token=${encodeURIComponent(text)}${more}`,
  })
  return answer.status
}

describe('a secret in the place of another', () => {
  const makers = {
    token: () => token,
    identity: () => identityTokenOf(server, ann.authorization),
    key: async () => (await addPersonalKey(server, ann)).key,
    session: async () => (await logIn(server, ann)).split('=')[1] ?? '',
  }
  type Kind = keyof typeof makers
  const whoami = '/api/sessions/whoami'
  /** Each place where a secret can stand, and the one that belongs there. */
  const places: readonly (readonly [
    where: string,
    right: Kind | null,
    use: (secret: string) => Promise<number>,
  ])[] = [
    ['Bearer', 'token', (secret) => bearer(secret)],
    ['Bearer of the API', null, (secret) => status({ authorization: `Bearer ${secret}` }, whoami)],
    ['Basic api', 'key', (secret) => status({ authorization: basic('api', secret) })],
    ...['ann', 'Admin', 'token', ''].map(
      (user) =>
        [
          `Basic "${user}"`,
          null,
          (secret: string) => status({ authorization: basic(user, secret) }),
        ] as const,
    ),
    ['X-ApiKey', 'key', (secret) => status({ 'x-apikey': secret }, whoami)],
    ['the cookie', 'session', (secret) => status({ cookie: `entrepot-session=${secret}` }, whoami)],
    ['refresh_token', 'identity', (secret) => refresh(secret)],
  ]
  test.for(places)('%s takes %s, and nothing else', async ([, right, use]) => {
    for (const kind of Object.keys(makers) as Kind[]) {
      expect(await use(await makers[kind]()), kind).toBe(kind === right ? 200 : 401)
    }
  })

  test('a token does not buy another one, wider or longer', async () => {
    for (const method of ['GET', 'POST']) {
      const answer = await send(server.url, {
        method,
        target: `/v2/_auth?scope=${scope}&offline_token=true`,
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/x-www-form-urlencoded',
        },
        ...(method === 'POST' && { body: `grant_type=refresh_token&refresh_token=${token}` }),
      })
      expect(answer.status).toBe(401)
    }
  })

  test.for<readonly [what: string, headers: () => RequestHeaders, of?: () => string]>([
    ['X-Auth-Token', () => ({ 'x-auth-token': token })],
    ['Proxy-Authorization', () => ({ 'proxy-authorization': `Bearer ${token}` })],
    ['X-Registry-Auth', () => ({ 'x-registry-auth': token })],
    ['a cookie', () => ({ cookie: `token=${token}; entrepot-session=${token}` })],
    ['the address', () => ({}), () => `${target}?access_token=${token}&token=${token}`],
    ['the scheme Token', () => ({ authorization: `Token ${token}` })],
    ['the scheme JWT', () => ({ authorization: `JWT ${token}` })],
    ['the scheme Basic', () => ({ authorization: `Basic ${token}` })],
    ['the scheme Negotiate', () => ({ authorization: `Negotiate ${token}` })],
    ['no scheme', () => ({ authorization: token })],
    ['two schemes', () => ({ authorization: `Bearer Bearer ${token}` })],
    ['two tokens', () => ({ authorization: `Bearer ${token},${token}` })],
    ['two tokens with a space', () => ({ authorization: `Bearer ${token} ${token}` })],
    ['quotes', () => ({ authorization: `Bearer "${token}"` })],
    ['a scheme with parameters', () => ({ authorization: `Bearer token="${token}"` })],
  ])('a token in %s is refused', async ([, sent, of]) => {
    expect(await status(sent(), of?.() ?? target)).toBe(401)
  })

  test('of two Authorization headers, no mix is taken', async () => {
    const lines = (one: string, two: string) =>
      exchangeRaw(
        server.url,
        `GET ${target} HTTP/1.1\r\nHost: ${new URL(server.url).host}\r\n` +
          `Authorization: ${one}\r\nAuthorization: ${two}\r\nConnection: close\r\n\r\n`,
      )
    expect(await lines('Bearer x', `Bearer ${token}`)).toMatch(/^HTTP\/1\.1 40[01] /)
    expect(await lines(basic('ann', 'wrong'), ann.authorization)).toMatch(/^HTTP\/1\.1 40[01] /)
  })
})

test.for([1000, 8000, 16_000, 30_000])(
  'a token of %i characters is refused, and so is one cut out of it',
  async (length) => {
    const long = `${token}${'A'.repeat(length)}`
    expect(await bearer(long)).toBe(401)
    expect(await bearer(`${'A'.repeat(length)}.${token}`)).toBe(401)
    expect(await refresh(`entr_${'A'.repeat(length)}`)).toBe(401)
  },
)

test('a header beyond what the server reads is refused before anybody looks at it', async () => {
  const authorization = `Bearer ${token}${'A'.repeat(40_000)}`
  const answer = await exchangeRaw(
    server.url,
    `GET ${target} HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\n\r\n`,
  )
  expect(answer).toMatch(/^HTTP\/1\.1 431 /)
})

describe('a good token, identity token, session and key, after', () => {
  let count = 0
  /** All that a user can hold. */
  const equip = async () => {
    count += 1
    const user = await addPerson(server, `leaver${count}`, { task: tasks.publish, feed: 'main' })
    await untilRulesAreNew()
    const { key, id } = await addPersonalKey(server, user)
    const held = {
      token: await tokenFor(server, user.authorization, scope),
      keyToken: await tokenFor(server, basic('api', key), scope),
      identity: await identityTokenOf(server, user.authorization),
      keyIdentity: await identityTokenOf(server, basic('api', key)),
      cookie: await logIn(server, user),
      key,
    }
    return { user, held, keyId: id }
  }
  type Held = Awaited<ReturnType<typeof equip>>['held']
  const statuses = async ({ token: own, keyToken, identity, keyIdentity, cookie, key }: Held) => ({
    token: await status({ authorization: own }),
    keyToken: await status({ authorization: keyToken }),
    identity: await refresh(identity),
    keyIdentity: await refresh(keyIdentity),
    cookie: await status({ cookie }, '/api/sessions/whoami'),
    key: await status({ 'x-apikey': key }, '/api/sessions/whoami'),
  })
  const all = (value: number) => ({
    ...{ token: value, keyToken: value, identity: value },
    ...{ keyIdentity: value, cookie: value, key: value },
  })
  const update = (name: string, changes: object) =>
    call(adminOf(server), api.securityUsers.update, { body: { name, ...changes } })

  test('the user was disabled: all of it is refused within a second', async () => {
    const { user, held } = await equip()
    expect(await statuses(held)).toEqual(all(200))
    await update(user.name, { active: false })
    await untilRulesAreNew()
    expect(await statuses(held)).toEqual(all(401))
    expect(await status({ authorization: user.authorization })).toBe(401)
  })

  test('the user was disabled and enabled again: what was issued before stays dead', async () => {
    const { user, held } = await equip()
    await update(user.name, { active: false })
    await update(user.name, { active: true })
    await untilRulesAreNew()
    const { token: own, identity, cookie } = await statuses(held)
    expect([own, identity, cookie]).toEqual([401, 401, 401])
  })

  test('the password was changed: all but the keys is refused', async () => {
    const { user, held } = await equip()
    await update(user.name, { password: 'another long password' })
    await untilRulesAreNew()
    const own = { token: 401, identity: 401, cookie: 401 }
    expect(await statuses(held)).toEqual({ ...all(200), ...own })
    expect(await status({ authorization: user.authorization })).toBe(401)
  })

  test('the user signed out everywhere: all but the keys is refused', async () => {
    const { held } = await equip()
    const out = await askApi(server.url, {
      method: 'POST',
      target: '/api/sessions/logout-everywhere',
      headers: pageHeaders(server.url, held.cookie),
    })
    expect(out.status).toBe(200)
    await untilRulesAreNew()
    const own = { token: 401, identity: 401, cookie: 401 }
    expect(await statuses(held)).toEqual({ ...all(200), ...own })
  })

  test.for(['deleted', 'disabled', 'rotated'])(
    'the key was %s: what came from it is refused',
    async (how) => {
      const { held, keyId } = await equip()
      const query = { id: String(keyId) }
      if (how === 'deleted') await call(adminOf(server), api.apiKeys.delete, { query })
      if (how === 'rotated') {
        await call(adminOf(server), api.apiKeys.rotate, { query: { ...query, overlapHours: '0' } })
      }
      if (how === 'disabled') {
        await call(adminOf(server), api.apiKeys.update, { query, body: { enabled: false } })
      }
      await untilRulesAreNew()
      const ofKey = { keyToken: 401, keyIdentity: 401, key: 401 }
      expect(await statuses(held)).toEqual({ ...all(200), ...ofKey })
    },
  )

  test('the right was withdrawn: the token is good, and opens nothing any more', async () => {
    const { user, held } = await equip()
    const admin = adminOf(server)
    const rules = await call(admin, api.securityPermissions.list, { query: { count: '1000' } })
    const rule = rules.find((each) => each.user === user.name)
    await call(admin, api.securityPermissions.delete, { query: { permissionId: String(rule?.id) } })
    await untilRulesAreNew()
    const closed = { token: 404, keyToken: 404 }
    expect(await statuses(held)).toEqual({ ...all(200), ...closed })
  })

  test('an upload that began before is not ended by who lost the right', async () => {
    const { user } = await equip()
    const push = await tokenFor(server, user.authorization, 'repository:main/up:pull,push')
    const authorization = { authorization: push }
    const begun = await send(server.url, {
      method: 'POST',
      target: '/v2/main/up/blobs/uploads/',
      headers: authorization,
    })
    expect(begun.status).toBe(202)
    await update(user.name, { active: false })
    await sleep(1100)
    for (const method of ['PATCH', 'PUT', 'GET', 'DELETE']) {
      const answer = await send(server.url, {
        method,
        target: begun.headers.location ?? '',
        headers: authorization,
        ...(method.startsWith('P') && { body: 'x' }),
      })
      expect(answer.status, method).toBe(401)
    }
  })
})
