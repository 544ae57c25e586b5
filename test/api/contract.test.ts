import { Validator } from '@seriousme/openapi-schema-validator'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { api } from '../../contract/api.ts'
import { addressOf, call } from '../../contract/call.ts'
import type { Route } from '../../contract/route.ts'
import { needs } from '../../server/http/api/needs.ts'
import { askApi, clientOf } from '../support/api-call.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { basic } from '../support/wire.ts'

let server: TestServer
let key: string
beforeAll(async () => {
  server = await startServer({ trustProxy: ['127.0.0.1'] })
  const created = await call(clientOf(server.url, server.admin), api.apiKeys.create, {
    body: { type: 'feed', feed: 'main' },
  })
  key = created.key ?? ''
})
afterAll(() => server[Symbol.asyncDispose]())

interface Named {
  readonly title: string
  readonly resource: string
  readonly name: string
  readonly route: Route
}

const routes: readonly Named[] = Object.entries(api).flatMap(([resource, table]) =>
  Object.entries(table as Readonly<Record<string, Route>>).map(([name, route]) => ({
    title: `${resource}.${name}`,
    resource,
    name,
    route,
  })),
)
const needOf = ({ resource, name }: Named) =>
  (needs as unknown as Record<string, Record<string, { kind: string }>>)[resource]?.[name]

test.for(routes)('$title says what it needs, and nothing else does', (named) => {
  expect(needOf(named)?.kind).toBeTypeOf('string')
})

test('no need is declared for a route that is not there', () => {
  const declared = Object.entries(needs).flatMap(([resource, table]) =>
    Object.keys(table).map((name) => `${resource}.${name}`),
  )
  expect(declared.sort()).toEqual(routes.map(({ title }) => title).sort())
})

test('no two routes have one address', () => {
  const all = routes.flatMap(({ route }) =>
    [route.method, ...route.also].map((method) => `${method} ${route.path}`),
  )
  expect(new Set(all).size).toBe(all.length)
})

test('the OpenAPI document is valid and has every route with a summary', async () => {
  const { status, body } = await askApi(server.url, { target: '/api/openapi.json' })
  expect(status).toBe(200)
  const result = await new Validator().validate(body as Record<string, unknown>)
  expect(result.errors ?? []).toEqual([])
  expect(result.valid).toBe(true)
  const { openapi, paths } = body as {
    openapi: string
    paths: Record<string, Record<string, { summary: string; operationId: string }>>
  }
  expect(openapi).toBe('3.1.0')
  for (const { resource, name, route } of routes) {
    const operations = paths[route.path.replace(/:(\w+)/g, '{$1}')]
    for (const method of [route.method, ...route.also]) {
      const operation = operations?.[method.toLowerCase()]
      expect(operation?.summary).toMatch(/\w/)
      expect(operation?.operationId).toContain(`${resource}_${name}`)
    }
  }
})

const target = (route: Route) => addressOf(route, { params: { name: 'main' } })
const forAnyone = ['anyone', 'open']
const guarded = routes.filter(
  (named) => !forAnyone.includes(needOf(named)?.kind ?? '') && named.resource !== 'privileges',
)

test.for(guarded)('Anonymous hears 401 of $title, whatever is sent', async ({ route }) => {
  for (const method of [route.method, ...route.also]) {
    const json = method === 'GET' ? {} : { json: { nonsense: true } }
    const answer = await askApi(server.url, { method, target: target(route), ...json })
    expect(answer.status).toBe(401)
    expect(answer.headers['www-authenticate']).toContain('Basic')
    expect(answer.body).toMatchObject({ code: 'UNAUTHORIZED', status: 401 })
  }
})

let addresses = 0
function newAddress(): string {
  addresses += 1
  return `10.0.0.${addresses}`
}

test.for(routes)('wrong credentials are 401 of $title, never Anonymous', async (named) => {
  if (needOf(named)?.kind === 'open') return
  const { route } = named
  const answer = await askApi(server.url, {
    method: route.method,
    target: target(route),
    // From an address of its own: who fails often has to wait.
    headers: { 'x-apikey': `ent_${'A'.repeat(43)}`, 'x-forwarded-for': newAddress() },
  })
  expect(answer.status).toBe(401)
})

const forAdministrators = guarded.filter((named) => needOf(named)?.kind === 'server')

test.for(forAdministrators)('a feed key hears 403 of $title', async ({ route }) => {
  const answer = await askApi(server.url, {
    method: route.method,
    target: target(route),
    headers: { 'x-apikey': key },
  })
  expect(answer.status).toBe(403)
  expect(answer.body).toMatchObject({
    detail: expect.stringContaining(
      'The specified API key does not have the proper permissions to perform this action',
    ),
  })
})

/** Where a caller is let in, for routes that look at that first. */
const place = { feed: 'main', repo: 'app' }
const placed = ['deletions', 'registries', 'repositories', 'retention', 'sizes', 'tags']

test.for(guarded)('an unknown field is refused by name of $title', async ({ route, resource }) => {
  const where = placed.includes(resource) || takesRepository(route) ? place : {}
  const query = { ...where, nonsense: 'x' }
  const target = addressOf(route, { params: { name: 'main' }, query })
  const answer = await askApi(server.url, {
    method: route.method,
    target,
    headers: { authorization: server.admin },
    ...(route.method !== 'GET' && { json: { ...where, alsoNonsense: 1 } }),
  })
  expect(answer.status).toBe(422)
  const { errors, code } = answer.body as { errors: { field: string }[]; code: string }
  expect(code).toBe('INVALID_FIELDS')
  const fields = errors.map(({ field }) => field)
  expect(fields).toContain('nonsense')
  if (route.method !== 'GET') expect(fields).toContain('alsoNonsense')
})

function takesRepository({ query }: Route): boolean {
  return query instanceof z.ZodObject && 'repo' in query.shape
}

test('what is no JSON, no object or of another type is refused in its own way', async () => {
  const { url, admin } = server
  const add = (body: string, type: string) =>
    fetch(`${url}/api/security/users/add`, {
      method: 'POST',
      headers: { authorization: admin, 'content-type': type },
      body,
    })
  expect((await add('{', 'application/json')).status).toBe(400)
  expect((await add('[]', 'application/json')).status).toBe(422)
  expect((await add('null', 'application/json')).status).toBe(422)
  expect((await add('{"name":"x"}', 'text/plain')).status).toBe(415)
  expect((await add('{"__proto__":{"name":"x"}}', 'application/json')).status).toBe(422)
  expect((await add(`{"name":"${'x'.repeat(2 ** 21)}"}`, 'application/json')).status).toBe(413)
})

test('an address that is none is 404, and answers are never stored', async () => {
  const admin = basic('Admin', server.adminPassword)
  const none = await askApi(server.url, {
    target: '/api/security/nonsense',
    headers: { authorization: admin },
  })
  expect(none.status).toBe(404)
  const list = await askApi(server.url, {
    target: '/api/security/users/list',
    headers: { authorization: admin },
  })
  expect(list.headers['cache-control']).toBe('no-store')
  expect(list.headers['x-content-type-options']).toBe('nosniff')
})
