import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { askApi, cookieOf, pageHeaders } from '../support/api-call.ts'
import { addPerson, adminOf, logIn, type Person, untilRulesAreNew } from '../support/people.ts'
import { startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let ann: Person
let bob: Person
beforeAll(async () => {
  server = await startServer()
  ann = await addPerson(server, 'ann')
  bob = await addPerson(server, 'bob')
  await untilRulesAreNew()
})
afterAll(() => server[Symbol.asyncDispose]())

const name = 'entrepot-session'
const whoami = async (cookie: string) => {
  const answer = await askApi(server.url, {
    target: '/api/sessions/whoami',
    headers: { cookie },
  })
  return answer.status === 200 ? (answer.body as { name: string }).name : answer.status
}
const post = (target: string, cookie: string) =>
  askApi(server.url, { method: 'POST', target, headers: pageHeaders(server.url, cookie) })

const planted: readonly (readonly [what: string, cookie: () => Promise<string> | string])[] = [
  ['a secret of the right form', () => `${name}=ents_${'A'.repeat(43)}`],
  ['a text', () => `${name}=fixed`],
  ['an empty text', () => `${name}=`],
  ['the session of the attacker', () => logIn(server, bob)],
  ['two cookies', () => `${name}=ents_${'A'.repeat(43)}; ${name}=ents_${'B'.repeat(43)}`],
  ['a cookie of the name over HTTPS', () => `__Host-entrepot=ents_${'A'.repeat(43)}`],
]

test.for(planted)(
  'a cookie that was there before the login (%s) is not the session after it',
  async ([, make]) => {
    const before = await make()
    const after = await logIn(server, ann, { cookie: before })
    const [, secret = ''] = after.split('=')
    expect(secret).toMatch(/^ents_[\w-]{43}$/)
    expect(before).not.toContain(secret)
    expect(await whoami(after)).toBe('ann')
    // What the attacker knows leads to nobody, and never to ann.
    expect([401, 'Anonymous']).toContain(await whoami(before))
  },
)

test('every login has a secret of its own, also at the same moment', async () => {
  const cookies = await Promise.all(Array.from({ length: 5 }, () => logIn(server, ann)))
  expect(new Set(cookies).size).toBe(5)
  for (const cookie of cookies) expect(await whoami(cookie)).toBe('ann')
})

test('a login in the browser ends the session that it had: a stolen one of it is dead too', async () => {
  const stolen = await logIn(server, ann)
  const mine = await logIn(server, ann, { cookie: stolen })
  expect([await whoami(stolen), await whoami(mine)]).toEqual([401, 'ann'])
})

test('a failed login neither begins a session nor ends the one there is', async () => {
  const mine = await logIn(server, ann)
  const answer = await askApi(server.url, {
    target: '/api/sessions/login',
    headers: { cookie: mine },
    json: { userName: 'ann', password: 'wrong password' },
  })
  expect(answer.status).toBe(401)
  expect(cookieOf(answer)).toBe('')
  expect(await whoami(mine)).toBe('ann')
})

describe('a stolen cookie', () => {
  test('is refused after the logout', async () => {
    const stolen = await logIn(server, ann)
    expect((await post('/api/sessions/logout', stolen)).status).toBe(200)
    expect(await whoami(stolen)).toBe(401)
    // Again and again.
    expect((await post('/api/sessions/logout', stolen)).status).toBe(200)
    expect(await whoami(stolen)).toBe(401)
  })

  test('is refused after the user signed out everywhere, from another browser', async () => {
    const stolen = await logIn(server, ann)
    const mine = await logIn(server, ann)
    expect((await post('/api/sessions/logout-everywhere', mine)).status).toBe(200)
    await untilRulesAreNew()
    expect([await whoami(stolen), await whoami(mine)]).toEqual([401, 401])
  })

  test('is refused once the user ended that session', async () => {
    const stolen = await askApi(server.url, {
      target: '/api/sessions/login',
      json: { userName: 'ann', password: ann.password },
    })
    const { session } = stolen.body as { session: { id: number } }
    const mine = await logIn(server, ann)
    expect((await post(`/api/sessions/delete?id=${session.id}`, mine)).status).toBe(200)
    expect([await whoami(cookieOf(stolen)), await whoami(mine)]).toEqual([401, 'ann'])
  })

  test('is refused after a new password, and after the user was disabled', async () => {
    for (const change of [{ password: 'another long password' }, { active: false }]) {
      const user = await addPerson(server, `user${Object.keys(change)[0]}`)
      const stolen = await logIn(server, user)
      expect(await whoami(stolen)).toBe(user.name)
      await call(adminOf(server), api.securityUsers.update, {
        body: { name: user.name, ...change },
      })
      await untilRulesAreNew()
      expect(await whoami(stolen)).toBe(401)
    }
  })

  test('does not end, list or outlive the sessions of somebody else', async () => {
    const theirs = await askApi(server.url, {
      target: '/api/sessions/login',
      json: { userName: 'bob', password: bob.password },
    })
    const { session } = theirs.body as { session: { id: number } }
    const stolen = await logIn(server, ann)
    expect((await post(`/api/sessions/delete?id=${session.id}`, stolen)).status).toBe(200)
    await post('/api/sessions/logout-everywhere', stolen)
    expect(await whoami(cookieOf(theirs))).toBe('bob')
    await untilRulesAreNew()
  })
})

describe('the secret of a session', () => {
  const tampered: readonly (readonly [what: string, change: (secret: string) => string])[] = [
    ['in capitals', (secret) => secret.toUpperCase()],
    ['cut by one', (secret) => secret.slice(0, -1)],
    ['longer by one', (secret) => `${secret}A`],
    ['without its prefix', (secret) => secret.slice(5)],
    ['as a key', (secret) => secret.replace('ents_', 'ent_')],
    ['as an identity token', (secret) => secret.replace('ents_', 'entr_')],
    ['in quotes', (secret) => `"${secret}"`],
    ['encoded', (secret) => encodeURIComponent(secret).replace('_', '%5F')],
    ['of a neighbour', (secret) => secret.slice(0, -1) + (secret.endsWith('A') ? 'B' : 'A')],
    ['with SQL', () => "ents_' or '1'='1"],
    ['with a wildcard', () => 'ents_%'],
  ]
  test.for(tampered)('is good as it is only, not %s', async ([, change]) => {
    const cookie = await logIn(server, ann)
    const [, secret = ''] = cookie.split('=')
    expect(await whoami(`${name}=${change(secret)}`)).toBe(401)
    expect(await whoami(cookie)).toBe('ann')
  })

  test('is good under its own name only', async () => {
    const [, secret = ''] = (await logIn(server, ann)).split('=')
    for (const other of [
      'session',
      'Entrepot-Session',
      '__Host-entrepot',
      ` x${name}`,
      'entrepot',
    ]) {
      expect(await whoami(`${other}=${secret}`), other).toBe('Anonymous')
    }
  })

  test('is in no answer, list or audit entry, and neither is its hash', async () => {
    const cookie = await logIn(server, ann)
    const [, secret = ''] = cookie.split('=')
    const seen = await Promise.all([
      askApi(server.url, { target: '/api/sessions/whoami', headers: { cookie } }),
      askApi(server.url, { target: '/api/sessions/list', headers: { cookie } }),
      askApi(server.url, { target: '/api/audit/list', headers: { authorization: server.admin } }),
      askApi(server.url, {
        target: '/api/security/export',
        headers: { authorization: server.admin },
      }),
    ])
    expect(JSON.stringify(seen.map(({ body }) => body))).not.toContain(secret.slice(5))
  })

  test('is for pages of no other kind: not for scripts, not for other sites, not over plain HTTP', async () => {
    const answer = await askApi(server.url, {
      target: '/api/sessions/login',
      json: { userName: 'ann', password: ann.password },
    })
    expect(answer.headers['set-cookie']).toMatch(
      /^entrepot-session=ents_[\w-]{43}; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax$/,
    )
    expect(answer.headers['cache-control']).toBe('no-store')
    await using secure = await startServer({ baseUrl: 'https://registry.example.test' })
    const overHttps = await askApi(secure.url, {
      target: '/api/sessions/login',
      json: { userName: 'Admin', password: secure.adminPassword },
    })
    expect(overHttps.headers['set-cookie']).toMatch(
      /^__Host-entrepot=ents_[\w-]{43}; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax; Secure$/,
    )
  })
})
