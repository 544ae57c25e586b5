import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import type { RunInfo } from '../../contract/jobs.ts'
import type { StoreInfo } from '../../contract/storage.ts'
import type { Bucket } from '../../server/blobs/bucket.ts'
import { askApi } from '../support/api-call.ts'
import { type Cloud, type CloudPlace, clouds } from '../support/cloud-stores.ts'
import { digestOf } from '../support/content.ts'
import { createDatabase } from '../support/postgres.ts'
import { adminPassword, type ServerProcess, startProcess } from '../support/process.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { basic, send } from '../support/wire.ts'

vi.setConfig({ testTimeout: 600_000 })
afterAll(() => vi.resetConfig())

const mebibyte = 1024 * 1024
const authorization = basic('Admin', adminPassword)
const rgw = clouds.find(({ name }) => name === 'RGW')
const missing = [inject('postgresMissing'), rgw?.missing ?? 'RGW']
  .filter((reason) => reason !== '')
  .join(', ')

describe.skipIf(missing !== '')(`two processes on one PostgreSQL and one S3 ${missing}`, () => {
  const folder = makeTemporaryFolder('several-processes')
  let cloud: Cloud
  let place: CloudPlace
  let bucket: Bucket
  /** The first one was there before, and serves the folder of its own. */
  let one: ServerProcess
  let other: ServerProcess
  beforeAll(async () => {
    cloud = (await rgw?.start()) as Cloud
    place = await cloud.newPlace()
    bucket = place.openBucket()
    const name = `several_${randomBytes(6).toString('hex')}`
    const env = {
      ENTREPOT_DATABASE_URL: await createDatabase(inject('postgresUrl'), name),
      ENTREPOT_SECRET_KEY: randomBytes(32).toString('hex'),
    }
    const start = (data: string) => {
      const dataDir = path.join(folder.path, data)
      mkdirSync(dataDir)
      return startProcess({ dataDir, env })
    }
    // Together, on a new database: each may be the one that fills it.
    ;[one, other] = await Promise.all([start('one'), start('other')])
    if ((await push(one, 'main/first', [randomBytes(10)])).status === 503) {
      ;[one, other] = [other, one]
    }
    await call(one, 'POST', '/api/settings/set?name=Cleanup.GraceSeconds&value=0')
  })
  afterAll(async () => {
    await other?.[Symbol.asyncDispose]()
    await one?.[Symbol.asyncDispose]()
    await bucket?.[Symbol.asyncDispose]()
    await cloud?.[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  test('serve a folder from one of them, and the other one says so', async () => {
    const pushed = await push(one, 'main/app', [randomBytes(1000)])
    expect(pushed.status).toBe(201)
    const pulled = await ask(other, 'GET', `/v2/main/app/blobs/${pushed.digest}`)
    expect(pulled.status).toBe(503)
    expect(pulled.headers['retry-after']).toBe('5')
    expect(pulled.body.toString()).toMatch(/another process has this disk store/i)
    expect(pulled.body.toString()).not.toContain(folder.path)
    expect((await ask(other, 'HEAD', `/v2/main/app/blobs/${pushed.digest}`)).status).toBe(200)
    expect((await ask(other, 'GET', '/health')).status).toBe(200)
    const stores = await call<StoreInfo[]>(other, 'GET', '/api/storage/stores')
    expect(stores[0]?.problem).toMatch(/another process has this disk store/i)
    // From here on the other one knows of a folder that it has no part in.
    await call(one, 'POST', '/api/management/feeds/create', { name: 'local' })
    const storage = { id: 'disk', properties: { StoragePath: 'elsewhere' } }
    await call(one, 'POST', '/api/storage?feed=local', storage)
  })

  test('move what is in the folder to where both reach it', async () => {
    const { id, properties } = place
    await call(one, 'POST', '/api/storage?feed=main', { id, properties })
    await ended(one, 'FeedMove', 'main')
    // Whichever took the run: one of them alone can read the folder.
    for (let attempt = 1; attempt < 20; attempt += 1) {
      const [last] = await call<RunInfo[]>(one, 'GET', '/api/jobs/runs?job=FeedMove&feed=main')
      if (last?.state === 'succeeded') break
      expect(last?.error).toMatch(/another process has this disk store/i)
      await call(one, 'POST', '/api/jobs/run?job=FeedMove&feed=main')
      await ended(one, 'FeedMove', 'main')
    }
    const shown = await call<{ moving: boolean }>(other, 'GET', '/api/storage?feed=main')
    expect(shown.moving).toBe(false)
  })

  test('pull what the other one was given', async () => {
    const small = await push(one, 'main/app', [randomBytes(2000)])
    const large = await push(other, 'main/app', [randomBytes(9 * mebibyte), randomBytes(77)])
    expect([small.status, large.status]).toEqual([201, 201])
    for (const server of [one, other]) {
      for (const { digest } of [small, large]) await pull(server, 'main/app', digest)
    }
  })

  test('go on with an upload that began at the other one', async () => {
    const content = randomBytes(21 * mebibyte)
    const start = await ask(one, 'POST', '/v2/main/app/blobs/uploads/')
    const cuts = [0, 9 * mebibyte + 5, 9 * mebibyte + 6, content.length]
    let location = start.headers.location ?? ''
    for (const [at, server] of [one, other, one].entries()) {
      const body = content.subarray(cuts[at], cuts[at + 1])
      const sent = await ask(server, 'PATCH', location, body)
      expect(sent.status, sent.body.toString()).toBe(202)
      location = sent.headers.location ?? ''
    }
    const digest = digestOf(content)
    const end = await ask(other, 'PUT', `${location}?digest=${digest}`)
    expect(end.status, end.body.toString()).toBe(201)
    await pull(one, 'main/app', digest)
    const page = { prefix: '', after: null, count: 1000 }
    expect(await bucket.listIncomplete(page)).toEqual([])
    expect(await bucket.list({ ...page, prefix: 'uploads/' })).toEqual([])
  })

  test('clean up what was deleted at the other one', async () => {
    const blobs = () => bucket.list({ prefix: 'blobs/', after: null, count: 1000 })
    const { digest } = await push(one, 'main/gone', [randomBytes(5000)])
    const before = (await blobs()).length
    const deleted = await ask(other, 'DELETE', `/v2/main/gone/blobs/${digest}`)
    expect(deleted.status).toBe(202)
    await call(other, 'POST', '/api/jobs/run?job=StorageCleanup')
    await ended(one, 'StorageCleanup')
    expect((await blobs()).length).toBe(before - 1)
  })

  test('have nothing to complain of that is not theirs', async () => {
    // Longer than it takes to look at what others define.
    await sleep(2500)
    const told = readFileSync(other.logFile, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
    const wanted = /another process has this disk store/i
    expect(told.filter((line) => line.includes('"level":"error"') && !wanted.test(line))).toEqual(
      [],
    )
    expect(told.filter((line) => line.includes('elsewhere')).length).toBe(0)
  })
})

function ask(server: ServerProcess, method: string, target: string, body?: Buffer) {
  return send(server.url, { method, target, headers: { authorization }, ...(body && { body }) })
}

async function call<T>(
  server: ServerProcess,
  method: string,
  target: string,
  json?: unknown,
): Promise<T> {
  const answer = await askApi(server.url, {
    ...{ method, target, headers: { authorization } },
    ...(json !== undefined && { json }),
  })
  expect(answer.status, `${target}: ${JSON.stringify(answer.body)}`).toBe(200)
  return answer.body as T
}

async function push(server: ServerProcess, name: string, pieces: readonly Buffer[]) {
  const digest = digestOf(Buffer.concat(pieces))
  const start = await ask(server, 'POST', `/v2/${name}/blobs/uploads/`)
  if (start.status !== 202) return { status: start.status, digest }
  let location = start.headers.location ?? ''
  for (const body of pieces) {
    const sent = await ask(server, 'PATCH', location, body)
    expect(sent.status, sent.body.toString()).toBe(202)
    location = sent.headers.location ?? ''
  }
  const { status } = await ask(server, 'PUT', `${location}?digest=${digest}`)
  return { status, digest }
}

async function pull(server: ServerProcess, name: string, digest: string): Promise<void> {
  const answer = await ask(server, 'GET', `/v2/${name}/blobs/${digest}`)
  expect(answer.status, answer.body.toString().slice(0, 300)).toBe(200)
  expect(digestOf(answer.body)).toBe(digest)
}

async function ended(server: ServerProcess, job: string, feed?: string): Promise<void> {
  const query = feed === undefined ? '' : `&feed=${feed}`
  for (;;) {
    const runs = await call<RunInfo[]>(server, 'GET', `/api/jobs/runs?count=20&job=${job}${query}`)
    if (runs.length > 0 && runs.every((each) => each.endedAt)) return
    await sleep(50)
  }
}
