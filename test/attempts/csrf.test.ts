import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import type { Route } from '../../contract/route.ts'
import { askApi, cookieOf, pageHeaders } from '../support/api-call.ts'
import { digestOf } from '../support/content.ts'
import {
  addPerson,
  adminOf,
  logIn,
  type Person,
  tasks,
  untilRulesAreNew,
} from '../support/people.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { type Answer, send } from '../support/wire.ts'

const evil = 'https://evil.example'
let server: TestServer
let ann: Person
let cookie: string
beforeAll(async () => {
  server = await startServer()
  ann = await addPerson(server, 'ann', { task: tasks.administer })
  await untilRulesAreNew()
  cookie = await logIn(server, ann)
})
afterAll(() => server[Symbol.asyncDispose]())

type Headers = Readonly<Record<string, string>>

/** How a request of another site's page can look, with the cookie that the browser adds. */
const foreign: readonly (readonly [what: string, headers: (url: string) => Headers])[] = [
  ['a page of another site', () => ({ origin: evil, 'sec-fetch-site': 'cross-site' })],
  ['a browser without Fetch Metadata', () => ({ origin: evil })],
  ['a page whose origin is kept secret (null)', () => ({ origin: 'null' })],
  ['a browser that says nothing at all', () => ({})],
  ['a neighbour of the same site', () => ({ 'sec-fetch-site': 'same-site' })],
  ['the same host on another port', () => ({ origin: 'http://127.0.0.1:1' })],
  ['a name that begins like ours', (url) => ({ origin: `${url}.evil.example` })],
  ['a name that ends like ours', (url) => ({ origin: url.replace('//', '//evil.') })],
  ['our address as the user of another', (url) => ({ origin: `${url}@evil.example` })],
  ['two origins in one header', (url) => ({ origin: `${url}, ${evil}` })],
  ['our origin, without the header of our pages', (url) => ({ origin: url })],
  [
    'our origin forged beside Fetch Metadata that says otherwise',
    (url) => ({ origin: url, 'sec-fetch-site': 'cross-site', 'x-requested-with': 'entrepot' }),
  ],
  ['a Referer of ours in place of an Origin', (url) => ({ referer: `${url}/` })],
  [
    'X-Forwarded-Host that makes the other site ours',
    () => ({
      origin: evil,
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      'x-requested-with': 'entrepot',
    }),
  ],
]

/** Every route of the API that changes something, by each of its methods. */
const changes = Object.values(api).flatMap((resource) =>
  Object.values(resource as Readonly<Record<string, Route>>).flatMap(({ method, also, path }) =>
    [method, ...also].filter((each) => each !== 'GET').map((each) => [each, path] as const),
  ),
)

const asks = async (method: string, target: string, headers: Headers, body?: string) =>
  await send(server.url, { method, target, headers, ...(body !== undefined && { body }) })
const forgedDigest = digestOf(Buffer.from('forged'))
const json = { 'content-type': 'application/json' }

describe('a change with the cookie of a session is refused', () => {
  test.for(foreign)('from %s, on every route', async ([, headers]) => {
    for (const [method, path] of changes) {
      // Logging in and out are looked at below: a script without an Origin may.
      if (/sessions\/(?:login|logout)$/.test(path)) continue
      const target = path.replace(':name', 'main')
      const answer = await asks(method, target, { cookie, ...json, ...headers(server.url) }, '{}')
      expect(answer.status, `${method} ${target}`).toBe(403)
    }
    const still = await askApi(server.url, { target: '/api/sessions/whoami', headers: { cookie } })
    expect(still.body).toMatchObject({ name: 'ann' })
  })

  test.for([
    ['a form', 'application/x-www-form-urlencoded', 'name=mallory&password=mallory-mallory'],
    ['a form of parts', 'multipart/form-data; boundary=x', '--x\r\n\r\n--x--'],
    ['JSON that says it is text', 'text/plain', '{"name":"mallory","password":"mallory-mallory"}'],
    ['JSON without a type', '', '{"name":"mallory","password":"mallory-mallory"}'],
    ['JSON in a form of text', 'text/plain', '{"name":"mallory","x":"=","password":"mallory-1"}'],
  ] as const)('%s adds no user', async ([, type, body]) => {
    for (const origin of [evil, 'null']) {
      const headers = { cookie, origin, ...(type !== '' && { 'content-type': type }) }
      const answer = await asks('POST', '/api/security/users/add', headers, body)
      expect([403, 415]).toContain(answer.status)
    }
    const users = await call(adminOf(server), api.securityUsers.list)
    expect(users.map(({ name }) => name)).toEqual(['Admin', 'ann'])
  })

  test.for(['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override', '_method'])(
    'hidden in a GET by %s, it changes nothing',
    async (name) => {
      const target = '/api/management/feeds/delete/main'
      for (const headers of [{ [name]: 'DELETE' }, { [name]: 'POST' }]) {
        const get = await asks('GET', `${target}?_method=DELETE`, { cookie, ...headers })
        expect(get.status).toBe(404)
        const list = await asks('GET', '/api/security/users/list', { cookie, ...headers })
        expect(list.status).toBe(200)
      }
      const feeds = await call(adminOf(server), api.feeds.list)
      expect(feeds.map((feed) => feed.name)).toContain('main')
    },
  )

  test('no GET or HEAD of the API changes anything: what changes has no such method', () => {
    const methods = Object.values(api).flatMap((resource) =>
      Object.entries(resource as Readonly<Record<string, Route>>).flatMap(([name, route]) =>
        [route.method, ...route.also].includes('GET') ? [[name, route.also] as const] : [],
      ),
    )
    const reads =
      /^(?:list|get|find|requests|attributes|export|whoami|providers|selfTest|untagged|referrers|history|compare|download|preview|previewDelete|runs|log|server|feeds|feed|repositories|stores|tags|images)$/
    for (const [name, also] of methods) {
      expect(name).toMatch(reads)
      expect(also).toEqual([])
    }
  })
})

describe('a password that the browser keeps for Basic (after its own dialog, as /metrics asks for it)', () => {
  const basicForm = (headers: Headers, name: string) =>
    asks(
      'POST',
      '/api/security/users/add',
      {
        authorization: ann.authorization,
        'content-type': 'application/x-www-form-urlencoded',
        ...headers,
      },
      `name=${name}&password=mallory-mallory`,
    )

  test.for(foreign.filter(([what]) => !/nothing at all|Referer|^our origin,/.test(what)))(
    'is no help to a form of %s',
    async ([, headers]) => {
      const answer = await basicForm(headers(server.url), 'basic-mallory')
      expect(answer.status).toBe(403)
      const users = await call(adminOf(server), api.securityUsers.list)
      expect(users.map(({ name }) => name)).not.toContain('basic-mallory')
    },
  )

  test.for(foreign.filter(([what]) => !/nothing at all|Referer|^our origin,/.test(what)))(
    'pushes nothing for a form of %s',
    async ([, headers]) => {
      const form = {
        authorization: ann.authorization,
        'content-type': 'text/plain',
        ...headers(server.url),
      }
      for (const query of ['', `?digest=${forgedDigest}`]) {
        const target = `/v2/main/forged/blobs/uploads/${query}`
        expect((await asks('POST', target, form, 'forged')).status).toBe(403)
      }
      const blob = `/v2/main/forged/blobs/${forgedDigest}`
      expect((await asks('HEAD', blob, { authorization: ann.authorization })).status).toBe(404)
    },
  )

  test('pushes for a script, which has no Origin, and for a page of ours', async () => {
    for (const origin of [{}, { origin: server.url }, { 'sec-fetch-site': 'same-origin' }]) {
      const headers = { authorization: ann.authorization, ...origin }
      const target = '/v2/main/by-script/blobs/uploads/'
      expect((await asks('POST', target, headers)).status).toBe(202)
    }
  })

  test('scripts, which have no Origin, and tools on a page of ours go on as they did', async () => {
    expect((await basicForm({}, 'by-script')).status).toBe(200)
    expect((await basicForm({ origin: server.url }, 'by-page')).status).toBe(200)
    const key = await call(adminOf(server), api.apiKeys.create, { body: { type: 'system' } })
    // Nobody's browser sends a key by itself.
    const headers = { 'x-apikey': key.key ?? '', origin: evil, ...json }
    const answer = await asks('POST', '/api/security/groups/add', headers, '{"name":"by key"}')
    expect(answer.status).toBe(200)
  })
})

describe('logging in and out', () => {
  const logInFrom = (headers: Headers, body = { userName: 'ann', password: ann.password }) =>
    askApi(server.url, { target: '/api/sessions/login', headers, json: body })

  test.for(foreign.filter(([what]) => !/nothing at all|Referer|^our origin,/.test(what)))(
    'a login by %s begins no session',
    async ([, headers]) => {
      const answer = await logInFrom(headers(server.url))
      expect(answer.status).toBe(403)
      expect(cookieOf(answer)).toBe('')
    },
  )

  test.for(['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data', ''])(
    'a login as "%s" begins no session, with an Origin or without',
    async (type) => {
      const body = type.includes('form')
        ? `userName=ann&password=${encodeURIComponent(ann.password)}`
        : JSON.stringify({ userName: 'ann', password: ann.password })
      for (const origin of [{}, { origin: evil }]) {
        const headers = { ...origin, ...(type !== '' && { 'content-type': type }) }
        const answer = await asks('POST', '/api/sessions/login', headers, body)
        expect([400, 403, 415]).toContain(answer.status)
        expect(answer.headers['set-cookie']).toBeUndefined()
      }
    },
  )

  test('a logout by another site leaves the session as it is', async () => {
    const theirs = await logIn(server, ann)
    for (const headers of [{ origin: evil }, { 'sec-fetch-site': 'cross-site' }]) {
      const out = await asks('POST', '/api/sessions/logout', { cookie: theirs, ...headers })
      expect(out.status).toBe(403)
    }
    const target = '/api/sessions/whoami'
    expect((await askApi(server.url, { target, headers: { cookie: theirs } })).status).toBe(200)
  })
})

describe('other sites', () => {
  const targets = [
    '/api/security/users/list',
    '/api/sessions/whoami',
    '/v2/',
    '/v2/_auth',
    '/health',
  ]
  const corsOf = ({ headers }: Answer) =>
    Object.keys(headers).filter((name) => name.startsWith('access-control-'))

  test.for(targets)('are told by no header that they may read %s', async (target) => {
    for (const method of ['GET', 'OPTIONS', 'HEAD']) {
      for (const origin of [evil, 'null', server.url]) {
        const headers = {
          ...{ cookie, origin, 'access-control-request-method': 'PUT' },
          ...{ 'access-control-request-headers': 'x-requested-with,content-type' },
        }
        const answer = await asks(method, target, headers)
        expect(corsOf(answer)).toEqual([])
        if (method === 'OPTIONS') expect(answer.status).toBeGreaterThanOrEqual(400)
      }
    }
  })

  test('get nothing on the wire with the cookie: there it is nobody', async () => {
    for (const [method, target] of [
      ['GET', '/v2/'],
      ['GET', '/v2/_catalog'],
      ['DELETE', '/v2/main/app/manifests/v1'],
      ['POST', '/v2/main/app/blobs/uploads/'],
    ] as const) {
      const headers = pageHeaders(server.url, cookie)
      expect((await asks(method, target, headers)).status).toBe(401)
    }
    const token = await asks('GET', '/v2/_auth?scope=repository:main/app:push', { cookie })
    const { access } = claimsOf(token)
    expect(access).toEqual([])
  })
})

function claimsOf(answer: Answer): { readonly access: unknown } {
  const { token } = JSON.parse(answer.body.toString('utf8')) as { readonly token: string }
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'))
}
