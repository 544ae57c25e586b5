import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { JobInfo, LogLine, RunInfo } from '../../contract/jobs.ts'
import { askApi } from '../support/api-call.ts'
import { descriptor, image, index } from '../support/content.ts'
import { pushImage, pushManifest } from '../support/push.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { send } from '../support/wire.ts'

// Only what never ends runs into it.
vi.setConfig({ testTimeout: 120_000 })

let server: TestServer
beforeAll(async () => {
  server = await startServer({}, { jobTimes: { tickMs: 50, beatMs: 50 } })
  await call('POST', '/api/settings/set?name=Cleanup.GraceSeconds&value=0')
})
afterAll(async () => {
  vi.resetConfig()
  await server[Symbol.asyncDispose]()
})

async function call<T>(method: string, target: string, json?: unknown, status = 200): Promise<T> {
  const headers = { authorization: server.admin }
  const answer = await askApi(server.url, {
    ...{ method, target, headers },
    ...(json !== undefined && { json }),
  })
  expect(answer.status, JSON.stringify(answer.body)).toBe(status)
  return answer.body as T
}

async function run(query: string): Promise<RunInfo> {
  const { run } = await call<RunInfo>('POST', `/api/jobs/run?${query}`)
  return ended(run)
}

async function ended(id: number): Promise<RunInfo> {
  for (;;) {
    const runs = await call<RunInfo[]>('GET', '/api/jobs/runs?count=10')
    const found = runs.find((each) => each.run === id)
    if (found?.endedAt) return found
    await sleep(20)
  }
}

async function logOf({ run }: RunInfo): Promise<string[]> {
  const lines = await call<LogLine[]>('GET', `/api/jobs/log?run=${run}&count=1000`)
  return lines.map(({ message }) => message)
}

async function statusOf(target: string): Promise<number> {
  const headers = { authorization: server.admin }
  return (await send(server.url, { method: 'GET', target, headers })).status
}

const table = () => ({ url: server.url, callers: { admin: server.admin } })

test('each registry has its jobs, and the server its own; their time can be changed', async () => {
  const jobs = async () => call<JobInfo[]>('GET', '/api/jobs/list')
  while ((await jobs()).length < 4) await sleep(20)
  const all = await jobs()
  expect(all.map(({ job, feed }) => [job, feed])).toEqual(
    expect.arrayContaining([
      ['FeedCleanup', 'main'],
      ['FeedIntegrity', 'main'],
      ['StorageCleanup', null],
      ['StorageReconcile', null],
    ]),
  )
  for (const { nextRun } of all) expect(Date.parse(nextRun ?? '')).toBeGreaterThan(Date.now())
  const of = '/api/jobs/update?job=feedcleanup&feed=main'
  const change = { schedule: '15 3 * * 1', timeZone: 'America/New_York' }
  const changed = await call<JobInfo>('POST', of, change)
  expect(changed).toMatchObject({ ...change, enabled: true })
  const at = new Date(changed.nextRun ?? '')
  const local = new Intl.DateTimeFormat('en-GB', {
    ...{ timeZone: 'America/New_York', weekday: 'short', hour: '2-digit', minute: '2-digit' },
  })
  expect(local.format(at)).toContain('Mon')
  expect(local.format(at)).toContain('03:15')
  expect(await call('POST', of, { enabled: false })).toMatchObject({
    enabled: false,
    nextRun: null,
  })
  expect(await call('POST', of, { enabled: true })).toMatchObject({ ...change, enabled: true })
  const mistake = async (json: object) =>
    (await call<{ detail: string }>('POST', of, json, 422)).detail
  expect(await mistake({ schedule: 'at noon' })).toContain('five fields')
  expect(await mistake({ schedule: '* * * * * *' })).toContain('five fields')
  expect(await mistake({ timeZone: 'Berlin' })).toContain('Europe/Berlin')
  await call('POST', '/api/jobs/update?job=FeedDeletion', {}, 404)
})

test('what makes no sense to ask for is refused, and says why', async () => {
  const mistake = async (query: string, status = 422) =>
    (await call<{ detail: string }>('POST', `/api/jobs/run?${query}`, undefined, status)).detail
  expect(await mistake('job=None', 404)).toContain('FeedCleanup')
  expect(await mistake('job=FeedCleanup')).toContain('name it')
  expect(await mistake('job=StorageCleanup&feed=main')).toContain("server's job")
  expect(await mistake('job=FeedCleanup&feed=main&step=all')).toContain(
    'uploads, retention, garbage, storage',
  )
  expect(await mistake('job=FeedIntegrity&feed=main&dryRun=true')).toContain('cannot be tried')
  expect(await mistake('job=FeedDeletion&feed=main')).toContain('by hand')
  await call('GET', '/api/jobs/log?run=999999', undefined, 404)
  await call('POST', '/api/jobs/cancel?run=999999', undefined, 404)
})

test('a deleted image is freed by one run; a dry run only says what would go', async () => {
  const kept = image('kept')
  const doomed = image('doomed')
  await pushImage(table(), 'main/app', kept, ['v1'])
  await pushImage(table(), 'main/app', doomed)
  const multi = index([descriptor(doomed.manifest)])
  await pushManifest(table(), 'main/app', multi, 'multi')
  await run('job=FeedCleanup&feed=main')
  const headers = { authorization: server.admin }
  const target = `/v2/main/app/manifests/${multi.digest}`
  expect((await send(server.url, { method: 'DELETE', target, headers })).status).toBe(202)
  await sleep(5)

  const dry = await run('job=FeedCleanup&feed=main&dryRun=true')
  expect(dry).toMatchObject({ state: 'succeeded', dryRun: true, counts: { manifests: 1 } })
  expect((await logOf(dry)).join('\n')).toContain(
    `Would remove the manifest ${doomed.manifest.digest}`,
  )
  expect(await statusOf(`/v2/main/app/manifests/${doomed.manifest.digest}`)).toBe(200)

  const wet = await run('job=FeedCleanup&feed=main')
  expect(wet).toMatchObject({ state: 'succeeded', errors: 0, requestedBy: 'Admin' })
  expect(wet.counts).toMatchObject({ manifests: 1, links: 3, blobs: 3, files: 3 })
  const bytes = doomed.blobs.reduce((sum, blob) => sum + blob.bytes.byteLength, 0)
  expect(wet.counts.bytesFreed).toBe(bytes)
  const lines = (await logOf(wet)).join('\n')
  for (const blob of doomed.blobs) expect(lines).toContain(blob.digest)
  for (const blob of kept.blobs) expect(lines).not.toContain(blob.digest)
  expect(await statusOf(`/v2/main/app/manifests/${doomed.manifest.digest}`)).toBe(404)
  expect(await statusOf('/v2/main/app/manifests/v1')).toBe(200)
  for (const blob of kept.blobs) {
    expect(await statusOf(`/v2/main/app/blobs/${blob.digest}`)).toBe(200)
  }
  expect((await run('job=FeedCleanup&feed=main')).counts).toEqual({})
})

test('the log of a run is paged, and follows', async () => {
  const runs = await call<RunInfo[]>('GET', '/api/jobs/runs?job=FeedCleanup&feed=main')
  const found = runs.find(({ counts }) => (counts.blobs ?? 0) > 1)
  const page = await call<LogLine[]>('GET', `/api/jobs/log?run=${found?.run}&count=2&feed=main`)
  expect(page).toHaveLength(2)
  const next = `/api/jobs/log?run=${found?.run}&after=${page[1]?.id}`
  expect((await call<LogLine[]>('GET', next)).length).toBeGreaterThan(2)
  await server.createFeed('elsewhere')
  await call('GET', `/api/jobs/log?run=${found?.run}&feed=elsewhere`, undefined, 404)
})

test('a deleted repository is emptied by a job; what is pushed afterwards stays', async () => {
  const old = image('old')
  const both = index([descriptor(old.manifest)])
  await pushImage(table(), 'main/gone', old, ['v1'])
  await pushManifest(table(), 'main/gone', both, 'all')
  const target = '/api/containers/repositories/delete?feed=main&repo=gone'
  const asked = await call<{ run: number }>('POST', target)
  const done = await ended(asked.run)
  expect(done).toMatchObject({ job: 'RepositoryDeletion', repository: 'gone', state: 'succeeded' })
  expect(done.counts.rows).toBeGreaterThan(2)
  expect(await statusOf('/v2/main/gone/manifests/v1')).toBe(404)
  await pushImage(table(), 'main/gone', old, ['v2'])
  expect(await statusOf('/v2/main/gone/manifests/v2')).toBe(200)
  const absent = '/api/containers/repositories/delete?feed=main&repo=none'
  await call('POST', absent, undefined, 404)
})
