import { expect, test } from 'vitest'
import { clouds } from '../support/cloud-stores.ts'
import { openStoreUnderTest } from '../support/store-under-test.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { beginKillRun } from './kill-run.ts'

/** For more: `npm run test:crash -- --store RGW --kills 100`. */
const kills = 3
const seed = Number(process.env.ENTREPOT_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32))
const kinds = clouds.filter(({ name }) => name !== 'Swift')

for (const { name, missing } of kinds) {
  test.skipIf(missing !== '')(
    `keeps every promise through ${kills} kills with its images on ${name} (seed ${seed}) ${missing}`,
    { timeout: 600_000 },
    async () => {
      await using store = await openStoreUnderTest(name)
      const folder = makeTemporaryFolder('kills-on-clouds')
      await using run = await beginKillRun(folder.path, seed, store)
      for (let at = 1; at <= kills; at += 1) await run.kill(at === kills)
      expect(run.ledger.faults, `see ${folder.path}`).toEqual([])
      expect(run.ledger.counts.get('image') ?? 0).toBeGreaterThan(0)
      expect(await run.stop()).toBe(0)
      await folder[Symbol.asyncDispose]()
    },
  )
}
