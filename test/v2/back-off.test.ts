import { once } from 'node:events'
import http from 'node:http'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openPasswords } from '../../server/auth/password.ts'
import { basic } from '../support/accounts.ts'
import { adminPassword, type ServerProcess, startProcess } from '../support/process.ts'
import { makeTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts'

let folder: TemporaryFolder
let server: ServerProcess
const agents = new Map<string, http.Agent>()
beforeAll(async () => {
  folder = makeTemporaryFolder('back-off')
  server = await startProcess({
    dataDir: path.join(folder.path, 'data'),
    env: { ENTREPOT_METRICS: 'anyone' },
  })
}, 120_000)
afterAll(async () => {
  for (const agent of agents.values()) agent.destroy()
  await server[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

interface Answer {
  readonly status: number
  readonly retryAfter: number | undefined
  readonly body: string
}

async function get(where: string, authorization: string | null, from: string): Promise<Answer> {
  const agent = agents.get(from) ?? new http.Agent({ keepAlive: true, maxSockets: 16 })
  agents.set(from, agent)
  const headers = authorization === null ? {} : { authorization }
  const req = http.get(new URL(where, server.url), { agent, headers, localAddress: from })
  const [res] = (await once(req, 'response')) as [http.IncomingMessage]
  let body = ''
  for await (const piece of res.setEncoding('utf8')) body += piece
  const retryAfter = res.headers['retry-after']
  return {
    status: res.statusCode ?? 0,
    retryAfter: retryAfter === undefined ? undefined : Number(retryAfter),
    body,
  }
}

async function cpuSeconds(): Promise<number> {
  const { body } = await get('/metrics', null, '127.0.0.9')
  return Number(/^process_cpu_seconds_total (\S+)$/m.exec(body)?.[1])
}

/** What the server's process spends on it. */
async function cpuOf(work: () => Promise<unknown>): Promise<number> {
  const before = await cpuSeconds()
  await work()
  return (await cpuSeconds()) - before
}

async function many(count: number, ask: (index: number) => Promise<Answer>): Promise<Answer[]> {
  const answers: Answer[] = []
  let next = 0
  const ask16 = Array.from({ length: 16 }, async () => {
    while (next < count) answers.push(await ask(next++))
  })
  await Promise.all(ask16)
  return answers
}

async function scryptSeconds(): Promise<number> {
  const passwords = openPasswords()
  const before = process.cpuUsage()
  for (let count = 0; count < 5; count += 1) await passwords.hash('a password')
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6 / 5
}

test('1,000 wrong passwords: slower and slower, for nobody else, and no work', async () => {
  const here = '127.0.0.1'
  const right = basic('Admin', adminPassword)
  const wrong = (index: number) => get('/v2/', basic('Admin', `wrong ${index}`), here)
  const waits: number[] = []
  let looked = 0
  await many(1000, () => get('/v2/', null, here))
  const asking = await cpuOf(() => many(1000, () => get('/v2/', null, here)))
  const guessing = await cpuOf(async () => {
    for (let burst = 0; burst < 3; burst += 1) {
      const answers = await many(burst === 0 ? 334 : 333, (index) => wrong(burst * 1000 + index))
      const statuses = new Set(answers.map(({ status }) => status))
      expect([...statuses].filter((status) => status !== 401 && status !== 429)).toEqual([])
      looked += answers.filter(({ status }) => status === 401).length
      const wait = Math.max(...answers.map(({ retryAfter = 0 }) => retryAfter))
      waits.push(wait)
      if (burst < 2) await sleep(wait * 1000)
    }
  })
  const scrypts = (guessing - asking) / (await scryptSeconds())
  process.stdout.write(
    `1,000 wrong passwords: ${looked} were looked at, waits of ${waits} s, ${scrypts.toFixed(1)} scrypts' worth of CPU\n`,
  )
  expect(looked).toBeLessThan(10)
  // Seven of them, and room for a busy machine; unchecked it would be 1,000.
  expect(scrypts).toBeLessThan(20)
  // Each wait is about twice the one before.
  for (const [index, wait] of waits.entries()) expect(wait).toBeGreaterThanOrEqual(2 ** index)
  // Where it was guessed the right password waits too; elsewhere it does not.
  expect(await get('/v2/', right, here)).toMatchObject({ status: 429 })
  expect(await get('/v2/', right, '127.0.0.2')).toMatchObject({ status: 200 })
  const stranger = await many(5, (index) => get('/v2/', basic('nobody', `${index}`), here))
  expect(stranger.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401])
  expect(await get('/v2/', basic('nobody', 'x'), here)).toMatchObject({ status: 429 })
  expect((await get('/v2/', basic('nobody', 'x'), here)).body).toContain('TOOMANYREQUESTS')
}, 60_000)

test('a right key passes where wrong ones are slowed down; the management API waits alike', async () => {
  const from = '127.0.0.3'
  for (let count = 0; count < 5; count += 1) {
    expect(await get('/v2/', basic('api', `wrong ${count}`), from)).toMatchObject({ status: 401 })
  }
  const later = await get('/api/sessions/whoami', basic('api', 'wrong'), from)
  expect(later).toMatchObject({ status: 429, retryAfter: 1 })
  expect(await get('/v2/', basic('Admin', adminPassword), from)).toMatchObject({ status: 200 })
})

test('10,000 good Basic requests beside as many with a token', async () => {
  const from = '127.0.0.4'
  const right = basic('Admin', adminPassword)
  const { body } = await get(`/v2/_auth?service=${server.host}`, right, from)
  const bearer = `Bearer ${JSON.parse(body).token}`
  const ask = async (authorization: string, count: number) => {
    const answers = await many(count, () => get('/v2/', authorization, from))
    expect(answers.filter(({ status }) => status !== 200)).toEqual([])
  }
  let withBasic = 0
  let withBearer = 0
  await ask(right, 1000)
  await ask(bearer, 1000)
  for (let round = 0; round < 5; round += 1) {
    withBasic += await cpuOf(() => ask(right, 2000))
    withBearer += await cpuOf(() => ask(bearer, 2000))
  }
  process.stdout.write(
    `10,000 requests: ${withBasic.toFixed(2)} s of CPU with Basic, ${withBearer.toFixed(2)} s with a token, ratio ${(withBasic / withBearer).toFixed(2)}\n`,
  )
  // Far from what 10,000 scrypts would cost.
  expect(withBasic).toBeLessThan(withBearer * 10)
}, 120_000)
