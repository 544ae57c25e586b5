import { afterAll, beforeAll, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { clientOf } from '../support/api-call.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { basic, jsonOf, type RequestHeaders, send } from '../support/wire.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer({ trustProxy: ['127.0.0.1'] })
})
afterAll(() => server[Symbol.asyncDispose]())

const form = { 'content-type': 'application/x-www-form-urlencoded' }

interface Use {
  readonly method: string
  readonly target: string
  readonly headers: RequestHeaders
  readonly body?: string
}

async function refreshTokenOf(key: string): Promise<string> {
  const answer = await send(server.url, {
    method: 'GET',
    target: '/v2/_auth?service=registry&offline_token=true',
    headers: { authorization: basic('api', key) },
  })
  return String((jsonOf(answer) as Record<string, unknown>).refresh_token)
}

const uses: readonly (readonly [way: string, make: (key: string) => Promise<Use> | Use])[] = [
  [
    'Basic',
    (key) => ({
      method: 'GET',
      target: '/v2/_auth?service=registry',
      headers: { authorization: basic('api', key) },
    }),
  ],
  [
    'a form with the key as password',
    (key) => ({
      method: 'POST',
      target: '/v2/_auth',
      headers: form,
      body: `grant_type=password&service=registry&username=api&password=${key}`,
    }),
  ],
  [
    'the identity token that was issued for it',
    async (key) => ({
      method: 'POST',
      target: '/v2/_auth',
      headers: form,
      body: `grant_type=refresh_token&service=registry&refresh_token=${await refreshTokenOf(key)}`,
    }),
  ],
  [
    'a look at the metrics',
    (key) => ({
      method: 'GET',
      target: '/metrics',
      headers: { authorization: basic('api', key) },
    }),
  ],
]

test.for(uses)('the use of a key counts: %s', async ([, make], { expect }) => {
  const admin = clientOf(server.url, server.admin)
  const { id, key } = await call(admin, api.apiKeys.create, {
    body: { type: 'system', logging: 'request' },
  })
  const { headers, ...use } = await make(key ?? '')
  const before = Date.now()
  const address = '198.51.100.23'
  const answer = await send(server.url, {
    ...use,
    headers: { ...headers, 'x-forwarded-for': address },
  })
  expect(answer.status).toBe(200)
  const find = async () => {
    const all = await call(admin, api.apiKeys.list)
    return all.find((each) => each.id === id)?.lastUsedAddress
  }
  await expect.poll(find, { timeout: 10_000, interval: 300 }).toBe(address)
  const found = (await call(admin, api.apiKeys.list)).find((each) => each.id === id)
  expect(Date.parse(found?.lastUsed ?? '')).toBeGreaterThanOrEqual(before)
  const [newest] = await call(admin, api.apiKeys.requests, { query: { id: String(id) } })
  const { method, target } = use
  expect(newest).toMatchObject({ method, path: target.split('?')[0], status: 200, address })
})
