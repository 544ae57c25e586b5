import { expect, test } from 'vitest'
import { seededRandom } from '../support/random.ts'
import { openStoreUnderTest } from '../support/store-under-test.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { beginKillRun, type KillRun } from './kill-run.ts'
import type { ContentState } from './ledger.ts'

const seed = Number(process.env.ENTREPOT_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32))
const asked = process.env.ENTREPOT_TEST_KILLS
const everyday = 10
/** In CI as many as fit; one more, after which everything is looked at again, is the last. */
const secondsInCi = asked === undefined && process.env.CI !== undefined ? 100 : undefined
const kills = secondsInCi === undefined ? Number(asked ?? everyday) : Number.POSITIVE_INFINITY
const extent = secondsInCi === undefined ? `${kills} kills` : `${secondsInCi} seconds of kills`
/** Then comes a new data folder: a look takes the longer, the more there is. */
const killsPerFolder = 100
const slowestReadySeconds = 10
const timeoutSeconds = 120 + (secondsInCi === undefined ? kills * 12 : 3 * secondsInCi)

test(
  `keeps every promise through ${extent} (seed ${seed})`,
  async () => {
    // With `ENTREPOT_TEST_STORE` in the cloud.
    await using store = await openStoreUnderTest()
    const deadline = performance.now() + (secondsInCi ?? timeoutSeconds) * 1000
    const random = seededRandom(seed)
    const totals: Totals = { counts: new Map(), readySeconds: [], spentMs: new Map() }
    let done = 0
    let isLast = false
    while (!isLast) {
      // What a failure leaves behind stays, to be looked at.
      const folder = makeTemporaryFolder('kills')
      await using run = await beginKillRun(folder.path, random.between(0, 2 ** 32 - 1), store)
      for (let inFolder = 1, whole = false; !whole; inFolder++) {
        isLast = done + 1 === kills || performance.now() > deadline
        whole = isLast || inFolder === killsPerFolder
        await run.kill(whole)
        done += 1
        expect(run.ledger.faults, `seed ${seed}, kill ${done}, see ${folder.path}`).toEqual([])
      }
      expect(await run.stop()).toBe(0)
      await folder[Symbol.asyncDispose]()
      addTotals(totals, run)
      if (!isLast) process.stdout.write(`${done} kills, nothing lost so far\n`)
    }
    report(totals)
    expect(Math.max(...totals.readySeconds)).toBeLessThan(slowestReadySeconds)
    // A run in which hardly anything was pushed shows nothing.
    expect(totals.counts.get('image') ?? 0).toBeGreaterThan(done * 2)
  },
  timeoutSeconds * 1000,
)

interface Totals {
  readonly counts: Map<string, number>
  readonly readySeconds: number[]
  readonly spentMs: Map<string, number>
}

function addTotals({ counts, readySeconds, spentMs }: Totals, run: KillRun): void {
  for (const { blobs, manifests } of run.ledger.repositories.values()) {
    const states = [...manifests.values()].map(({ state }) => state)
    add(counts, 'blobs kept', [...blobs.values()].filter(isKept).length)
    add(counts, 'manifests kept', states.filter(isKept).length)
  }
  for (const [what, times] of run.ledger.counts) add(counts, what, times)
  for (const [what, ms] of run.spentMs) add(spentMs, what, ms)
  readySeconds.push(...run.readySeconds)
}

function isKept(state: ContentState): boolean {
  return state === 'acknowledged'
}

function add(sums: Map<string, number>, what: string, more: number): void {
  sums.set(what, (sums.get(what) ?? 0) + more)
}

function report({ counts, readySeconds, spentMs }: Totals): void {
  const sorted = readySeconds.toSorted((a, b) => a - b)
  const milliseconds = (index: number) => `${Math.round((sorted.at(index) ?? 0) * 1000)} ms`
  const done = [...counts].map(([what, times]) => `${times} ${what}`).join(', ')
  const spent = [...spentMs].map(([what, ms]) => `${what} ${(ms / 1000).toFixed(1)} s`).join(', ')
  process.stdout.write(
    `seed ${seed}: ${done}, none lost; ready again: median ` +
      `${milliseconds(sorted.length >> 1)}, worst ${milliseconds(-1)}; ${spent}\n`,
  )
}
