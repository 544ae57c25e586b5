import { stat } from 'node:fs/promises'
import path from 'node:path'
import { openEncryption } from '../auth/encrypted.ts'
import { openSecretKey } from '../auth/secret-key.ts'
import { openCloud } from '../blobs/cloud.ts'
import { unlessMissing } from '../blobs/file-errors.ts'
import { openFileStore } from '../blobs/file-store.ts'
import { readVersion } from '../config/version.ts'
import type { Config } from '../config.ts'
import { type Db, openDatabase, sqliteFileOf } from '../db/database.ts'
import { lockFolder, type ProcessLock } from '../db/process-lock.ts'
import { RegistryError } from '../domain/errors.ts'
import { refuseHalfRestored } from '../registry/backup/restoring.ts'
import { openPartLedger } from '../registry/part-ledger.ts'
import { openStores, type Secrets, type Stores } from '../registry/stores.ts'

/** Where a server keeps what it has. */
export type Place = Pick<Config, 'dataDir' | 'databaseUrl' | 'secretKey' | 'defaultStore'>

/**
 * Its database, for a command beside a server that runs or not. Throws UNAVAILABLE, and makes
 * nothing, where there is none: an empty one would be backed up as whole, or told a password of. An
 * older one is not upgraded either: a server of its version may run.
 */
export async function openPlace({
  dataDir,
  databaseUrl,
}: Pick<Place, 'dataDir' | 'databaseUrl'>): Promise<Db> {
  await refuseHalfRestored(dataDir)
  const file = sqliteFileOf(databaseUrl)
  if (file !== undefined && (await unlessMissing(stat(file))) === undefined) {
    throw new RegistryError(
      'UNAVAILABLE',
      `There is no database ${file}: say where the server keeps its data, with --data-dir or ENTREPOT_DATA_DIR (--database-url or ENTREPOT_DATABASE_URL if its database is elsewhere). The first start of a server makes one, or entrepot migrate.`,
    )
  }
  return openDatabase({ url: databaseUrl, version: readVersion(), mayUpgrade: false })
}

/** A running server may have them open, too: nothing is locked, and nothing written. */
export async function openForReading(place: Place, db: Db, secrets?: Secrets): Promise<Stores> {
  return openStores({
    ...{ db, dataDir: place.dataDir, defaultStore: place.defaultStore },
    secrets: secrets ?? (await openSecretsForReading(place)),
    async openDisk(root, expectedId) {
      const expected = expectedId !== null && { expectedId }
      const store = await openFileStore({ root, reserveBytes: 0, ...expected })
      return { id: store.id, store }
    },
    openCloud: (storeId, { place, id }) =>
      openCloud(place, { id, ledger: openPartLedger(db, storeId) }),
  })
}

/** What reads stored credentials, if they can be read: no key is made. */
export async function openSecretsForReading(place: Place): Promise<Secrets> {
  if (await hasSecretKey(place)) return await openSecrets(place)
  const refuse = () => {
    throw new RegistryError('INTERNAL', noSecretKey(place))
  }
  return { encrypt: refuse, decrypt: refuse }
}

/** A key that is made here is none that anything was encrypted with. Throws UNAVAILABLE. */
export async function requireSecretKey(place: Place): Promise<void> {
  if (!(await hasSecretKey(place))) throw new RegistryError('UNAVAILABLE', noSecretKey(place))
}

async function hasSecretKey({ dataDir, secretKey }: Place): Promise<boolean> {
  if (secretKey !== null) return true
  return (await unlessMissing(stat(path.join(dataDir, 'secret.key')))) !== undefined
}

function noSecretKey({ dataDir }: Place): string {
  return `There is no secret.key in ${dataDir}, and none is configured: stored credentials cannot be read. Put it there from the backup, or set ENTREPOT_SECRET_KEY as before.`
}

/** What reads stored credentials. The first start makes the key. */
export async function openSecrets({ dataDir, secretKey }: Place): Promise<Secrets> {
  const key = await openSecretKey({ dataDir, configured: secretKey })
  return openEncryption(key.deriveKey('stored-credentials'))
}

/** Keeps servers from the data folder. Throws UNAVAILABLE while one has it, with what to do instead. */
export async function lockData(dataDir: string, instead: string): Promise<ProcessLock> {
  const lock = await lockFolder(dataDir, 'serve')
  if (lock !== undefined) return lock
  throw new RegistryError('UNAVAILABLE', `A server has the data folder ${dataDir}: ${instead}`)
}
