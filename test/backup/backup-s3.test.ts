import { afterAll, describe, vi } from 'vitest'
import { clouds } from '../support/cloud-stores.ts'
import { backupSuite } from './backup.suite.ts'
import { bucketPlaces } from './places.ts'

/** Another one, Swift, on demand: the suite takes twice as long there. */
const service = process.env.ENTREPOT_TEST_STORE ?? 'RGW'

// Only what never ends runs into it.
vi.setConfig({ testTimeout: 300_000 })
afterAll(() => vi.resetConfig())

const kinds = clouds.filter(({ name }) => name === service)
describe.each(kinds)('a backup in a bucket of $name', (kind) => {
  describe.skipIf(kind.missing !== '')(kind.missing || 'and its restore', () => {
    backupSuite(() => bucketPlaces(kind))
  })
})
