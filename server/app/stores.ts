import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { BlobCache } from '../blobs/blob-cache.ts'
import type { BlobStore } from '../blobs/blob-store.ts'
import { openCachedStore } from '../blobs/cached-store.ts'
import { createCloud, openCloud, verifyCloud } from '../blobs/cloud.ts'
import { openFileStore } from '../blobs/file-store.ts'
import type { Config } from '../config.ts'
import type { Db } from '../db/database.ts'
import { lockFolder, type ProcessLock } from '../db/process-lock.ts'
import { RegistryError } from '../domain/errors.ts'
import type { Log } from '../log.ts'
import { type Measuring, measureStore } from '../measured.ts'
import { defineDefaultStore } from '../registry/default-store.ts'
import { listFeeds } from '../registry/feeds.ts'
import { openPartLedger } from '../registry/part-ledger.ts'
import {
  type KnownStore,
  type OpenDisk,
  openStores,
  type Secrets,
  type Stores,
} from '../registry/stores.ts'

/** How soon another process sees a store that was defined here. */
const lookMs = 2000

export interface StoresFoundation extends Measuring {
  readonly config: Pick<Config, 'dataDir' | 'diskReserveBytes' | 'defaultStore'>
  readonly db: Db
  readonly secrets: Secrets
}

export async function openAllStores(foundation: StoresFoundation): Promise<Stores> {
  const { config, db, secrets } = foundation
  await defineDefaultStore({ db, secrets, createCloud, verifyCloud }, config.defaultStore)
  return openStores({
    ...{ db, dataDir: config.dataDir, secrets, defaultStore: config.defaultStore },
    openDisk: (folder, expectedId) =>
      openDisk({
        folder,
        expectedId,
        reserveBytes: config.diskReserveBytes,
        measuring: foundation,
      }),
    async openCloud(storeId, { place, id, cacheBytes }) {
      const ledger = openPartLedger(db, storeId)
      const store = await openCloud(place, { id, ledger })
      return measureStore(await withCache(store, storeId, { config, cacheBytes }), foundation)
    },
  })
}

async function withCache(
  store: BlobStore,
  storeId: number,
  of: { readonly config: StoresFoundation['config']; readonly cacheBytes: number | null },
): Promise<BlobStore> {
  const { dataDir, diskReserveBytes } = of.config
  const folder = path.join(dataDir, 'cache', String(storeId))
  if (of.cacheBytes === null) {
    await rm(folder, { recursive: true, force: true })
    return store
  }
  const limits = { maxBytes: of.cacheBytes, reserveBytes: diskReserveBytes }
  return openCachedStore(store, await BlobCache.open({ folder, ...limits }))
}

async function openDisk(of: {
  readonly folder: string
  readonly expectedId: string | null
  readonly reserveBytes: number
  readonly measuring: Measuring
}): Promise<OpenDisk> {
  const { folder, expectedId, reserveBytes, measuring } = of
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const lock = await lockStore(folder)
  const expected = expectedId !== null && { expectedId }
  const store = await openFileStore({ root: folder, reserveBytes, lock, ...expected })
  return { id: store.id, store: measureStore(store, measuring) }
}

/**
 * Opens the folders that registries push to, so that what is wrong with one shows at the start. With
 * SQLite nobody else can have it: the server does not start. With PostgreSQL its registries are
 * unavailable here until it can be opened.
 */
export async function openUsedFolders(of: {
  readonly db: Db
  readonly stores: Stores
  readonly log: Log
}): Promise<void> {
  const { db, log } = of
  for (const { name, store } of await listUsedFolders(of)) {
    try {
      await store.openNow()
    } catch (err) {
      if (db.dialect === 'sqlite') throw err
      log.error(
        { err, folder: name },
        'Registries that are kept in this folder are unavailable here',
      )
    }
  }
}

/** Disk stores that registries push to. */
export async function listUsedFolders(of: {
  readonly db: Db
  readonly stores: Stores
}): Promise<KnownStore[]> {
  const used = new Set((await listFeeds(of.db)).map(({ storeId }) => storeId))
  return of.stores.list().filter(({ id, type }) => type === 'disk' && used.has(id))
}

/** Learns what other processes define. */
export function watchStores(stores: Stores, log: Log): () => void {
  const look = () =>
    void stores.refresh().catch((err: unknown) => {
      log.error({ err }, 'Stores that were defined or changed could not be looked up yet')
    })
  const timer = setInterval(look, lookMs)
  timer.unref()
  return () => clearInterval(timer)
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
    'Another process serves this disk store, and only one may: stop the other one, or move the registry to a store in the cloud.',
    { detail: { servedElsewhere: true }, cause: new Error(`somebody has the lock of ${folder}`) },
  )
}
