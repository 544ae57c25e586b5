import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { index } from '../support/content.ts'
import { pushManifest } from '../support/push.ts'
import { fetchToken, type Row, Run, testRows } from '../support/rows.ts'
import { startServer, useServer } from '../support/server.ts'
import { type Answer, jsonOf } from '../support/wire.ts'

const { table, server } = useServer(async (setUp, one) => {
  await one.createFeed('other')
  await one.createFeed('aliased', { alternateNames: ['old-name'] })
  for (const name of ['main/app', 'main/lib', 'other/app', 'aliased/app']) {
    await pushManifest(setUp, name, index([]), 'v1')
  }
  return {
    view: (await one.createKey('main', ['view'])).authorization,
    system: (await one.createKey(null)).authorization,
  }
})

const form = { 'content-type': 'application/x-www-form-urlencoded' }
const pull = 'repository:main/app:pull'
const bearer = { authorization: 'Bearer $token' }
const insufficient = (scope: string) => ({
  'www-authenticate': new RegExp(
    `,scope="${scope.replace(/[*()]/g, '\\$&')}",error="insufficient_scope"`,
  ),
})

const get = (query: string, as = 'admin') => ({
  request: `GET /v2/_auth?service=registry${query}`,
  as,
  expect: { status: 200, check: isTokenAnswer },
})
const use = (request: string, status: number, more: object = {}) => ({
  request,
  as: 'anonymous',
  headers: bearer,
  expect: { status, ...more },
})

function isTokenAnswer(answer: Answer) {
  const json = jsonOf(answer) as Record<string, unknown>
  expect(answer.headers['content-type']).toBe('application/json')
  expect(json.token).toMatch(/^[\w.~+/-]+=*$/)
  expect(json.access_token).toBe(json.token)
  // Clients take anything below 60 for 60.
  expect(json.expires_in).toBeGreaterThanOrEqual(60)
  const issuedAt = String(json.issued_at)
  expect(issuedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/)
  expect(Math.abs(Date.now() - Date.parse(issuedAt))).toBeLessThan(60_000)
  // Clients read at most 64 KiB, and the token has to fit into a header.
  expect(answer.body.length).toBeLessThan(60_000)
}

const noRefresh = (answer: Answer) => {
  isTokenAnswer(answer)
  expect(jsonOf(answer)).not.toHaveProperty('refresh_token')
}

const tokens: readonly Row[] = [
  {
    name: 'a token without a scope opens /v2/ only',
    steps: [
      { ...get(''), expect: { status: 200, check: noRefresh } },
      use('GET /v2/', 200),
      use('GET /v2/main/app/tags/list', 401, { headers: insufficient(pull) }),
    ],
  },
  {
    name: 'a token with pull pulls',
    steps: [
      get(`&scope=${pull}`),
      use('GET /v2/main/app/tags/list', 200),
      use('GET /v2/main/app/manifests/v1', 200),
    ],
  },
  {
    name: 'a token with pull does not push',
    steps: [
      get(`&scope=${pull}`),
      use('POST /v2/main/app/blobs/uploads/', 401, {
        error: 'UNAUTHORIZED',
        headers: insufficient('repository:main/app:pull,push'),
      }),
    ],
  },
  {
    name: 'a token for one repository is not one for another',
    steps: [
      get(`&scope=${pull}`),
      use('GET /v2/main/lib/tags/list', 401, { headers: insufficient('repository:main/lib:pull') }),
    ],
  },
  {
    name: 'a token for one repository is not one for another feed',
    steps: [get(`&scope=${pull}`), use('GET /v2/other/app/tags/list', 401)],
  },
  {
    name: 'a token with pull and push starts an upload',
    steps: [
      get('&scope=repository:main/app:pull,push'),
      use('POST /v2/main/app/blobs/uploads/', 202),
    ],
  },
  {
    name: 'a token with * does everything in its repository',
    steps: [
      get('&scope=repository:main/app:*'),
      use('GET /v2/main/app/tags/list', 200),
      use('POST /v2/main/app/blobs/uploads/', 202),
      use(`DELETE /v2/main/app/manifests/${index([], { absent: 1 }).digest}`, 404),
    ],
  },
  {
    name: 'scopes may be repeated',
    steps: [
      get(`&scope=${pull}&scope=repository:main/lib:pull`),
      use('GET /v2/main/app/tags/list', 200),
      use('GET /v2/main/lib/tags/list', 200),
    ],
  },
  {
    name: 'scopes may be separated by spaces',
    steps: [
      get(`&scope=${pull}%20repository:main/lib:pull`),
      use('GET /v2/main/app/tags/list', 200),
      use('GET /v2/main/lib/tags/list', 200),
    ],
  },
  {
    name: 'a scope may name a resource class',
    steps: [get('&scope=repository(plugin):main/app:pull'), use('GET /v2/main/app/tags/list', 200)],
  },
  {
    name: 'the catalog has a scope of its own',
    steps: [get('&scope=registry:catalog:*'), use('GET /v2/_catalog', 200)],
  },
  {
    name: 'without its scope the catalog asks for it',
    steps: [
      get(`&scope=${pull}`),
      use('GET /v2/_catalog', 401, { headers: insufficient('registry:catalog:*') }),
    ],
  },
  {
    name: 'a scope through an alternate name of the feed',
    steps: [get('&scope=repository:old-name/app:pull'), use('GET /v2/old-name/app/tags/list', 200)],
  },
  {
    name: 'what is malformed in a scope is left out',
    steps: [
      get(`&scope=nonsense&scope=repository:UPPER:pull&scope=a:b:c:d&scope=${pull}`),
      use('GET /v2/main/app/tags/list', 200),
    ],
  },
  {
    name: 'a partly allowed scope gives a token with the allowed part',
    steps: [
      get('&scope=repository:main/app:pull,push', 'view'),
      use('GET /v2/main/app/tags/list', 200),
      use('POST /v2/main/app/blobs/uploads/', 403, { error: 'DENIED' }),
    ],
  },
  {
    name: 'a scope that is not allowed at all still gives a token',
    steps: [
      get('&scope=repository:other/app:pull', 'view'),
      use('GET /v2/', 200),
      use('GET /v2/other/app/tags/list', 404, { error: 'NAME_UNKNOWN' }),
    ],
  },
  {
    name: 'a scope of a feed that is not there still gives a token',
    steps: [
      get('&scope=repository:nosuch/app:pull'),
      use('GET /v2/nosuch/app/tags/list', 404, { error: 'NAME_UNKNOWN' }),
    ],
  },
  {
    name: 'an API key gets a token',
    steps: [get(`&scope=${pull}`, 'system'), use('GET /v2/main/app/tags/list', 200)],
  },
  {
    name: 'without credentials there is a token that opens nothing private',
    steps: [
      get(`&scope=${pull}`, 'anonymous'),
      use('GET /v2/main/app/tags/list', 401, { error: 'UNAUTHORIZED' }),
    ],
  },
  {
    name: 'a token asked for with a wrong password is refused',
    request: `GET /v2/_auth?service=registry&scope=${pull}`,
    as: 'wrong',
    expect: { status: 401, error: 'UNAUTHORIZED' },
  },
  {
    name: 'a token asked for by an unknown user is refused',
    request: 'GET /v2/_auth?service=registry',
    as: 'stranger',
    expect: { status: 401, error: 'UNAUTHORIZED' },
  },
  {
    name: 'thirty scopes still fit into a header',
    steps: [
      get(
        Array.from({ length: 30 }, (_, i) => `&scope=repository:main/app-${i}:pull,push`).join(''),
      ),
      use('GET /v2/', 200),
    ],
  },
]

/** The password as it goes into a form; only known once the server is. */
const postForm = (fields: Record<string, string>) => ({
  request: 'POST /v2/_auth',
  as: 'anonymous',
  headers: form,
  body: new URLSearchParams({ service: 'registry', client_id: 'test', ...fields }).toString(),
})

const refusedForms: readonly Row[] = [
  {
    name: 'POST with a wrong password',
    ...postForm({ grant_type: 'password', username: 'Admin', password: 'wrong' }),
    expect: { status: 401, error: 'UNAUTHORIZED' },
  },
  {
    name: 'POST as an unknown user',
    ...postForm({ grant_type: 'password', username: 'nobody', password: 'wrong' }),
    expect: { status: 401, error: 'UNAUTHORIZED' },
  },
  {
    name: 'POST with a refresh token that nobody issued',
    ...postForm({ grant_type: 'refresh_token', refresh_token: 'forged' }),
    expect: { status: 401, error: 'UNAUTHORIZED' },
  },
  {
    name: 'POST with a grant that is not supported',
    ...postForm({ grant_type: 'client_credentials' }),
    expect: { status: 400 },
  },
  {
    name: 'POST without a grant',
    ...postForm({}),
    expect: { status: 400 },
  },
  {
    name: 'POST without a password',
    ...postForm({ grant_type: 'password', username: 'Admin' }),
    expect: { status: [400, 401] },
  },
]

describe('tokens', () => testRows(tokens, table))
describe('forms that are refused', () => testRows(refusedForms, table))

describe('forms', () => {
  test('POST with a password gives a token, and a refresh token only when asked', async () => {
    const run = new Run(table())
    const password = { grant_type: 'password', username: 'Admin', scope: pull }
    const plain = postForm({ ...password, password: server().adminPassword })
    await run.step({ ...plain, expect: { status: 200, check: noRefresh } })
    await run.step(use('GET /v2/main/app/tags/list', 200))
    const offline = { ...password, password: server().adminPassword, access_type: 'offline' }
    const answer = await run.step({
      ...postForm(offline),
      expect: { status: 200, check: isTokenAnswer },
    })
    expect(jsonOf(answer)).toHaveProperty('refresh_token')
  })

  test('a refresh token from GET gives tokens by POST, again and again', async () => {
    const run = new Run(table())
    const answer = await run.step(get('&offline_token=true&client_id=docker'))
    let refresh = (jsonOf(answer) as { refresh_token: string }).refresh_token
    for (const scope of [pull, 'repository:main/lib:pull', pull]) {
      const next = await run.step({
        ...postForm({ grant_type: 'refresh_token', refresh_token: refresh, scope }),
        expect: { status: 200, check: isTokenAnswer },
      })
      const name = scope.split(':')[1]
      await run.step(use(`GET /v2/${name}/tags/list`, 200))
      refresh = (jsonOf(next) as { refresh_token?: string }).refresh_token ?? refresh
    }
  })

  test('the same refresh token still works while its successor is on its way', async () => {
    const run = new Run(table())
    const answer = await run.step(get('&offline_token=true&client_id=docker'))
    const refresh = (jsonOf(answer) as { refresh_token: string }).refresh_token
    const again = postForm({ grant_type: 'refresh_token', refresh_token: refresh, scope: pull })
    await run.step({ ...again, expect: { status: 200, check: isTokenAnswer } })
    await run.step({ ...again, expect: { status: 200, check: isTokenAnswer } })
  })
})

describe('tokens that were meddled with', () => {
  test('any changed character voids a token', async () => {
    const { url, callers } = table()
    const token = await fetchToken(url, callers.admin, [pull])
    const places = [0, 8, token.indexOf('.') + 5, token.length >> 1, token.length - 10]
    for (const at of places) {
      const other = token[at] === 'A' ? 'B' : 'A'
      const changed = token.slice(0, at) + other + token.slice(at + 1)
      await new Run(table()).step({
        request: 'GET /v2/main/app/tags/list',
        as: 'anonymous',
        headers: { authorization: `Bearer ${changed}` },
        expect: {
          status: 401,
          headers: {
            'www-authenticate': /scope="repository:main\/app:pull",error="invalid_token"/,
          },
        },
      })
    }
  })

  test('a token of another server is void', async () => {
    await using other = await startServer()
    const token = await fetchToken(other.url, other.admin, [pull])
    await new Run(table()).step({
      request: 'GET /v2/main/app/tags/list',
      as: 'anonymous',
      headers: { authorization: `Bearer ${token}` },
      expect: { status: 401, headers: { 'www-authenticate': /error="invalid_token"/ } },
    })
  })

  test('a revoked key closes its tokens within a second or two', async () => {
    const { url } = table()
    const key = await server().createKey('main', ['view'])
    const token = await fetchToken(url, key.authorization, [pull])
    const run = new Run(table())
    const step = (status: number, authorization: string) => ({
      request: 'GET /v2/main/app/tags/list',
      as: 'anonymous',
      headers: { authorization },
      expect: { status },
    })
    await run.step(step(200, `Bearer ${token}`))
    await run.step(step(200, key.authorization))
    await server().revokeKey(key.id)
    await sleep(1500)
    await run.step(step(401, `Bearer ${token}`))
    await run.step(step(401, key.authorization))
  })
})
