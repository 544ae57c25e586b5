import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openDatabase } from '../../server/db/database.ts'
import { makeLayers } from '../cleanup/blobs.ts'
import { cleanUntil, runJob } from '../cleanup/cleaner.ts'
import { Client } from '../cleanup/client.ts'
import { checkLeftovers } from '../cleanup/leftovers.ts'
import { count, manage, newAgent, openWorld } from '../cleanup/world.ts'
import { createFeed, setFeed } from '../support/admin.ts'
import { contentWrites, runSql } from '../support/database-content.ts'
import { listViolations } from '../support/database-invariants.ts'
import { adminPassword, startProcess } from '../support/process.ts'
import { seededRandom } from '../support/random.ts'
import { basicAuthorization } from '../support/registry-client.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'

const seed = Number(process.env.ENTREPOT_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32))
const kills = Number(process.env.ENTREPOT_TEST_KILLS ?? (process.env.CI === undefined ? 3 : 8))
const graceSeconds = 1
const feeds = ['main', 'other']
const repositories = ['main/app', 'main/team/app', 'other/app']

/** Clean-up never pauses, and its server is killed at any moment. */
test(`clean-up takes nothing that somebody holds through ${kills} kills (seed ${seed})`, {
  timeout: 180_000 + kills * 20_000,
}, async () => {
  const folder = makeTemporaryFolder('clean-up-kills')
  const dataDir = path.join(folder.path, 'data')
  let server = await startProcess({ dataDir })
  await createFeed(dataDir, 'other')
  for (const feed of feeds) await setFeed(dataDir, feed, ['--tag-deletion', 'on'])
  const authorization = basicAuthorization('Admin', adminPassword)
  const graceMs = 1000 * graceSeconds
  const world = openWorld({ url: server.url, authorization, graceMs, repositories })
  await manage(world, 'POST', `/api/settings/set?name=Cleanup.GraceSeconds&value=${graceSeconds}`)
  await sleep(1100)
  const random = seededRandom(seed)
  const layers = makeLayers(seed, 24)
  const clients = Array.from({ length: 6 }, (_, number) => {
    return new Client({ world, random: seededRandom(seed + number), number, layers })
  })
  for (let kill = 1; kill <= kills; kill += 1) {
    const stop = new AbortController()
    const work = Promise.all([
      ...clients.map((client) => client.actUntil(stop.signal)),
      cleanUntil(world, feeds, stop.signal),
    ])
    await sleep(random.between(500, 4000))
    world.killed = true
    await server.kill('SIGKILL')
    stop.abort()
    await work
    world.agent.destroy()
    world.agent = newAgent()
    server = await startProcess({ dataDir, port: server.port })
    world.killed = false
    for (const client of clients) await client.settle()
    count(world, 'kills')
    expect(world.faults, `seed ${seed}, kill ${kill}, see ${folder.path}`).toEqual([])
  }
  await endUploads(dataDir)
  const wrong = await checkLeftovers({ world, clients, feeds, dataDir })
  const told = [...world.counts].sort().map(([what, times]) => `${times} ${what}`)
  process.stdout.write(`clean-up kills, seed ${seed}: ${told.join(', ')}\n`)
  expect(wrong, `see ${folder.path}`).toEqual([])
  expect((await runJob(world, 'job=StorageReconcile')).counts.strays).toBeUndefined()
  expect(world.faults).toEqual([])
  expect(world.counts.get('cleaned bytesFreed') ?? 0).toBeGreaterThan(0)
  world.agent.destroy()
  expect(await server.stop()).toBe(0)
  await using db = await openDatabase({ url: `sqlite:${dataDir}/entrepot.db` })
  expect(await listViolations(db.read)).toEqual([])
  await folder[Symbol.asyncDispose]()
})

/** As if a day had gone by: uploads that were cut off are purged. */
async function endUploads(dataDir: string): Promise<void> {
  const url = `sqlite:${dataDir}/entrepot.db`
  await using db = await openDatabase({ url, writes: contentWrites })
  await db.write(runSql, { statement: 'update uploads set last_progress = 0' })
}
