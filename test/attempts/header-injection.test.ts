import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call, callPage } from '../../contract/call.ts'
import { askApi, clientOf } from '../support/api-call.ts'
import { blob, index } from '../support/content.ts'
import { openMemoryLog } from '../support/memory-log.ts'
import { addPerson, adminOf, tasks, untilRulesAreNew } from '../support/people.ts'
import { pushManifest } from '../support/push.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { type Answer, basic, exchangeRaw, send } from '../support/wire.ts'

const memory = openMemoryLog()
let server: TestServer
beforeAll(async () => {
  server = await startServer({}, { log: memory.log })
  const table = { url: server.url, callers: { admin: server.admin } }
  for (const tag of ['v1', 'v2', 'v3']) await pushManifest(table, 'main/app', index([]), tag)
  await addPerson(server, 'pusher', { task: tasks.publish, feed: 'main' })
  await untilRulesAreNew()
})
afterAll(() => server[Symbol.asyncDispose]())
beforeEach(() => memory.clear())

const mark = 'x-injected'
const breaks = [
  ['%0d%0aX-Injected:%201', '%0d%0a'],
  ['%0aX-Injected:%201', '%0a'],
  ['%0dX-Injected:%201', '%0d'],
  ['%E5%98%8A%E5%98%8DX-Injected:%201', 'letters whose last byte is a line break'],
  ['%C2%85X-Injected:%201', 'a next-line character'],
  ['%E2%80%A8X-Injected:%201', 'a line separator'],
  ['%00X-Injected:%201', '%00'],
  ['%250d%250aX-Injected:%201', '%0d%0a encoded twice'],
  ['\\r\\nX-Injected:%201', 'backslashes'],
  ['"%2Cerror=x%2Crealm="http://evil.example', 'a quote that ends a parameter'],
  ['%3E%3B%20rel="next"%2C%20<http://evil.example', 'the end of a link'],
] as const

/** Every address whose answer repeats a part of what was asked. */
const echoes: readonly (readonly [what: string, method: string, of: (text: string) => string])[] = [
  ['a registry', 'GET', (text) => `/v2/main${text}/app/tags/list`],
  ['a repository', 'GET', (text) => `/v2/main/app${text}/tags/list`],
  ['a tag', 'GET', (text) => `/v2/main/app/manifests/v1${text}`],
  ['a tag that is pushed', 'PUT', (text) => `/v2/main/app/manifests/v1${text}`],
  ['more tags', 'PUT', (text) => `/v2/main/app/manifests/v1?tag=v2${text}`],
  ['a digest', 'GET', (text) => `/v2/main/app/blobs/sha256:${'a'.repeat(64)}${text}`],
  ['the id of an upload', 'PATCH', (text) => `/v2/main/app/blobs/uploads/x${text}`],
  [
    'the digest of an upload',
    'POST',
    (text) => `/v2/main/app/blobs/uploads/?digest=sha256:${text}`,
  ],
  ['an algorithm', 'POST', (text) => `/v2/main/app/blobs/uploads/?digest-algorithm=sha256${text}`],
  ['a mount', 'POST', (text) => `/v2/main/app/blobs/uploads/?mount=sha256:${text}&from=${text}`],
  [
    'from where',
    'POST',
    (text) => `/v2/main/app/blobs/uploads/?mount=sha256:${'a'.repeat(64)}&from=${text}`,
  ],
  ['how many', 'GET', (text) => `/v2/main/app/tags/list?n=1${text}`],
  ['the last one', 'GET', (text) => `/v2/main/app/tags/list?n=1&last=a${text}`],
  ['the last one of the catalog', 'GET', (text) => `/v2/_catalog?n=1&last=a${text}`],
  [
    'the type of an artifact',
    'GET',
    (text) => `/v2/main/app/referrers/sha256:${'a'.repeat(64)}?artifactType=a/b${text}`,
  ],
  ['a scope', 'GET', (text) => `/v2/_auth?scope=repository:main/app${text}:pull&service=x${text}`],
  [
    'what a client calls itself',
    'GET',
    (text) => `/v2/_auth?offline_token=true&client_id=x${text}`,
  ],
  ['a registry of the API', 'GET', (text) => `/api/management/feeds/get/main${text}`],
  ['a page of the API', 'GET', (text) => `/api/security/tasks/list?count=1&after=A${text}`],
  ['a search of the API', 'GET', (text) => `/api/security/users/list?count=1&search-term=${text}`],
  ['a key in the address', 'GET', (text) => `/api/sessions/whoami?key=${text}`],
  ['a way back', 'GET', (text) => `/auth/oidc/corp${text}/start?return=/${text}`],
  ['nothing that there is', 'GET', (text) => `/nothing${text}`],
]

/** No line of the head but those that the server has of its own. */
function isClean(answer: Answer, what: string) {
  expect(answer.headers, what).not.toHaveProperty(mark)
  for (const [name, value] of answer.rawHeaders) {
    expect(name, what).toMatch(/^[\w-]+$/)
    expect(value, what).toMatch(/^[\x20-\x7e]*$/)
    expect(value, what).not.toContain('evil.example"')
  }
}

test.for(echoes)('no header is made of %s', async ([, method, of]) => {
  for (const [text, what] of breaks) {
    for (const authorization of [server.admin, undefined]) {
      const answer = await send(server.url, {
        method,
        target: of(text).replaceAll('<', '%3C').replaceAll('"', '%22').replaceAll(' ', '%20'),
        headers: { ...(authorization && { authorization }) },
        ...(method !== 'GET' && { body: '{}' }),
      })
      isClean(answer, `${what}: ${answer.status}`)
      expect(answer.status, what).toBeLessThan(500)
    }
  }
})

test('the links of lists name what was asked for, encoded: a browser follows them here', async () => {
  const asked = '/v2/main/app/tags/list?n=1&last=%22%3E%3B%20rel%3D%22x'
  const headers = { authorization: server.admin }
  const { link } = (await send(server.url, { method: 'GET', target: asked, headers })).headers
  expect(link).toBe('</v2/main/app/tags/list?n=1&last=v1>; rel="next"')
  const target = '/api/security/tasks/list?count=1&after=%22%3E%3B%20a%3Cb'
  const page = await send(server.url, { method: 'GET', target, headers })
  expect(page.headers.link).toMatch(/^<\/api\/security\/tasks\/list\?[\w=&%+.-]*>; rel="next"$/)
})

test('the realm of the challenge repeats a scope in its plain form only', async () => {
  for (const name of ['main/app', 'MAIN/app']) {
    const target = `/v2/${name}/tags/list`
    const challenge = (await send(server.url, { method: 'GET', target })).headers[
      'www-authenticate'
    ]
    expect(challenge).toBe(
      `Bearer realm="${server.url}/v2/_auth",service="${new URL(server.url).host}",scope="repository:main/app:pull"`,
    )
  }
  for (const target of ['/v2/main/a%22,scope=%22x/tags/list', '/v2/main%22/app/tags/list']) {
    const challenge = (await send(server.url, { method: 'GET', target })).headers[
      'www-authenticate'
    ]
    expect(challenge).toBe(
      `Bearer realm="${server.url}/v2/_auth",service="${new URL(server.url).host}"`,
    )
  }
})

describe('a request that hides another one', () => {
  const { host } = { host: 'x' }
  const hidden = (path = '/api/security/groups/add') =>
    `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: ${server.admin}\r\n` +
    'Content-Type: application/json\r\nContent-Length: 20\r\n\r\n{"name":"smuggled"} '
  const head = (lines: readonly string[], target = '/v2/main/app/blobs/uploads/') =>
    [`POST ${target} HTTP/1.1`, `Host: ${host}`, `Authorization: ${server.admin}`, ...lines].join(
      '\r\n',
    )
  /** What two readers could cut in two places: `lines`, and how the first body looks. */
  const cuts: readonly (readonly [what: string, lines: readonly string[], body: () => string])[] = [
    ['both lengths', ['Content-Length: 5', 'Transfer-Encoding: chunked'], () => '0\r\n\r\n'],
    [
      'both lengths, the other way round',
      ['Transfer-Encoding: chunked', 'Content-Length: 5'],
      () => '0\r\n\r\n',
    ],
    ['two lengths', ['Content-Length: 5', 'Content-Length: 0'], () => ''],
    ['two lengths in one line', ['Content-Length: 0, 5'], () => ''],
    ['two equal lengths', ['Content-Length: 5', 'Content-Length: 5'], () => 'hello'],
    ['a length with a sign', ['Content-Length: +5'], () => 'hello'],
    ['a negative length', ['Content-Length: -1'], () => ''],
    ['a length in hexadecimal', ['Content-Length: 0x5'], () => 'hello'],
    ['a length with a fraction', ['Content-Length: 5.0'], () => 'hello'],
    ['a length that overflows', ['Content-Length: 18446744073709551616'], () => ''],
    ['a space before the colon', ['Content-Length : 5'], () => 'hello'],
    ['a tab before the colon', ['Transfer-Encoding\t: chunked'], () => '0\r\n\r\n'],
    ['a coding that is unknown', ['Transfer-Encoding: xchunked'], () => '0\r\n\r\n'],
    ['chunked and then another', ['Transfer-Encoding: chunked, identity'], () => '0\r\n\r\n'],
    [
      'chunked twice',
      ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'],
      () => '0\r\n\r\n',
    ],
    ['chunked in quotes', ['Transfer-Encoding: "chunked"'], () => '0\r\n\r\n'],
    ['chunked behind a vertical tab', ['Transfer-Encoding: \x0bchunked'], () => '0\r\n\r\n'],
    ['a folded line', ['X-A: 1', ' Transfer-Encoding: chunked'], () => '0\r\n\r\n'],
    ['a folded coding', ['Transfer-Encoding:', ' chunked', 'Content-Length: 5'], () => '0\r\n\r\n'],
    ['a line that ends with LF alone', ['X-A: 1\nTransfer-Encoding: chunked'], () => '0\r\n\r\n'],
    ['a line that ends with CR alone', ['X-A: 1\rTransfer-Encoding: chunked'], () => '0\r\n\r\n'],
    ['a NUL in a header', ['X-A: 1\0Transfer-Encoding: chunked'], () => '0\r\n\r\n'],
    ['a chunk without its length', ['Transfer-Encoding: chunked'], () => 'x\r\n\r\n'],
    ['a chunk whose length has a sign', ['Transfer-Encoding: chunked'], () => '-1\r\n\r\n'],
    ['a chunk whose length begins with 0x', ['Transfer-Encoding: chunked'], () => '0x0\r\n\r\n'],
    ['a chunk that ends with LF', ['Transfer-Encoding: chunked'], () => '5\nhello\n0\n\n'],
    [
      'a chunk longer than it says',
      ['Transfer-Encoding: chunked'],
      () => '1\r\nhello\r\n0\r\n\r\n',
    ],
    [
      'a chunk with a line break in its extension',
      ['Transfer-Encoding: chunked'],
      () => '0;a=b\nc\r\n\r\n',
    ],
    [
      'a line before the headers that begins with a space',
      [' X-A: 1', 'Content-Length: 0'],
      () => '',
    ],
  ]

  test('behind a plain one is served: the attempts send what works', async () => {
    const second = hidden().replace('smuggled', 'pipeline')
    const first = head(['Content-Length: 5'], '/v2/main/app/nothing')
    await exchangeRaw(server.url, `${first}\r\n\r\nhello${second}`, 1500)
    const groups = await call(adminOf(server), api.securityGroups.list)
    expect(groups.map(({ name }) => name)).toContain('pipeline')
  })

  test.for(cuts)('behind %s is not served: the connection ends', async ([, lines, body]) => {
    const text = await exchangeRaw(server.url, `${head(lines)}\r\n\r\n${body()}${hidden()}`, 1500)
    const statuses = [...text.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => status)
    expect(statuses.length, text).toBeLessThanOrEqual(1)
    const groups = await call(adminOf(server), api.securityGroups.list)
    expect(groups.map(({ name }) => name)).not.toContain('smuggled')
  })

  test('in the body of a push, or of a request that is refused before its body, stays a body', async () => {
    const inside = hidden()
    for (const [target, authorization] of [
      ['/v2/main/app/blobs/uploads/?digest=bad', server.admin],
      ['/v2/absent/app/blobs/uploads/', server.admin],
      ['/v2/main/app/blobs/uploads/', 'Basic eDp5'],
      ['/v2/main/app/nothing', server.admin],
      ['/nothing', server.admin],
      ['/api/security/users/add', 'Basic eDp5'],
    ] as const) {
      for (const expect100 of ['', 'Expect: 100-continue\r\n']) {
        const text = await exchangeRaw(
          server.url,
          `POST ${target} HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\n${expect100}` +
            `Content-Type: application/json\r\nContent-Length: ${inside.length}\r\n\r\n${inside}`,
          700,
        )
        const finals = [...text.matchAll(/^HTTP\/1\.1 ([2-5]\d{2})/gm)]
        expect(finals.length, text).toBe(1)
      }
    }
    const groups = await call(adminOf(server), api.securityGroups.list)
    expect(groups.map(({ name }) => name)).not.toContain('smuggled')
  })

  test('chunk extensions and trailers, which are allowed, mean nothing', async () => {
    const content = blob('trailers', 5)
    const text = await exchangeRaw(
      server.url,
      `${head(['Transfer-Encoding: chunked', 'Connection: close', 'Trailer: Authorization'], `/v2/main/app/blobs/uploads/?digest=${content.digest}`)}\r\n\r\n` +
        `5;name="v";x\r\n${content.bytes.toString('latin1')}\r\n0\r\nAuthorization: Basic eDp5\r\nX-Injected: 1\r\n\r\n`,
    )
    expect(text).toMatch(/^HTTP\/1\.1 201 /)
    expect(text.toLowerCase()).not.toContain(mark)
  })
})

describe('forwarded headers from who is not trusted', () => {
  test('name neither the address nor the host of anything: not in audit, sessions or keys', async () => {
    const forwarded = {
      'x-forwarded-for': '203.0.113.9, 10.0.0.1',
      'x-real-ip': '203.0.113.9',
      'x-forwarded-host': 'evil.example',
      forwarded: 'for=203.0.113.9;host=evil.example',
      'x-client-ip': '203.0.113.9',
      'true-client-ip': '203.0.113.9',
    }
    const login = await askApi(server.url, {
      target: '/api/sessions/login',
      headers: forwarded,
      json: { userName: 'Admin', password: server.adminPassword },
    })
    expect(login.headers['set-cookie']).toMatch(/^entrepot-session=/)
    await askApi(server.url, {
      target: '/api/security/groups/add',
      headers: { ...forwarded, authorization: server.admin },
      json: { name: 'forwarded' },
    })
    const admin = { authorization: server.admin }
    const seen = await Promise.all(
      ['/api/audit/list', '/api/sessions/list', '/api/api-keys/list'].map((target) =>
        askApi(server.url, { target, headers: admin }),
      ),
    )
    expect(JSON.stringify(seen.map(({ body }) => body))).not.toMatch(/203\.0\.113\.9|evil\.example/)
    expect(JSON.stringify(memory.lines())).not.toMatch(/203\.0\.113\.9/)
  })
})

describe('what people type', () => {
  const forged = 'mallory\r\n{"level":30,"msg":"forged line"}\nX-Injected: 1'

  test('forges no line of the log: not as a user name, path, agent or header', async () => {
    const body = new URLSearchParams({ grant_type: 'password', username: forged, password: forged })
    await send(server.url, {
      method: 'GET',
      target: '/v2/',
      headers: { authorization: basic(forged, 'x') },
    })
    await send(server.url, {
      method: 'POST',
      target: '/v2/_auth',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: String(body),
    })
    await askApi(server.url, {
      target: '/api/sessions/login',
      headers: { 'user-agent': 'x\\n{"msg":"forged line"}' },
      json: { userName: forged, password: 'wrong password' },
    })
    await askApi(server.url, { target: `/nothing%0a{"msg":"forged"}` }).catch(() => undefined)
    // The log of tests is parsed line by line: a forged one would be one of its lines.
    expect(memory.lines().filter(({ msg }) => msg.startsWith('forged'))).toEqual([])
  })

  test('forges no entry of the audit: a failed login is by nobody, and a name is no second entry', async () => {
    const admin = adminOf(server)
    const before = new Set((await call(admin, api.audit.list)).map(({ id }) => id))
    await askApi(server.url, {
      target: '/api/sessions/login',
      json: { userName: 'Entrepot\nuser.created', password: 'wrong password' },
    })
    for (const [route, json] of [
      ['/api/security/users/add', { name: forged, password: 'long enough' }],
      ['/api/security/groups/add', { name: forged }],
      ['/api/security/tasks/add', { name: forged, attributes: [] }],
      ['/api/management/feed-groups/create', { name: forged }],
      ['/api/management/feeds/create', { name: forged }],
      ['/api/api-keys/create', { type: 'system', displayName: forged }],
      ['/api/security/users/add', { name: 'fine', displayName: forged, password: 'long enough' }],
    ] as const) {
      const answer = await askApi(server.url, {
        target: route,
        headers: { authorization: server.admin },
        json,
      })
      expect(answer.status, route).toBe(422)
    }
    const { items } = await callPage(clientOf(server.url, server.admin), api.audit.list)
    const added = items.filter(({ id }) => !before.has(id))
    expect(JSON.stringify(added)).not.toContain('forged')
    expect(added.filter(({ kind }) => kind.startsWith('user.'))).toEqual([])
    for (const { by } of added) expect(['Anonymous', 'Admin']).toContain(by)
  })
})
