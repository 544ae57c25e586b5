import { mkdir } from 'node:fs/promises'
import { openCloud } from '../blobs/cloud.ts'
import { openFileStore } from '../blobs/file-store.ts'
import { openLazyStore } from '../blobs/lazy-store.ts'
import { openCloudTrial, openDiskTrial } from '../blobs/trial-store.ts'
import type { Config } from '../config.ts'
import type { Db } from '../db/database.ts'
import { lockFolder, type ProcessLock } from '../db/process-lock.ts'
import { RegistryError } from '../domain/errors.ts'
import type { Log } from '../log.ts'
import { measureStore } from '../measured.ts'
import type { Metrics } from '../metrics.ts'
import { openPartLedger } from '../registry/part-ledger.ts'
import { openStores, type Secrets, type Stores } from '../registry/stores.ts'

/** How soon another process sees a store that was defined here. */
const lookMs = 2000

export interface StoresFoundation {
  readonly config: Pick<Config, 'dataDir' | 'diskReserveBytes'>
  readonly db: Db
  readonly metrics: Metrics
  readonly secrets: Secrets
  /** Closes it with everything else. */
  readonly keep: <T extends AsyncDisposable>(opened: T) => T
}

export function openAllStores(of: StoresFoundation): Promise<Stores> {
  const { config, db, metrics, secrets, keep } = of
  return openStores({
    ...{ db, dataDir: config.dataDir, secrets },
    async openDisk(folder, expectedId) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      keep(await lockStore(folder))
      const store = await openFileStore({
        root: folder,
        reserveBytes: config.diskReserveBytes,
        ...(expectedId !== null && { expectedId }),
      })
      return { id: store.id, store: measureStore(store, metrics) }
    },
    openCloud(storeId, place, id) {
      const ledger = openPartLedger(db, storeId)
      return measureStore(
        openLazyStore(() => openCloud(place, { id, ledger })),
        metrics,
      )
    },
  })
}

/** Opens what other processes define. */
export function watchStores(stores: Stores, log: Log): () => void {
  const look = () =>
    void stores.refresh().catch((err: unknown) => {
      log.error({ err }, 'Stores that were defined or changed could not be opened yet')
    })
  const timer = setInterval(look, lookMs)
  timer.unref()
  return () => clearInterval(timer)
}

/** What opens a place to try it out. */
export function trialsOf({ diskReserveBytes }: Pick<Config, 'diskReserveBytes'>) {
  return {
    disk: (folder: string) => openDiskTrial(folder, diskReserveBytes),
    cloud: openCloudTrial,
  }
}

export async function lockData(dataDir: string): Promise<ProcessLock> {
  const lock = await lockFolder(dataDir, 'serve')
  if (lock) return lock
  throw new RegistryError(
    'UNAVAILABLE',
    `Another Entrepot serves the data folder ${dataDir}: stop it first, or give this one a folder of its own (--data-dir).`,
  )
}

async function lockStore(folder: string): Promise<ProcessLock> {
  const lock = await lockFolder(folder, 'store')
  if (lock) return lock
  throw new RegistryError(
    'UNAVAILABLE',
    `Another Entrepot serves the store in ${folder}: only one process may write to a disk store.`,
  )
}
