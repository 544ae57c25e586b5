import http from 'node:http'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { setFeed } from '../support/admin.ts'
import { adminPassword, type ServerProcess, startProcess } from '../support/process.ts'
import { type Random, seededRandom } from '../support/random.ts'
import { fetchToken } from '../support/registry-client.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { type Check, checkPromises } from './checks.ts'
import { checkDisk } from './disk.ts'
import { makeLayerPool } from './layers.ts'
import { count, type Ledger, makeLedger } from './ledger.ts'
import type { Life } from './life.ts'
import { type Pusher, pushUntilKilled } from './pusher.ts'

const kills = Number(process.env.ENTREPOT_TEST_KILLS ?? (process.env.CI === undefined ? 10 : 50))
const seed = Number(process.env.ENTREPOT_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32))
const clients = 6
const repositories = ['main/crash/one', 'main/crash/two', 'main/three']
/** Every so many kills all promises are looked at, otherwise the new ones and a few of the old. */
const wholeCheckEvery = 25
const oldOnes = 0.02
const slowestReadySeconds = 10
const mostAnswers = 400
const slowestAnswersSeconds = 10
const settingsArriveMs = 1500

test(
  `keeps every promise through ${kills} kills (seed ${seed})`,
  async () => {
    // What a failure leaves behind stays, to be looked at.
    const folder = makeTemporaryFolder('kills')
    const dataDir = path.join(folder.path, 'data')
    const random = seededRandom(seed)
    const ledger = makeLedger(repositories)
    const pool = makeLayerPool(seed)
    const pushers = Array.from({ length: clients }, (_, number): Pusher => {
      const own = seededRandom(seed + number + 1)
      return { number, random: own, ledger, pool, repositories, own: [], uploads: [], serial: 0 }
    })
    const seen = new Set<string>()
    const hashed = new Set<string>()
    const readySeconds: number[] = []
    let server = await startProcess({ dataDir })
    await setFeed(dataDir, 'main', ['--tag-deletion', 'on'])
    await sleep(settingsArriveMs)
    for (let kill = 1; kill <= kills; kill++) {
      const life = await beginLife(server)
      const work = Promise.all(pushers.map((pusher) => pushUntilKilled(pusher, life)))
      await someMoment(random, life, ledger)
      life.killed = true
      await server.kill('SIGKILL')
      await work
      life.agent.destroy()
      const whole = kill % wholeCheckEvery === 0 || kill === kills
      const scratch = path.join(folder.path, 'scratch')
      ledger.faults.push(...checkDisk({ dataDir, scratch, hashed, whole }))
      server = await startProcess({ dataDir, port: server.port })
      readySeconds.push(server.readySeconds)
      // A token outlives the server that gave it.
      const next = { ...newLife(server), authorization: life.authorization }
      const looksAtOld = () => whole || random.chance(oldOnes)
      const check: Check = { ledger, pushers, pool, looksAtOld, seen }
      await checkPromises(check, next)
      next.agent.destroy()
      count(ledger, 'kills')
      expect(ledger.faults, `seed ${seed}, kill ${kill}, see ${folder.path}`).toEqual([])
    }
    expect(await server.stop()).toBe(0)
    await folder[Symbol.asyncDispose]()
    report(ledger, readySeconds)
    expect(Math.max(...readySeconds)).toBeLessThan(slowestReadySeconds)
    // A run in which hardly anything was pushed shows nothing.
    expect(ledger.counts.get('image') ?? 0).toBeGreaterThan(kills * 2)
  },
  60_000 + kills * 12_000,
)

async function beginLife(server: ServerProcess): Promise<Life> {
  const scopes = repositories.map((name) => `repository:${name}:pull,push,delete`)
  const request = { user: 'Admin', password: adminPassword }
  const authorization = await fetchToken(server.url, {
    ...request,
    scopes: [...scopes, 'registry:catalog:*'],
  })
  return { ...newLife(server), authorization }
}

function newLife(server: ServerProcess): Omit<Life, 'authorization'> {
  return {
    url: server.url,
    agent: new http.Agent({ keepAlive: true, maxSockets: 16 }),
    killed: false,
    answers: 0,
  }
}

/**
 * Some time after some answers: a moment counted in seconds alone would come, on a busy machine,
 * before anything has happened. A fault ends the wait.
 */
async function someMoment(random: Random, life: Life, ledger: Ledger): Promise<void> {
  const answers = random.between(1, mostAnswers)
  const deadline = performance.now() + slowestAnswersSeconds * 1000
  while (life.answers < answers && ledger.faults.length === 0 && performance.now() < deadline) {
    await sleep(1)
  }
  await sleep(random.between(0, 40))
}

function report(ledger: Ledger, readySeconds: readonly number[]): void {
  const sorted = [...readySeconds].sort((a, b) => a - b)
  const milliseconds = (index: number) => `${Math.round((sorted.at(index) ?? 0) * 1000)} ms`
  const counts = [...ledger.counts].map(([what, times]) => `${times} ${what}`).join(', ')
  const promises = [...ledger.repositories.values()].map(({ blobs, manifests }) => [
    [...blobs.values()].filter((state) => state === 'acknowledged').length,
    manifests.size,
  ])
  const [blobs, manifests] = [0, 1].map((at) => promises.reduce((sum, p) => sum + (p[at] ?? 0), 0))
  process.stdout.write(
    `${counts}; ${blobs} blobs and ${manifests} manifests kept; ` +
      `ready again: median ${milliseconds(sorted.length >> 1)}, worst ${milliseconds(-1)}\n`,
  )
}
