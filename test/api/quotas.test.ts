import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { CallError, type Client, call } from '../../contract/call.ts'
import { openDatabase } from '../../server/db/database.ts'
import { hasSizeChanges } from '../../server/db/sizes.ts'
import { clientOf } from '../support/api-call.ts'
import { image } from '../support/content.ts'
import { addPerson, tasks, untilRulesAreNew } from '../support/people.ts'
import { pushImage } from '../support/push.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { send } from '../support/wire.ts'

let server: TestServer
let admin: Client
let manager: Client
const app = image('quotas')
const ofApp = { feed: 'team', repo: 'app' }
beforeAll(async () => {
  server = await startServer()
  await server.createFeed('team')
  admin = clientOf(server.url, server.admin)
  const person = await addPerson(server, 'mia', { task: tasks.manage, feed: 'team' })
  manager = clientOf(server.url, person.authorization)
  const table = { url: server.url, callers: { admin: server.admin } }
  await pushImage(table, 'team/app', app, ['1'])
  await pushImage(table, 'team/other', app, ['1'])
  await untilRulesAreNew()
})
afterAll(() => server[Symbol.asyncDispose]())

function setFeed(
  client: Client,
  body: { quotaBytes?: number | null; repositoryQuotaBytes?: number | null; description?: string },
) {
  return call(client, api.feeds.update, { params: { name: 'team' }, body })
}
const setApp = (client: Client, quotaBytes: number | null) =>
  call(client, api.repositories.update, { query: ofApp, body: { quotaBytes } })
const statusOf = async (promise: Promise<unknown>) =>
  promise.then(
    () => 200,
    (error: unknown) => (error instanceof CallError ? error.problem.status : error),
  )
const blobBytes = app.blobs.reduce((sum, { bytes }) => sum + bytes.byteLength, 0)
const manifestBytes = app.manifest.bytes.byteLength

test('the metrics add up nothing where no registry has a quota', async () => {
  await using db = await openDatabase({ url: server.config.databaseUrl })
  expect(await hasSizeChanges(db.read)).toBe(true)
  const headers = { authorization: server.admin }
  await send(server.url, { method: 'GET', target: '/metrics', headers })
  expect(await hasSizeChanges(db.read)).toBe(true)
})

test('a registry tells its quota and what it has, each blob once', async () => {
  expect(await call(admin, api.registries.get, { query: { feed: 'team' } })).toMatchObject({
    quota: null,
  })
  const quotaBytes = 10 * (blobBytes + 2 * manifestBytes)
  expect(await setFeed(admin, { quotaBytes })).toMatchObject({
    quotaBytes,
    repositoryQuotaBytes: null,
  })
  const usedBytes = blobBytes + 2 * manifestBytes
  expect((await call(admin, api.registries.get, { query: { feed: 'team' } })).quota).toEqual({
    ...{ bytes: quotaBytes, usedBytes, nearlyFull: false },
  })
  await setFeed(admin, { quotaBytes: Math.floor(usedBytes / 0.8) })
  const [, team] = await call(admin, api.registries.list)
  expect(team?.quota).toMatchObject({ usedBytes, nearlyFull: true })
})

test('a repository has its own quota, or what the registry says', async () => {
  const get = async () => call(admin, api.repositories.get, { query: ofApp })
  expect(await get()).toMatchObject({ quota: null, ownQuotaBytes: null, canManage: true })
  const usedBytes = blobBytes + manifestBytes
  await setFeed(admin, { repositoryQuotaBytes: 5 * usedBytes })
  expect(await get()).toMatchObject({
    quota: { bytes: 5 * usedBytes, usedBytes, nearlyFull: false },
    ownQuotaBytes: null,
  })
  expect(await setApp(admin, usedBytes)).toMatchObject({
    quota: { bytes: usedBytes, usedBytes, nearlyFull: true },
    ownQuotaBytes: usedBytes,
  })
  const [listed, other] = await call(admin, api.repositories.list, { query: { feed: 'team' } })
  expect([listed?.quota?.bytes, other?.quota?.bytes]).toEqual([usedBytes, 5 * usedBytes])
  expect(await setApp(admin, null)).toMatchObject({ ownQuotaBytes: null })
})

test('who manages a registry divides its room, and does not make it larger', async () => {
  expect(await statusOf(setFeed(manager, { quotaBytes: 1e12 }))).toBe(403)
  expect(await statusOf(setFeed(manager, { quotaBytes: null }))).toBe(403)
  const { quotaBytes } = await call(manager, api.feeds.get, { params: { name: 'team' } })
  expect(await setFeed(manager, { quotaBytes, description: 'ours' })).toMatchObject({ quotaBytes })
  expect(await setFeed(manager, { repositoryQuotaBytes: 1e9 })).toMatchObject({
    repositoryQuotaBytes: 1e9,
  })
  expect(await setApp(manager, 2e9)).toMatchObject({ ownQuotaBytes: 2e9 })
})

test.each([-1, 1.5, '5GB', Number.MAX_SAFE_INTEGER + 1])('%s is no quota', async (bytes) => {
  const quotaBytes = bytes as number
  expect(await statusOf(setFeed(admin, { quotaBytes }))).toBe(422)
  expect(await statusOf(setApp(admin, quotaBytes))).toBe(422)
})

test('a repository that is not there has none', async () => {
  const query = { feed: 'team', repo: 'nobody' }
  const body = { quotaBytes: 5 }
  expect(await statusOf(call(admin, api.repositories.update, { query, body }))).toBe(404)
})

test('changes are in the audit, and figures in the metrics and the self-test', async () => {
  await setFeed(admin, { quotaBytes: 1000 })
  await setApp(admin, 77)
  const events = await call(admin, api.audit.list, { query: { feed: 'team', count: '2' } })
  expect(events).toMatchObject([
    { kind: 'repository.changed', by: 'Admin', repository: 'app', detail: { quota_bytes: 77 } },
    { kind: 'feed.changed', by: 'Admin', detail: { quota_bytes: 1000 } },
  ])
  const headers = { authorization: server.admin }
  const metrics = await send(server.url, { method: 'GET', target: '/metrics', headers })
  const text = metrics.body.toString()
  expect(text).toContain('entrepot_feed_quota_bytes{feed="team"} 1000')
  const usedBytes = blobBytes + 2 * manifestBytes
  expect(text).toContain(`entrepot_feed_used_bytes{feed="team"} ${usedBytes}`)
  expect(text).not.toContain('{feed="main"}')
  const { checks } = await call(admin, api.health.selfTest)
  expect(checks.find(({ name }) => name === 'quotas')).toMatchObject({
    status: 'warning',
    detail: expect.stringMatching(/^team has .* of 1.00 kB \(\d+ %\)\.$/),
  })
  await setFeed(admin, { quotaBytes: 1e9 })
  const again = await call(admin, api.health.selfTest)
  expect(again.checks.find(({ name }) => name === 'quotas')).toMatchObject({ status: 'ok' })
})
