import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { CallError, type Client, call, callPage } from '../../contract/call.ts'
import { askApi, clientOf, problemOf } from '../support/api-call.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { basic } from '../support/wire.ts'

const password = 'a long enough password'
let server: TestServer
let admin: Client
beforeAll(async () => {
  server = await startServer()
  admin = clientOf(server.url, server.admin)
})
afterAll(() => server[Symbol.asyncDispose]())

async function statusOf(promise: Promise<unknown>): Promise<number> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (error === undefined) return 200
  if (error instanceof CallError) return error.problem.status
  throw error
}

test('a registry is created, changed in part, sent back as it came, and deleted twice', async () => {
  const { feeds } = api
  const created = await call(admin, feeds.create, {
    body: { name: 'Team', alternateNames: ['old-team'], overwrite: 'never', feedType: 'docker' },
  })
  expect(created).toEqual({
    name: 'Team',
    alternateNames: ['old-team'],
    feedType: 'docker',
    description: '',
    active: true,
    feedGroup: null,
    endpointUrl: `${server.url}/team`,
    tagDeletion: false,
    overwrite: 'never',
    sparseIndexes: false,
    externalLayers: true,
    canPublish: true,
    connectors: [],
    cacheConnectors: true,
    mirrorOf: null,
    defaultMirror: false,
    quotaBytes: null,
    repositoryQuotaBytes: null,
  })
  const params = { name: 'old-team' }
  const changed = await call(admin, feeds.update, {
    params,
    body: { description: 'Ours', tagDeletion: true },
  })
  expect(changed).toEqual({ ...created, description: 'Ours', tagDeletion: true })
  expect(await call(admin, feeds.update, { params, body: changed })).toEqual(changed)
  const emptied = await call(admin, feeds.update, {
    params,
    body: { alternateNames: null, description: null },
  })
  expect(emptied).toMatchObject({ alternateNames: [], description: '' })
  expect(await statusOf(call(admin, feeds.update, { params, body: {} }))).toBe(404)
  expect(await statusOf(call(admin, feeds.create, { body: { name: 'TEAM' } }))).toBe(409)
  for (let i = 0; i < 2; i++) await call(admin, feeds.delete, { params: { name: 'team' } })
  expect(await statusOf(call(admin, feeds.get, { params: { name: 'team' } }))).toBe(404)
})

test.for(['', 'api', 'a/b', 'ü', 'x'.repeat(301)])('no registry is named "%s"', async (name) => {
  const answer = await askApi(server.url, {
    target: '/api/management/feeds/create',
    headers: { authorization: server.admin },
    json: { name },
  })
  expect(answer.status).toBe(422)
  expect(answer.body).toMatchObject({ errors: [{ field: 'name' }] })
})

test("ProGet's methods and fields that there are not yet", async () => {
  const headers = { authorization: server.admin }
  const ask = (method: string, target: string, json?: object) =>
    askApi(server.url, { method, target, headers, ...(json && { json }) })
  const put = await ask('PUT', '/api/management/feeds/create', { name: 'putted' })
  expect(put.status).toBe(200)
  expect((await ask('DELETE', '/api/management/feeds/delete/putted')).status).toBe(200)
  const other = { name: 'nuget', feedType: 'nuget', retentionRules: [] }
  const refused = await ask('POST', '/api/management/feeds/create', other)
  expect(refused.status).toBe(422)
  const { errors } = refused.body as { errors: { field: string }[] }
  expect(errors.map(({ field }) => field).sort()).toEqual(['feedType', 'retentionRules'])
})

test('who manages a feed group makes registries in it, and nowhere else', async () => {
  const { feeds, feedGroups, securityPermissions, securityUsers } = api
  await call(admin, securityUsers.add, { body: { name: 'Lead', password } })
  await call(admin, feedGroups.create, { body: { name: 'lab' } })
  await call(admin, feedGroups.create, { body: { name: 'other' } })
  await call(admin, securityPermissions.add, {
    body: { task: 'Manage Feed', user: 'Lead', feedGroup: 'lab' },
  })
  const lead = clientOf(server.url, basic('Lead', password))
  await sleep(1000)
  const made = await call(lead, feeds.create, { body: { name: 'lab-1', feedGroup: 'LAB' } })
  expect(made.feedGroup).toBe('lab')
  expect(await statusOf(call(lead, feeds.create, { body: { name: 'lab-2' } }))).toBe(403)
  const inOther = { name: 'lab-2', feedGroup: 'other' }
  expect(await statusOf(call(lead, feeds.create, { body: inOther }))).toBe(403)
  const noGroup = { name: 'lab-2', feedGroup: 'nowhere' }
  expect(await statusOf(call(lead, feeds.create, { body: noGroup }))).toBe(403)
  expect(await statusOf(call(admin, feeds.create, { body: noGroup }))).toBe(422)
  const params = { name: 'lab-1' }
  const move = call(lead, feeds.update, { params, body: { feedGroup: 'other' } })
  expect(await statusOf(move)).toBe(403)
  expect(await statusOf(call(lead, feeds.update, { params, body: { active: false } }))).toBe(200)
  const seen = await call(lead, feeds.list)
  expect(seen.map(({ name }) => name)).toEqual(['lab-1'])
  expect(await statusOf(call(lead, feeds.delete, { params: { name: 'main' } }))).toBe(404)
  expect(await statusOf(call(lead, feedGroups.list))).toBe(403)
  await call(admin, feedGroups.delete, { query: { group: 'lab' } })
  expect((await call(admin, feeds.get, { params })).feedGroup).toBeNull()
})

test('a public registry is listed for Anonymous, and one that is not active only for managers', async () => {
  const { feeds, securityPermissions } = api
  expect(await statusOf(call(clientOf(server.url), feeds.list))).toBe(401)
  await call(admin, feeds.create, { body: { name: 'public' } })
  await call(admin, securityPermissions.add, {
    body: { task: 'View & Download Packages', user: 'Anonymous', feed: 'public' },
  })
  await sleep(1000)
  const anonymous = clientOf(server.url)
  const names = async () => (await call(anonymous, feeds.list)).map(({ name }) => name)
  expect(await names()).toEqual(['public'])
  expect((await call(anonymous, feeds.get, { params: { name: 'public' } })).canPublish).toBe(false)
  expect(await statusOf(call(anonymous, feeds.get, { params: { name: 'main' } }))).toBe(401)
  await call(admin, feeds.update, { params: { name: 'public' }, body: { active: false } })
  expect(await statusOf(call(anonymous, feeds.list))).toBe(401)
  expect(await statusOf(call(admin, feeds.get, { params: { name: 'public' } }))).toBe(200)
})

test('registries are paged by name', async () => {
  const names = ['page-a', 'Page-b', 'page-c']
  for (const name of names) await call(admin, api.feeds.create, { body: { name } })
  const first = await callPage(admin, api.feeds.list, { query: { after: 'page', count: '2' } })
  expect(first.items.map(({ name }) => name)).toEqual(['page-a', 'Page-b'])
  expect(first.next).toBe('Page-b')
  const second = await callPage(admin, api.feeds.list, {
    query: { after: first.next ?? '', count: '2' },
  })
  expect(second.items[0]?.name).toBe('page-c')
})

test('a second default mirror is refused in words that say what it is', async () => {
  const { feeds } = api
  for (const name of ['front', 'second']) await call(admin, feeds.create, { body: { name } })
  const body = { mirrorOf: null, defaultMirror: true }
  await call(admin, feeds.update, { params: { name: 'front' }, body })
  const refused = call(admin, feeds.update, { params: { name: 'second' }, body })
  expect(await problemOf(refused)).toMatchObject({
    status: 409,
    detail: 'The registry front is the default mirror already.',
  })
  const params = { name: 'front' }
  await call(admin, feeds.update, { params, body: { mirrorOf: 'docker.io', defaultMirror: false } })
  const host = { mirrorOf: 'docker.io', defaultMirror: true }
  const again = call(admin, feeds.update, { params: { name: 'second' }, body: host })
  expect(await problemOf(again)).toMatchObject({
    status: 409,
    detail: 'The registry front is the mirror of docker.io already.',
  })
})
