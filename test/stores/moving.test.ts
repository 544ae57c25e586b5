import { readdirSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test, vi } from 'vitest'
import type { RunInfo } from '../../contract/jobs.ts'
import type { FeedStorage } from '../../contract/storage.ts'
import { askApi } from '../support/api-call.ts'
import { switchOffCleanup } from '../support/cleanup-switch.ts'
import { clouds } from '../support/cloud-stores.ts'
import { digestOf } from '../support/content.ts'
import { type Random, seededRandom } from '../support/random.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { send } from '../support/wire.ts'

const seed = Number(process.env.ENTREPOT_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32))
const blobs = Number(process.env.ENTREPOT_TEST_BLOBS ?? 40)
const pullers = 3
const mebibyte = 1024 * 1024
/** Readers finish within it. */
const graceSeconds = 4

vi.setConfig({ testTimeout: 600_000 + 1000 * blobs })
afterAll(() => vi.resetConfig())

const kinds = clouds.filter(({ name }) => name !== 'Swift')
const missing = kinds
  .map((kind) => kind.missing)
  .filter((reason) => reason !== '')
  .join(', ')

describe.skipIf(missing !== '')(`a registry that moves ${missing}`, () => {
  test(`of ${blobs} blobs fails no pull, from disk to S3, Azure and back (ENTREPOT_TEST_SEED=${seed})`, async () => {
    const [rgw, azurite] = kinds
    if (rgw === undefined || azurite === undefined) throw new Error('two services are needed')
    await using s3 = await rgw.start()
    await using azure = await azurite.start()
    await using server = await startServer({}, { jobTimes: { tickMs: 50, beatMs: 50 } })
    const random = seededRandom(seed)
    await call(server, 'POST', `/api/settings/set?name=Cleanup.GraceSeconds&value=${graceSeconds}`)
    await server.createFeed('moving')
    // No manifest refers to what is pushed here: at its time of the night it would go.
    await switchOffCleanup(server, 'moving')
    const pushed: string[] = []
    for (let at = 0; at < blobs; at += 1) pushed.push(await push(server, random))
    const traffic = startTraffic(server, pushed)
    const places = [await s3.newPlace(), await azure.newPlace()] as const
    const left: (() => Promise<number>)[] = [async () => countFiles(server, 'store')]
    const took: string[] = []
    for (const place of places) {
      await using bucket = place.openBucket()
      took.push(await moveTo(server, place, left.at(-1)))
      const page = { prefix: '', after: null, count: 1000 }
      expect(await bucket.listIncomplete(page)).toEqual([])
      left.push(async () => {
        await using again = place.openBucket()
        return (await again.list({ ...page, prefix: 'blobs/' })).length
      })
    }
    const disk = { id: 'disk', properties: { StoragePath: 'back' } }
    took.push(await moveTo(server, disk, left.at(-1)))
    const { pulls, pushes, failures } = await traffic.stop()
    expect(failures).toEqual([])
    expect(pulls).toBeGreaterThan(pullers)
    expect(pushed.length).toBe(blobs + pushes)
    for (const target of pushed) expect(await pull(server, target)).toBe('')
    expect(countFiles(server, 'back')).toBe(
      new Set(pushed.map((each) => each.split('/').at(-1))).size,
    )
    process.stdout.write(
      `${blobs} blobs moved in ${took.join(', ')} s; meanwhile ${pulls} pulls, ${pushes} pushes, 0 failed\n`,
    )
  })
})

/** Sets the place, waits until all is there and the former one is empty; the seconds of the move. */
async function moveTo(
  server: TestServer,
  { id, properties }: { readonly id: string; readonly properties: object },
  left: (() => Promise<number>) | undefined,
): Promise<string> {
  const startedAt = performance.now()
  const set = await call<FeedStorage>(server, 'POST', '/api/storage?feed=moving', {
    id,
    properties,
  })
  expect(set.moving).toBe(true)
  for (;;) {
    const runs = await call<RunInfo[]>(server, 'GET', '/api/jobs/runs?job=FeedMove&count=100')
    if (runs.every(({ endedAt }) => endedAt)) break
    await sleep(100)
  }
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  const shown = await call<FeedStorage>(server, 'GET', '/api/storage?feed=moving')
  expect(shown).toMatchObject({ moving: false, elsewhere: [] })
  const [run] = await call<RunInfo[]>(server, 'GET', '/api/jobs/runs?job=FeedMove&count=1')
  expect(run).toMatchObject({ state: 'succeeded' })
  while ((await left?.()) !== 0) {
    await call(server, 'POST', '/api/jobs/run?job=StorageCleanup')
    await sleep(1000)
  }
  return seconds
}

/** Clients that pull at random and push now and then, until they are stopped. */
function startTraffic(server: TestServer, pushed: string[]) {
  const random = seededRandom(seed + 1)
  const failures: string[] = []
  let isOver = false
  let pulls = 0
  let pushes = 0
  const pulling = async () => {
    while (!isOver) {
      const failure = await pull(server, random.pick(pushed))
      pulls += 1
      if (failure !== '') failures.push(failure)
      // The move is what is to get on.
      await sleep(30)
    }
  }
  const pushing = async () => {
    while (!isOver) {
      pushed.push(await push(server, random))
      pushes += 1
      await sleep(500)
    }
  }
  const all = Promise.all([...Array.from({ length: pullers }, pulling), pushing()])
  return {
    async stop() {
      isOver = true
      await all
      return { pulls, pushes, failures }
    },
  }
}

/** Its address. */
async function push(server: TestServer, random: Random): Promise<string> {
  const size = random.chance(0.01) ? 9 * mebibyte : random.between(100, 60_000)
  const body = Buffer.alloc(size, random.bytes(97))
  const name = `moving/r${random.between(1, 5)}`
  const digest = digestOf(body)
  const start = await ask(server, 'POST', `/v2/${name}/blobs/uploads/`)
  const end = await ask(server, 'PUT', `${start.headers.location}?digest=${digest}`, body)
  expect(end.status, end.body.toString()).toBe(201)
  return `/v2/${name}/blobs/${digest}`
}

/** What was wrong with it; '': nothing. */
async function pull(server: TestServer, target: string): Promise<string> {
  const { status, body } = await ask(server, 'GET', target).catch((error: unknown) => ({
    ...{ status: 0, body: Buffer.from(String(error)) },
  }))
  if (status !== 200) return `${target}: ${status} ${body.toString().slice(0, 200)}`
  return target.endsWith(digestOf(body)) ? '' : `${target}: other bytes`
}

function ask({ url, admin }: TestServer, method: string, target: string, body?: Buffer) {
  const headers = { authorization: admin }
  return send(url, { method, target, headers, ...(body && { body }) })
}

async function call<T>({ url, admin }: TestServer, method: string, target: string, json?: unknown) {
  const headers = { authorization: admin }
  const answer = await askApi(url, { method, target, headers, ...(json !== undefined && { json }) })
  expect(answer.status, `${target}: ${JSON.stringify(answer.body)}`).toBe(200)
  return answer.body as T
}

function countFiles({ config }: TestServer, folder: string): number {
  const blobs = path.join(config.dataDir, folder, 'blobs')
  const found = readdirSync(blobs, { recursive: true, withFileTypes: true })
  return found.filter((file) => file.isFile()).length
}
