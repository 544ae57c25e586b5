import { describe, expect, test } from 'vitest'
import { absentDigest } from '../support/content.ts'
import { type Row, Run, testRows } from '../support/rows.ts'
import { startServer, useServer } from '../support/server.ts'
import { basic, exchangeRaw } from '../support/wire.ts'

const { table } = useServer(async (_, server) => ({
  key: (await server.createKey(null)).authorization,
  badKey: basic('api', 'no-such-key'),
  lowerCase: basic('admin', server.adminPassword),
  emptyPassword: basic('Admin', ''),
  lowerScheme: server.admin.replace('Basic', 'basic'),
}))

const version = { 'docker-distribution-api-version': 'registry/2.0' }
const noScope = {
  'www-authenticate':
    /^Bearer realm="http:\/\/127\.0\.0\.1:\d+\/v2\/_auth",service="127\.0\.0\.1:\d+"$/,
}
const invalidToken = { 'www-authenticate': /,error="invalid_token"/ }

const ping: readonly Row[] = [
  {
    name: 'ping with a password',
    request: 'GET /v2/',
    expect: { status: 200, json: {}, headers: { ...version, 'content-type': 'application/json' } },
  },
  {
    name: 'ping by HEAD',
    request: 'HEAD /v2/',
    expect: { status: 200, headers: { ...version, 'content-length': '2' } },
  },
  {
    name: 'ping with an API key as the password of "api"',
    request: 'GET /v2/',
    as: 'key',
    expect: { status: 200, json: {} },
  },
  {
    name: 'ping with the user name in another case',
    request: 'GET /v2/',
    as: 'lowerCase',
    expect: { status: 200, json: {} },
  },
  {
    name: 'ping with the scheme in lower case (RFC 9110, 11.1)',
    request: 'GET /v2/',
    as: 'lowerScheme',
    expect: { status: 200, json: {} },
  },
  {
    name: 'ping with a token',
    request: 'GET /v2/',
    scopes: [],
    expect: { status: 200, json: {}, headers: version },
  },
  {
    name: 'ping without credentials is 401 with a challenge without a scope',
    request: 'GET /v2/',
    as: 'anonymous',
    expect: { status: 401, error: 'UNAUTHORIZED', headers: noScope },
  },
  {
    name: 'ping by HEAD without credentials',
    request: 'HEAD /v2/',
    as: 'anonymous',
    expect: { status: 401, headers: noScope },
  },
  {
    name: 'ping with a wrong password',
    request: 'GET /v2/',
    as: 'wrong',
    expect: { status: 401, error: 'UNAUTHORIZED' },
  },
  {
    name: 'ping with an empty password',
    request: 'GET /v2/',
    as: 'emptyPassword',
    expect: { status: 401, error: 'UNAUTHORIZED' },
  },
  {
    name: 'ping as an unknown user',
    request: 'GET /v2/',
    as: 'stranger',
    expect: { status: 401, error: 'UNAUTHORIZED' },
  },
  {
    name: 'ping with an unknown API key',
    request: 'GET /v2/',
    as: 'badKey',
    expect: { status: 401, error: 'UNAUTHORIZED' },
  },
  ...[
    ['no base64', 'Basic !!!'],
    ['no colon', `Basic ${Buffer.from('Admin').toString('base64')}`],
    ['nothing after the scheme', 'Basic'],
    ['another scheme', 'Digest username="Admin"'],
    ['only spaces', 'Basic    '],
  ].map(([what, authorization = '']) => ({
    name: `ping with an Authorization header of ${what}`,
    request: 'GET /v2/',
    as: 'anonymous',
    headers: { authorization },
    expect: { status: 401, error: 'UNAUTHORIZED' },
  })),
  ...[
    ['garbage', 'Bearer garbage'],
    ['an unsigned one', `Bearer ${unsignedToken()}`],
    ['one signed by somebody else', `Bearer ${unsignedToken()}c2lnbmF0dXJl`],
  ].map(([what, authorization = '']) => ({
    name: `ping with ${what} for a token`,
    request: 'GET /v2/',
    as: 'anonymous',
    headers: { authorization },
    expect: { status: 401, error: 'UNAUTHORIZED', headers: invalidToken },
  })),
  {
    name: 'the realm follows the Host header',
    request: 'GET /v2/',
    as: 'anonymous',
    headers: { host: 'images.example.test:8443' },
    expect: {
      status: 401,
      headers: {
        'www-authenticate':
          'Bearer realm="http://images.example.test:8443/v2/_auth",service="images.example.test:8443"',
      },
    },
  },
  {
    name: 'forwarded headers of a stranger do not count',
    request: 'GET /v2/',
    as: 'anonymous',
    headers: { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'evil.example.test' },
    expect: { status: 401, headers: noScope },
  },
]

function unsignedToken(): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = { sub: 'user:1', aud: 'x', exp: 4_000_000_000, access: [] }
  return `${part({ alg: 'none', typ: 'JWT' })}.${part(claims)}.`
}

const digest = absentDigest('ping')

/** Paths below /v2/ that nothing answers to. */
const unknownPaths = [
  '/v2/main',
  '/v2/main/app',
  '/v2/main/app/',
  '/v2/main/app/tags',
  '/v2/main/app/tags/list/more',
  '/v2/main/app/manifests/',
  '/v2/main/app/blobs/',
  '/v2/main/app/referrers/',
  '/v2/main/app/unknown/v1',
  '/v2/_unknown',
  '/v2/_catalog/more',
  '/v2//',
  '/v2/<script>alert(1)</script>',
  '/v2/main/app/%zz',
]

const unknown: readonly Row[] = unknownPaths.flatMap((target) => [
  {
    name: `unknown path ${target} is refused in JSON`,
    request: `GET ${target}`,
    expect: { status: [404, 400], error: ['UNSUPPORTED', 'NAME_INVALID', 'NAME_UNKNOWN'] },
  },
  {
    name: `unknown path ${target} is 401 without credentials`,
    request: `GET ${target}`,
    as: 'anonymous',
    expect: { status: 401, error: 'UNAUTHORIZED' },
  },
])

/** A known path and the methods that it has. */
const methods: readonly (readonly [target: string, wrong: readonly string[], allow: RegExp])[] = [
  ['/v2/', ['POST', 'PUT', 'PATCH', 'DELETE'], /^(?=.*GET)(?!.*(POST|PUT|PATCH|DELETE))/],
  ['/v2/_catalog', ['POST', 'DELETE'], /^(?=.*GET)(?!.*(POST|PUT|PATCH|DELETE))/],
  ['/v2/_auth', ['PUT', 'DELETE'], /^(?=.*GET)(?=.*POST)(?!.*(PUT|PATCH|DELETE))/],
  ['/v2/main/app/tags/list', ['POST', 'PUT', 'DELETE'], /^(?=.*GET)(?!.*(POST|PUT|DELETE))/],
  ['/v2/main/app/manifests/v1', ['POST', 'PATCH'], /^(?=.*GET)(?=.*HEAD)(?=.*PUT)(?!.*POST)/],
  [`/v2/main/app/blobs/${digest}`, ['POST', 'PUT', 'PATCH'], /^(?=.*GET)(?=.*HEAD)(?=.*DELETE)/],
  ['/v2/main/app/blobs/uploads/', ['GET', 'PUT', 'PATCH', 'DELETE'], /^POST$/],
  [`/v2/main/app/referrers/${digest}`, ['POST', 'PUT', 'DELETE'], /^(?=.*GET)(?!.*(POST|PUT))/],
  [
    '/v2/main/app/blobs/uploads/6f1d7b0a-2f0e-4c59-9d3c-0d7b6a3c7c11',
    ['POST'],
    /^(?=.*GET)(?=.*PATCH)(?=.*PUT)(?=.*DELETE)(?!.*POST)/,
  ],
]

const wrongMethods: readonly Row[] = methods.flatMap(([target, wrong, allow]) =>
  wrong.map((method) => ({
    name: `${method} ${target} is 405 and says what is allowed`,
    request: `${method} ${target}`,
    expect: { status: 405, error: 'UNSUPPORTED', headers: { allow } },
  })),
)

describe('ping', () => testRows(ping, table))
describe('unknown paths', () => testRows(unknown, table))
describe('methods', () => testRows(wrongMethods, table))

describe('behind a proxy', () => {
  const anonymousPing = { request: 'GET /v2/', as: 'anonymous' } as const

  test('the base URL that was set is the realm', async () => {
    await using server = await startServer({ baseUrl: 'https://images.example.test' })
    const realm =
      'Bearer realm="https://images.example.test/v2/_auth",service="images.example.test"'
    await new Run({ url: server.url, callers: {} }).step({
      ...anonymousPing,
      headers: { host: 'elsewhere.example.test' },
      expect: { status: 401, headers: { 'www-authenticate': realm } },
    })
  })

  test('forwarded headers of a trusted proxy are the realm', async () => {
    await using server = await startServer({ trustProxy: ['loopback'] })
    const realm =
      'Bearer realm="https://images.example.test/v2/_auth",service="images.example.test"'
    await new Run({ url: server.url, callers: {} }).step({
      ...anonymousPing,
      headers: { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'images.example.test' },
      expect: { status: 401, headers: { 'www-authenticate': realm } },
    })
  })
})

test('a refusal that leaves a body unread does not spoil the connection', async () => {
  const { url, callers } = table()
  const head = `Host: registry\r\nAuthorization: ${callers.admin}\r\n`
  const smuggled = 'GET /v2/_catalog HTTP/1.1\r\nHost: registry\r\n\r\n'
  const text = await exchangeRaw(
    url,
    `PUT /v2/nosuch/app/manifests/v1 HTTP/1.1\r\n${head}Content-Length: ${smuggled.length}\r\n\r\n` +
      `${smuggled}GET /v2/ HTTP/1.1\r\n${head}Connection: close\r\n\r\n`,
  )
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)
  // Either the body was drained and the ping answered, or the connection was closed.
  expect(['404,200', '404']).toContain(statuses.join())
})

test('a request in absolute form is read like any other', async () => {
  const { url } = table()
  const text = await exchangeRaw(
    url,
    'GET http://registry/v2/ HTTP/1.1\r\nHost: registry\r\nConnection: close\r\n\r\n',
  )
  expect(text).toMatch(/^HTTP\/1\.1 401 /)
  expect(text).toContain('"code":"UNAUTHORIZED"')
})
