import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { openDatabase } from '../../server/db/database.ts'
import { type Random, seededRandom } from '../support/random.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { checkCut } from './cut-checks.ts'
import { type Cut, liveAndCut, type Moment, type Moments } from './cuts.ts'
import type { Losses } from './disk-node.ts'
import { durabilityWrites, readDurability } from './durability-write.ts'
import { beginHistory, type History } from './history.ts'

const cuts = Number(process.env.ENTREPOT_TEST_CUTS ?? 15)
const seed = Number(process.env.ENTREPOT_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32))
const cutsPerLife = 6
const livesPerHistory = 5
/** File operations, begun or ended. */
const longestStart = 40
const longestLife = 1500
/** Most cuts come where something is on its way to the disk. */
const kinds = ['', 'fdatasync', 'fsync', 'mkdir', 'rename', 'truncate', 'unlink', 'write']
const never: Moment = { after: Number.POSITIVE_INFINITY, kind: '' }

test('commits reach the disk before anybody hears of them', async () => {
  await using folder = makeTemporaryFolder('durability')
  const url = `sqlite:${path.join(folder.path, 'entrepot.db')}`
  await using db = await openDatabase({ url, writes: durabilityWrites })
  expect(await db.write(readDurability, {} as never)).toEqual({
    journalMode: 'wal',
    synchronous: 2,
  })
})

test(
  `keeps every promise through ${cuts} power cuts (seed ${seed})`,
  async () => {
    const random = seededRandom(seed)
    const total: Losses = { changes: 0, entries: 0, torn: 0 }
    const counts = new Map<string, number>()
    let done = 0
    while (done < cuts) {
      // What a failure leaves behind stays, to be looked at.
      const folder = makeTemporaryFolder('power')
      const history = await beginHistory(folder.path, random.between(0, 2 ** 32 - 1))
      for (let life = 0; life < livesPerHistory && done < cuts; life++) {
        const made = await liveAndCut(history, chooseMoments(random, cuts - done))
        expect(history.ledger.faults, `seed ${seed}, see ${folder.path}`).toEqual([])
        for (const cut of made) {
          done += 1
          const faults = await checkCut(history, cut)
          if (faults.length > 0) tellStory(cut)
          expect(faults, `seed ${seed}, cut ${done}, see ${cut.dataDir} and .txt`).toEqual([])
          for (const kind of ['changes', 'entries', 'torn'] as const)
            total[kind] += cut.losses[kind]
        }
      }
      addCounts(counts, history)
      await folder[Symbol.asyncDispose]()
    }
    report(done, total, counts)
    // Cuts that never cost anything show nothing.
    expect(total.changes).toBeGreaterThan(0)
    expect(total.entries).toBeGreaterThan(0)
    expect(total.torn).toBeGreaterThan(0)
  },
  60_000 + cuts * 15_000,
)

function chooseMoments(random: Random, wanted: number): Moments {
  const count = Math.min(cutsPerLife - 1, wanted)
  const moment = (longest: number): Moment => ({
    after: random.between(1, longest),
    kind: random.pick(kinds),
  })
  const pushing = Array.from({ length: count }, () => moment(longestLife))
  return {
    start: wanted > count ? moment(longestStart) : never,
    pushing: pushing.sort((one, other) => one.after - other.after),
  }
}

function tellStory({ dataDir, story }: Cut): void {
  writeFileSync(`${dataDir}.txt`, `${story.join('\n')}\n`)
}

function addCounts(counts: Map<string, number>, { ledger }: History): void {
  for (const [what, times] of ledger.counts) counts.set(what, (counts.get(what) ?? 0) + times)
}

function report(done: number, losses: Losses, counts: ReadonlyMap<string, number>): void {
  const actions = [...counts].map(([what, times]) => `${times} ${what}`).join(', ')
  process.stdout.write(
    `${done} power cuts (seed ${seed}): lost ${losses.changes} changes of files and ` +
      `${losses.entries} names, tore ${losses.torn} files; ${actions}\n`,
  )
}
