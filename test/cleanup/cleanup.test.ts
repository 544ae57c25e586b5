import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { listViolations } from '../support/database-invariants.ts'
import { describeDatabases } from '../support/databases.ts'
import { startServer } from '../support/server.ts'
import { checkLeftovers } from './leftovers.ts'
import { beginLoad } from './load.ts'
import { demand, openWorld, type World } from './world.ts'

const seed = Number(process.env.ENTREPOT_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32))
const everydaySeconds = process.env.CI === undefined ? 10 : 40
const seconds = Number(process.env.ENTREPOT_TEST_SECONDS ?? everydaySeconds)
const graceSeconds = 1
const clientCount = 8
const feeds = ['main', 'other']
const repositories = ['main/app', 'main/team/app', 'other/app']

describeDatabases(`clean-up without a pause (ENTREPOT_TEST_SEED=${seed})`, (databases) => {
  test(`takes nothing that somebody holds, in ${seconds} seconds, and all else`, {
    timeout: 600_000 + 3000 * seconds,
  }, async () => {
    const sqlite = databases.dialect === 'sqlite'
    await using server = await startServer(sqlite ? {} : { databaseUrl: await databases.newUrl() })
    await server.createFeed('other', { tagDeletion: true })
    await server.setFeed('main', { tagDeletion: true })
    const { url, admin: authorization, config } = server
    const world = openWorld({ url, authorization, graceMs: 1000 * graceSeconds, repositories })
    const set = `/api/settings/set?name=Cleanup.GraceSeconds&value=${graceSeconds}`
    await demand(world, { method: 'POST', path: set }, [200])
    const { clients, stop, load } = beginLoad(world, { seed, clients: clientCount, feeds })
    await Promise.all([load, stopWhenEnough(world, stop)])
    expect(world.faults).toEqual([])
    const db = await databases.open({ url: config.databaseUrl })
    expect(await listViolations(db.read)).toEqual([])
    const rest = { world, clients, feeds, dataDir: config.dataDir }
    const wrong = await checkLeftovers(rest)
    const told = [...world.counts].sort().map(([what, times]) => `${times} ${what}`)
    process.stdout.write(`clean-up on ${databases.dialect}, seed ${seed}: ${told.join(', ')}\n`)
    expect(wrong).toEqual([])
    expect(world.faults).toEqual([])
    expect(await listViolations(db.read)).toEqual([])
    for (const table of ['candidates', 'freed_locations', 'uploads'] as const) {
      expect(await db.read.selectFrom(table).selectAll().execute()).toEqual([])
    }
    expect(tooLittleOf(world)).toEqual([])
    world.agent.destroy()
  })
})

/** Where nothing was taken, or hardly anything pushed, nothing is shown: a busy machine takes longer. */
async function stopWhenEnough(world: World, stop: AbortController): Promise<void> {
  const latest = Date.now() + 1000 * (seconds + 120)
  await sleep(1000 * seconds)
  while (tooLittleOf(world).length > 0 && world.faults.length === 0 && Date.now() < latest) {
    await sleep(100)
  }
  stop.abort()
}

function tooLittleOf({ counts }: World): string[] {
  const least = { 'cleaned manifests': 1, 'cleaned bytesFreed': 1, image: clientCount + 1 }
  return Object.entries(least)
    .filter(([what, number]) => (counts.get(what) ?? 0) < number)
    .map(([what]) => what)
}
