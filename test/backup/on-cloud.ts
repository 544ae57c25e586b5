import { afterAll, describe, vi } from 'vitest'
import { type CloudKind, clouds } from '../support/cloud-stores.ts'
import { backupSuite } from './backup.suite.ts'
import { bucketPlaces } from './places.ts'

/** The suite in a bucket of this service; a file each, so that they run beside each other. */
export function describeBackupsOn(name: CloudKind['name']): void {
  // Only what never ends runs into it.
  vi.setConfig({ testTimeout: 300_000 })
  afterAll(() => vi.resetConfig())
  const kinds = clouds.filter((kind) => kind.name === name)
  describe.each(kinds)('a backup in a bucket of $name', (kind) => {
    describe.skipIf(kind.missing !== '')(kind.missing || 'and its restore', () => {
      backupSuite(() => bucketPlaces(kind))
    })
  })
}
