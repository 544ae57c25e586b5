import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ApiRequest, askApi, cookieOf, pageHeaders } from '../support/api-call.ts'
import { startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let cookie: string
beforeAll(async () => {
  server = await startServer()
  cookie = cookieOf(
    await askApi(server.url, {
      target: '/api/sessions/login',
      json: { userName: 'Admin', password: server.adminPassword },
    }),
  )
})
afterAll(() => server[Symbol.asyncDispose]())

let count = 0
/** A change that would succeed if it were let in. */
async function addGroup(headers: Readonly<Record<string, string>>) {
  count += 1
  return await askApi(server.url, {
    target: '/api/security/groups/add',
    headers,
    json: { name: `group${count}` },
  })
}

const own = 'entrepot'
const attempts: readonly (readonly [
  what: string,
  headers: (url: string) => Readonly<Record<string, string>>,
  status: number,
])[] = [
  ['a page of this server, by Origin', (url) => ({ origin: url, 'x-requested-with': own }), 200],
  [
    '… by Fetch Metadata',
    () => ({ 'sec-fetch-site': 'same-origin', 'x-requested-with': own }),
    200,
  ],
  ['… without the header of its own', (url) => ({ origin: url }), 403],
  [
    '… with another value of it',
    (url) => ({ origin: url, 'x-requested-with': 'XMLHttpRequest' }),
    403,
  ],
  ['the header alone', () => ({ 'x-requested-with': own }), 403],
  ['another site', () => ({ origin: 'https://evil.example', 'x-requested-with': own }), 403],
  [
    'a site that looks alike',
    (url) => ({ origin: `${url}.evil.example`, 'x-requested-with': own }),
    403,
  ],
  ['no origin that can be told', () => ({ origin: 'null', 'x-requested-with': own }), 403],
  [
    'a neighbour of the same site',
    (url) => ({ origin: url, 'sec-fetch-site': 'same-site', 'x-requested-with': own }),
    403,
  ],
  [
    'another site whose Origin was forged',
    (url) => ({ origin: url, 'sec-fetch-site': 'cross-site', 'x-requested-with': own }),
    403,
  ],
]

test.for(attempts)('with the cookie alone, a change by %s', async ([, headers, status]) => {
  const answer = await addGroup({ cookie, ...headers(server.url) })
  expect(answer.status).toBe(status)
  if (status === 403) expect(answer.body).toMatchObject({ code: 'DENIED' })
})

test('reading with the cookie needs no more than it', async () => {
  const answer = await askApi(server.url, {
    target: '/api/security/groups/list',
    headers: { cookie, 'sec-fetch-site': 'cross-site' },
  })
  expect(answer.status).toBe(200)
  // Another site's page cannot see what came: nothing allows it to.
  expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual(
    [],
  )
})

test('credentials that were sent on purpose win over the cookie, right or wrong', async () => {
  expect((await addGroup({ cookie, authorization: server.admin })).status).toBe(200)
  const wrong = await addGroup({ ...pageHeaders(server.url, cookie), 'x-apikey': 'ent_wrong' })
  expect(wrong.status).toBe(401)
})

const login = (request: Partial<ApiRequest>) =>
  askApi(server.url, {
    target: '/api/sessions/login',
    json: { userName: 'Admin', password: server.adminPassword },
    ...request,
  })

test('no other site logs a browser in, or out', async () => {
  const foreign = { origin: 'https://evil.example' }
  expect((await login({ headers: foreign })).status).toBe(403)
  expect((await login({ headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(403)
  const out = await askApi(server.url, {
    method: 'POST',
    target: '/api/sessions/logout',
    headers: { cookie, ...foreign },
  })
  expect(out.status).toBe(403)
  const still = await askApi(server.url, { target: '/api/sessions/whoami', headers: { cookie } })
  expect(still.status).toBe(200)
})

test('a form cannot log in', async () => {
  const form = { userName: 'Admin', password: server.adminPassword }
  const answer = await askApi(server.url, { target: '/api/sessions/login', form })
  expect(answer.status).toBe(400)
  expect(answer.headers['set-cookie']).toBeUndefined()
})

test('a preflight of another site is answered with no permission', async () => {
  const answer = await fetch(`${server.url}/api/security/groups/add`, {
    method: 'OPTIONS',
    headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
  })
  expect(answer.headers.get('access-control-allow-origin')).toBeNull()
  expect(answer.ok).toBe(false)
})

test('over HTTPS the cookie is one that neighbours cannot set', async () => {
  await using behindProxy = await startServer({ trustProxy: ['127.0.0.1'] })
  const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'registry.example.test' }
  const answer = await askApi(behindProxy.url, {
    target: '/api/sessions/login',
    headers: { ...headers, origin: 'https://registry.example.test' },
    json: { userName: 'Admin', password: behindProxy.adminPassword },
  })
  expect(answer.headers['set-cookie']).toMatch(
    /^__Host-entrepot=ents_[\w-]{43}; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax; Secure$/,
  )
  const [, secret = ''] = cookieOf(answer).split('=')
  const whoami = async (cookie: string) =>
    (
      await askApi(behindProxy.url, {
        target: '/api/sessions/whoami',
        headers: { ...headers, cookie },
      })
    ).body
  expect(await whoami(cookieOf(answer))).toMatchObject({ name: 'Admin' })
  expect(await whoami(`entrepot-session=${secret}`)).toMatchObject({ name: 'Anonymous' })
})

test('a page is not asked for a password by the browser itself', async () => {
  const answer = await askApi(server.url, {
    target: '/api/security/groups/list',
    headers: { 'x-requested-with': own },
  })
  expect(answer.status).toBe(401)
  expect(answer.headers['www-authenticate']).not.toContain('Basic')
})
