import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, vi } from 'vitest'
import { blobStoreSuite } from '../../server/blobs/blob-store.suite.ts'
import { createCloudMarker } from '../../server/blobs/cloud-marker.ts'
import { openCloudStore } from '../../server/blobs/cloud-store.ts'
import { growingParts } from '../../server/blobs/part-sizes.ts'
import { ensureStore } from '../../server/db/stores.ts'
import { openPartLedger } from '../../server/registry/part-ledger.ts'
import { type Cloud, clouds } from '../support/cloud-stores.ts'
import { sqliteDatabases } from '../support/databases.ts'

// Services take their time, all the more on a busy machine; only what never ends runs into it.
vi.setConfig({ testTimeout: 900_000 })
afterAll(() => vi.resetConfig())

describe.each(clouds)('stores on $name', ({ name, missing, start }) => {
  describe.skipIf(missing !== '')(missing || 'its own', () => {
    const databases = sqliteDatabases()
    let cloud: Cloud
    beforeAll(async () => {
      cloud = await start()
    })
    afterAll(() => cloud?.[Symbol.asyncDispose]())

    const openStore = async () => {
      const place = await cloud.newPlace()
      const db = await databases.open()
      const { id: storeId } = await db.write(ensureStore, { type: 's3', settings: randomUUID() })
      const id = await createCloudMarker(place.openBucket(), 'feeds/entrepot-store.json')
      const open = () =>
        openCloudStore({
          ...{ bucket: place.openBucket(), prefix: 'feeds/', partSizes: growingParts, id },
          ledger: openPartLedger(db, storeId),
        })
      return { store: open(), reopen: async () => open() }
    }
    blobStoreSuite(`a store on ${name}`, openStore)
  })
})
