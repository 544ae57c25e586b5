import { openEncryption } from '../auth/encrypted.ts'
import { openSecretKey } from '../auth/secret-key.ts'
import { openCloud } from '../blobs/cloud.ts'
import { openFileStore } from '../blobs/file-store.ts'
import { readVersion } from '../config/version.ts'
import type { Config } from '../config.ts'
import { type Db, openDatabase } from '../db/database.ts'
import { refuseHalfRestored } from '../registry/backup/restoring.ts'
import { openPartLedger } from '../registry/part-ledger.ts'
import { openStores, type Stores } from '../registry/stores.ts'

/** Where a server keeps what it has. */
export type Place = Pick<Config, 'dataDir' | 'databaseUrl' | 'secretKey'>

/** Its database, for a command beside a server that runs or not. */
export async function openPlace({ dataDir, databaseUrl }: Place): Promise<Db> {
  await refuseHalfRestored(dataDir)
  return openDatabase({ url: databaseUrl, version: readVersion() })
}

/** A running server may have them open, too: nothing is locked, and nothing written. */
export async function openForReading({ dataDir, secretKey }: Place, db: Db): Promise<Stores> {
  const key = await openSecretKey({ dataDir, configured: secretKey })
  return openStores({
    ...{ db, dataDir, secrets: openEncryption(key.deriveKey('stored-credentials')) },
    async openDisk(root, expectedId) {
      const expected = expectedId !== null && { expectedId }
      const store = await openFileStore({ root, reserveBytes: 0, ...expected })
      return { id: store.id, store }
    },
    openCloud: (storeId, { place, id }) =>
      openCloud(place, { id, ledger: openPartLedger(db, storeId) }),
  })
}
