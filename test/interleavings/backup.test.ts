import { expect, test } from 'vitest'
import { beginBackup, endBackup } from '../../server/db/backups.ts'
import { cleanBlobs } from '../../server/db/blob-cleanup.ts'
import type { Queries } from '../../server/db/database.ts'
import { forgetFreedLocations, listFreedLocations } from '../../server/db/freed-locations.ts'
import { describeDatabases } from '../support/databases.ts'
import { seededRandom } from '../support/random.ts'
import { type Caller, gatedCaller } from './caller.ts'
import type { Gate } from './gate.ts'
import { operations } from './operations.ts'
import { formatSchedule, randomSchedule } from './schedule.ts'
import { play } from './scheduler.ts'
import { graceMs, openStage, type Stage } from './stage.ts'

const seed = Number(process.env.ENTREPOT_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32))
const seconds = Number(process.env.ENTREPOT_TEST_SECONDS ?? 5)
const fewestRounds = 40
/** Blobs are copied in so many turns. */
const turns = 4
/** Every push that frees the bytes it finds, and what leaves bytes to clean-up. */
const pushers = operations.filter(({ name }) => /^(push|DELETE blob)/.test(name))

describeDatabases(`a backup beside clean-up (ENTREPOT_TEST_SEED=${seed})`, (databases) => {
  test(`finds all bytes that its copy of the database names, in ${seconds} seconds`, async () => {
    await using stage = await openStage(databases, 3)
    const random = seededRandom(seed)
    const until = performance.now() + 1000 * seconds
    const totals = { rounds: 0, freed: 0, held: 0 }
    while (performance.now() < until || totals.rounds < fewestRounds) {
      const pusher = random.pick(pushers)
      const schedule = randomSchedule(random, [turns + 4, 12, 12])
      const round = await playRound(stage, pusher)(schedule)
      const what = `seed ${seed}, ${pusher.name}, ${formatSchedule(round.taken)}`
      expect(round.lost, what).toEqual([])
      // When it has ended, nothing is held any more.
      const left = await stage.content.db.read
        .selectFrom('freed_locations')
        .select('location')
        .execute()
      const again = await listFreedLocations(stage.content.db.read, pickOf(stage))
      expect(again, what).toHaveLength(left.length)
      totals.rounds += 1
      totals.freed += round.freed
      totals.held += left.length
    }
    process.stdout.write(
      `backup beside clean-up on ${databases.dialect}, seed ${seed}: ${totals.rounds} rounds, ${totals.freed} freed, ${totals.held} held\n`,
    )
    // Both happened, else nothing was shown.
    expect(totals.freed).toBeGreaterThan(0)
    expect(totals.held).toBeGreaterThan(0)
  })
})

function playRound(stage: Stage, pusher: (typeof operations)[number]) {
  return async (schedule: readonly number[]) => {
    await stage.restore()
    const lost: string[] = []
    const counts = { freed: 0 }
    const acts = [
      (caller: Caller) => backUp(caller, stage, lost),
      async (caller: Caller) => {
        counts.freed += await freeBytes(caller, stage)
        counts.freed += await freeBytes(caller, stage)
      },
      (caller: Caller) => pusher.run(caller, stage, 2).catch(() => 'refused'),
    ].map((act, who) => async (gate: Gate) => {
      const db = stage.databases[who]
      if (!db) throw new Error('the stage has too few databases')
      const grain = db.dialect === 'postgres' ? 'statement' : 'transaction'
      await act(gatedCaller(db, gate, grain))
      return 'done'
    })
    const { taken } = await play(acts, schedule, stage.listBlocked)
    return { taken, lost, freed: counts.freed }
  }
}

/** As registry/backup does: the row, the copy, the bytes, the end. */
async function backUp(caller: Caller, stage: Stage, lost: string[]): Promise<void> {
  const counts = {}
  const begin = { kind: 'backup', target: 'here', leaseMs: graceMs } as const
  const { id } = await caller.write(beginBackup, begin)
  const copy = await caller.read((db) => listBlobs(db, stage))
  for (let turn = 0; turn < turns; turn += 1) {
    await caller.read(async () => {
      for (const { location, digest } of copy) {
        if (stage.disk.get(location) !== digest) lost.push(`${digest} at ${location}`)
      }
    })
  }
  await caller.write(endBackup, { id, state: 'succeeded', counts, error: null })
}

function listBlobs(db: Queries, { content }: Stage) {
  return db
    .selectFrom('blobs')
    .select(['location', 'digest'])
    .where('store_id', '=', content.storeId)
    .execute()
}

/** What is freed is due at once: nothing but the backup is in the way. */
function pickOf({ content }: Stage) {
  return { storeId: content.storeId, graceMs: -60_000, limit: 100, after: null }
}

/** As registry/storage-cleanup.ts does; how many locations went. */
async function freeBytes(caller: Caller, stage: Stage): Promise<number> {
  const { storeId } = stage.content
  await caller.write(cleanBlobs, { storeId, limit: 100, after: null })
  const due = await caller.read((db) => listFreedLocations(db, pickOf(stage)))
  await caller.read(async () => {
    for (const { location } of due) stage.disk.delete(location)
  })
  const locations = due.map(({ location }) => location)
  await caller.write(forgetFreedLocations, { storeId, locations })
  return due.length
}
