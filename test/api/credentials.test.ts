import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { type ApiRequest, askApi, clientOf } from '../support/api-call.ts'
import { openMemoryLog } from '../support/memory-log.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { basic } from '../support/wire.ts'

const memory = openMemoryLog()
let server: TestServer
let key: string
let otherKey: string
beforeAll(async () => {
  server = await startServer({ trustProxy: ['127.0.0.1'] }, { log: memory.log })
  const create = async () =>
    (
      await call(clientOf(server.url, server.admin), api.apiKeys.create, {
        body: { type: 'system' },
      })
    ).key ?? ''
  key = await create()
  otherKey = await create()
})
afterAll(() => server[Symbol.asyncDispose]())

/** What each way makes of a request that an administrator may send. */
const ways: readonly (readonly [way: string, request: () => Partial<ApiRequest>])[] = [
  ['X-ApiKey', () => ({ headers: { 'x-apikey': key } })],
  ['key in the address', () => ({ target: `/api/security/groups/add?key=${key}` })],
  ['API_Key in JSON', () => ({ json: { API_Key: key } })],
  ['key in a form', () => ({ form: { key } })],
  ['Basic api', () => ({ headers: { authorization: basic('api', key) } })],
  ['Basic user', () => ({ headers: { authorization: server.admin } })],
  [
    'user:password as X-ApiKey',
    () => ({ headers: { 'x-apikey': `Admin:${server.adminPassword}` } }),
  ],
  [
    'the same key twice',
    () => ({ headers: { 'x-apikey': key, authorization: basic('api', key) } }),
  ],
]

let count = 0
async function addGroup(request: Partial<ApiRequest>) {
  count += 1
  const name = `group${count}`
  const { form, json } = request
  // Each from an address of its own: who fails often has to wait.
  const headers = { ...request.headers, 'x-forwarded-for': `10.0.0.${count}` }
  return await askApi(server.url, {
    target: '/api/security/groups/add',
    ...request,
    headers,
    ...(form === undefined ? { json: { name, ...(json as object) } } : { form: { name, ...form } }),
  })
}

test.for(ways)('%s is taken', async ([, request]) => {
  const answer = await addGroup(request())
  expect(answer.body).toMatchObject({ name: `group${count}` })
  expect(answer.status).toBe(200)
})

const wrong: readonly (readonly [way: string, request: () => Partial<ApiRequest>])[] = [
  ['an unknown key', () => ({ headers: { 'x-apikey': `ent_${'x'.repeat(43)}` } })],
  ['an empty key', () => ({ headers: { 'x-apikey': '' } })],
  ['a key that is no text', () => ({ json: { API_Key: 5 } })],
  ['two keys in the address', () => ({ target: `/api/security/groups/add?key=${key}&key=${key}` })],
  ['an empty key in the address', () => ({ target: '/api/security/groups/add?key=' })],
  ['a wrong password', () => ({ headers: { authorization: basic('Admin', 'wrong') } })],
  ['a wrong pseudo-key', () => ({ headers: { 'x-apikey': 'Admin:wrong' } })],
  ['a scheme that nobody knows', () => ({ headers: { authorization: 'Digest abc' } })],
  ['a token of /v2', () => ({ headers: { authorization: 'Bearer abc' } })],
  [
    'a right key beside a wrong one',
    () => ({ headers: { 'x-apikey': key }, json: { API_Key: 'ent_x' } }),
  ],
  [
    'right keys of two callers',
    () => ({ headers: { 'x-apikey': key, authorization: basic('api', otherKey) } }),
  ],
]

test.for(wrong)('%s is 401', async ([, request]) => {
  expect((await addGroup(request())).status).toBe(401)
})

test('user:password is no key where the setting says so', async () => {
  const admin = clientOf(server.url, server.admin)
  const pseudo = { headers: { 'x-apikey': `Admin:${server.adminPassword}` } }
  await call(admin, api.settings.set, { query: { name: 'Api.AllowPseudoKeys', value: 'false' } })
  const refused = await addGroup(pseudo)
  expect(refused.status).toBe(401)
  expect(refused.body).toMatchObject({ detail: expect.stringContaining('Api.AllowPseudoKeys') })
  const inBasic = await addGroup({
    headers: { authorization: basic('api', `Admin:${server.adminPassword}`) },
  })
  expect(inBasic.status).toBe(401)
  expect((await addGroup({ headers: { authorization: server.admin } })).status).toBe(200)
  await call(admin, api.settings.set, { query: { name: 'Api.AllowPseudoKeys' } })
  expect((await addGroup(pseudo)).status).toBe(200)
})

test('a key that expired says so; one that was deleted or switched off is unknown', async () => {
  const admin = clientOf(server.url, server.admin)
  const made = await call(admin, api.apiKeys.create, { body: { type: 'system' } })
  const use = () => addGroup({ headers: { 'x-apikey': made.key ?? '' } })
  const query = { id: String(made.id) }
  expect((await use()).status).toBe(200)
  await call(admin, api.apiKeys.update, { query, body: { expiration: '2020-01-01' } })
  await sleep(1000)
  const expired = await use()
  expect(expired.status).toBe(401)
  expect(expired.body).toMatchObject({ detail: expect.stringContaining('expired') })
  await call(admin, api.apiKeys.update, { query, body: { expiration: null, enabled: false } })
  await sleep(1000)
  expect((await use()).status).toBe(401)
  await call(admin, api.apiKeys.update, { query, body: { enabled: true } })
  await sleep(1000)
  expect((await use()).status).toBe(200)
  await call(admin, api.apiKeys.delete, { query })
  await sleep(1000)
  expect((await use()).status).toBe(401)
})

test('the address of the next page does not repeat the key', async () => {
  const answer = await askApi(server.url, { target: `/api/security/tasks/list?key=${key}&count=2` })
  expect(answer.status).toBe(200)
  expect(answer.headers.link).toContain('rel="next"')
  expect(answer.headers.link).not.toContain(key)
})

test('no secret that was sent is in the log, nor when the server fails', async () => {
  // A directory that cannot be asked is a failure, and is logged.
  await call(clientOf(server.url, server.admin), api.directories.add, {
    body: {
      name: 'down',
      kind: 'ldap',
      settings: { host: '127.0.0.1', port: 1, userSearchBase: 'dc=example,dc=test' },
    },
  })
  await sleep(1000)
  const target = '/api/security/groups/list?count=5&key=zoe:the-password-of-zoe'
  const failed = await askApi(server.url, { target })
  expect(failed.status).toBe(503)
  expect(JSON.stringify(memory.lines())).toContain('/api/security/groups/list')
  expect(JSON.stringify(memory.lines())).not.toContain('the-password-of-zoe')
  const log = JSON.stringify(memory.lines())
  for (const secret of [key, otherKey, server.adminPassword]) expect(log).not.toContain(secret)
})
