import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test, vi } from 'vitest'
import type { RunInfo } from '../../contract/jobs.ts'
import type { Bucket } from '../../server/blobs/bucket.ts'
import { askApi } from '../support/api-call.ts'
import { switchOffCleanup } from '../support/cleanup-switch.ts'
import { clouds } from '../support/cloud-stores.ts'
import { digestOf } from '../support/content.ts'
import { type FaultyService, openFaultyService } from '../support/faulty-service.ts'
import { type Random, seededRandom } from '../support/random.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { type Answer, send } from '../support/wire.ts'

const seed = Number(process.env.ENTREPOT_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32))
const seconds = Number(process.env.ENTREPOT_TEST_SECONDS ?? 60)
/** Of each service; without it they go on for so many seconds. */
const runsAsked = Number(process.env.ENTREPOT_TEST_RUNS ?? 0)
const pushersAtOnce = 4
const pushesEach = 2
const mebibyte = 1024 * 1024

vi.setConfig({ testTimeout: (seconds + 600 + 60 * runsAsked) * 1000 })
afterAll(() => vi.resetConfig())

const tried = clouds.filter(({ name }) => name !== 'Swift')

describe.each(tried)(`pushes to $name while it fails (ENTREPOT_TEST_SEED=${seed})`, (kind) => {
  const { missing, start } = kind
  test.skipIf(missing !== '')(
    `no push that was answered is lost, no part is left ${missing}`,
    async () => {
      await using cloud = await start()
      await using faulty = await openFaultyService(cloud.service.port, seededRandom(seed))
      const place = await cloud.newPlace(faulty.url)
      await using server = await startServer({}, { jobTimes: { tickMs: 50, beatMs: 50 } })
      await call(server, 'POST', '/api/settings/set?name=Cleanup.GraceSeconds&value=0')
      await server.createFeed('faulty')
      // No manifest refers to what is pushed here: at its time of the night it would go.
      await switchOffCleanup(server, 'faulty')
      const { id, properties } = place
      await call(server, 'POST', '/api/storage?feed=faulty', { id, properties })
      await sleep(1100)
      await using bucket = place.openBucket()
      const until = performance.now() + seconds * 1000
      let runs = 0
      let pushes = 0
      while (runsAsked > 0 ? runs < runsAsked : performance.now() < until) {
        pushes += await runOnce({ server, faulty, bucket }, seed + runs)
        runs += 1
        if (runs % 10 === 0)
          process.stdout.write(`${kind.name}: ${runs} runs, nothing lost so far\n`)
      }
      expect(pushes).toBeGreaterThan(0)
      process.stdout.write(
        `${kind.name}: ${runs} runs, ${pushes} pushes, ${JSON.stringify([...faulty.counts])}\n`,
      )
    },
  )
})

interface Stage {
  readonly server: TestServer
  readonly faulty: FaultyService
  readonly bucket: Bucket
}

/** Pushes with this seed while the service fails, and looks at what is there; how many pushes were answered. */
async function runOnce({ server, faulty, bucket }: Stage, runSeed: number): Promise<number> {
  const random = seededRandom(runSeed)
  faulty.setRate(0.12, random)
  const pushed: string[] = []
  const pusher = async (name: string) => {
    for (let at = 0; at < pushesEach; at += 1) {
      const digest = await push(server, name, random)
      if (digest !== undefined) pushed.push(digest)
    }
  }
  await Promise.all(Array.from({ length: pushersAtOnce }, (_, at) => pusher(`faulty/r${at}`)))
  faulty.setRate(0, random)
  const run = `ENTREPOT_TEST_SEED=${runSeed} ENTREPOT_TEST_RUNS=1`
  for (const at of pushed) {
    const answer = await ask(server, 'GET', at)
    expect(answer.status, `${run}, ${at}: ${answer.body.toString().slice(0, 300)}`).toBe(200)
    expect(at, run).toContain(digestOf(answer.body))
  }
  // What could not be removed at once is ended by the clean-up of any registry.
  await runJob(server, 'FeedCleanup&feed=main')
  await runJob(server, 'StorageReconcile')
  await runJob(server, 'StorageReconcile')
  const page = { prefix: '', after: null, count: 1000 }
  expect(await bucket.listIncomplete(page), run).toEqual([])
  expect(await bucket.list({ ...page, prefix: 'uploads/' }), run).toEqual([])
  const blobs = await bucket.list({ ...page, prefix: 'blobs/' })
  expect(blobs.length, run).toBe(new Set(pushed.map((at) => at.split('/').at(-1))).size)
  for (const at of pushed) expect((await ask(server, 'DELETE', at)).status, run).toBe(202)
  await runJob(server, 'StorageCleanup')
  expect(await bucket.list({ ...page, prefix: 'blobs/' }), run).toEqual([])
  return pushed.length
}

/** As a client that does not give up soon; the blob's address, or undefined if it gave up. */
async function push(server: TestServer, name: string, random: Random): Promise<string | undefined> {
  const sizeBytes = random.chance(0.2)
    ? random.between(9, 18) * mebibyte
    : random.between(1, 50_000)
  const content = Buffer.alloc(sizeBytes, random.bytes(997))
  const digest = digestOf(content)
  const start = await retry(() => ask(server, 'POST', `/v2/${name}/blobs/uploads/`), [202])
  const location = start?.headers.location
  if (location === undefined) return undefined
  const isAcknowledged = await sendContent(server, { location, content, digest, random })
  if (isAcknowledged) return `/v2/${name}/blobs/${digest}`
  await retry(() => ask(server, 'DELETE', location), [204, 404])
  return undefined
}

async function sendContent(
  server: TestServer,
  of: { location: string; content: Buffer; digest: string; random: Random },
): Promise<boolean> {
  const { location, content, digest, random } = of
  for (let attempt = 0; attempt < 12; attempt += 1) {
    const status = await retry(() => ask(server, 'GET', location), [204, 404])
    if (status?.status !== 204) return false
    const [, last] = /^0-(\d+)$/.exec(status.headers.range ?? '') ?? []
    const from = last === undefined || last === '0' ? 0 : Number(last) + 1
    const rest = content.subarray(from)
    if (rest.length > 1 && random.chance(0.5)) {
      const body = rest.subarray(0, random.between(1, rest.length - 1))
      const range = { 'content-range': `${from}-${from + body.length - 1}` }
      await ask(server, 'PATCH', location, { body, headers: range })
      continue
    }
    const headers: Record<string, string> =
      rest.length > 0 ? { 'content-range': `${from}-${content.length - 1}` } : {}
    const target = `${location}?digest=${digest}`
    const end = await ask(server, 'PUT', target, { body: rest, headers })
    if (end.status === 201) return true
  }
  return false
}

async function retry(work: () => Promise<Answer>, wanted: readonly number[]) {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const answer = await work()
    if (wanted.includes(answer.status)) return answer
    await sleep(50)
  }
  return undefined
}

function ask(
  { url, admin }: TestServer,
  method: string,
  target: string,
  more: { readonly body?: Buffer; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<Answer> {
  const headers = { authorization: admin, ...more.headers }
  return send(url, { method, target, ...more, headers })
}

async function call<T>({ url, admin }: TestServer, method: string, target: string, json?: unknown) {
  const headers = { authorization: admin }
  const answer = await askApi(url, { method, target, headers, ...(json !== undefined && { json }) })
  expect(answer.status, JSON.stringify(answer.body)).toBe(200)
  return answer.body as T
}

async function runJob(server: TestServer, job: string): Promise<void> {
  const { run } = await call<RunInfo>(server, 'POST', `/api/jobs/run?job=${job}`)
  for (;;) {
    const runs = await call<RunInfo[]>(server, 'GET', `/api/jobs/runs?count=20&job=${job}`)
    if (runs.find((each) => each.run === run)?.endedAt) return
    await sleep(50)
  }
}
