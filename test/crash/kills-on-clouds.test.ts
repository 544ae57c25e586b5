import { expect, test } from 'vitest'
import { clouds } from '../support/cloud-stores.ts'
import { openStoreUnderTest } from '../support/store-under-test.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { beginKillRun } from './kill-run.ts'

/** For more: `npm run test:crash -- --store RGW --kills 100`. */
const kills = 3
const mostKills = 30
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
      const images = () => run.ledger.counts.get('image') ?? 0
      // On a busy machine the first ones may come before an image is whole.
      for (let at = 1; at < kills || (images() === 0 && at < mostKills); at += 1) {
        await run.kill(false)
      }
      await run.kill(true)
      expect(run.ledger.faults, `see ${folder.path}`).toEqual([])
      expect(images()).toBeGreaterThan(0)
      expect(await run.stop()).toBe(0)
      await folder[Symbol.asyncDispose]()
    },
  )
}
