import path from 'node:path'
import type { BlobStore } from '../blobs/blob-store.ts'
import type { CloudPlace } from '../blobs/cloud.ts'
import type { Db } from '../db/database.ts'
import { ensureStore, listStores, type StoreRecord, setStoreMarker } from '../db/stores.ts'
import { RegistryError } from '../domain/errors.ts'
import { cloudPlaceOf, isTrue, type Properties, type StoreParts } from './store-properties.ts'

/** The open stores of this process, by their row. */
export interface Stores extends AsyncDisposable {
  get(storeId: number): BlobStore
  /** The store of the data folder: where feeds put their bytes unless told otherwise. */
  readonly defaultStoreId: number
  list(): readonly OpenStore[]
  find(storeId: number): OpenStore | undefined
  /** Opens what was defined since, here or by another process, and what is used otherwise now. */
  refresh(): Promise<void>
}

export interface OpenStore {
  readonly id: number
  readonly type: StoreRecord['type']
  /** For people: a folder, or bucket and prefix. */
  readonly name: string
  readonly store: BlobStore
  /** Null: clients are served by this server alone. */
  readonly redirect: RedirectRule | null
}

export interface RedirectRule {
  /** Clients in these networks are never sent elsewhere. */
  readonly except: readonly string[]
}

/** Texts that only this server can read. */
export interface Secrets {
  encrypt(text: string, belongsTo: string): string
  decrypt(stored: string, belongsTo: string): string
}

export interface StoresOptions {
  readonly db: Db
  readonly dataDir: string
  readonly secrets: Secrets
  /**
   * Opens the folder as a store, taking its lock: one process serves a disk store. `expectedId` is
   * the id that it had before, null the first time.
   */
  readonly openDisk: (folder: string, expectedId: string | null) => Promise<OpenDisk>
  /** Opens a place in the cloud when it is first used; `id`: of its marker. */
  readonly openCloud: (storeId: number, place: CloudPlace, id: string) => BlobStore
}

export interface OpenDisk {
  readonly id: string
  readonly store: BlobStore
}

/**
 * Opens every folder, and the rest when it is needed: a bucket that cannot be reached is the trouble
 * of its feeds alone. Throws UNAVAILABLE, naming the folder, when one cannot be opened.
 */
export async function openStores(options: StoresOptions): Promise<Stores> {
  const { db } = options
  const standard = await ensureDefaultStore(db)
  const open = new Map<number, OpenStore & { readonly version: number }>()
  const close = async () => {
    for (const { store } of open.values()) await store[Symbol.asyncDispose]()
  }
  const openOne = async (record: StoreRecord) => {
    const known = open.get(record.id)
    if (known?.version === record.version) return
    // What reads and writes with the former credentials goes on until it ends.
    if (known?.type === 'disk') open.set(record.id, { ...known, version: record.version })
    else open.set(record.id, await openStore(options, record))
  }
  const openNew = async () => {
    const failures: unknown[] = []
    for (const record of await listStores(db.read)) {
      // One that cannot be opened keeps no other from it.
      await openOne(record).catch((error: unknown) => failures.push(error))
    }
    if (failures.length > 0) throw failures[0]
  }
  let refreshing: Promise<void> | undefined
  try {
    await openNew()
  } catch (error) {
    await close()
    throw error
  }
  return {
    defaultStoreId: standard.id,
    get(storeId) {
      const found = open.get(storeId)
      if (found) return found.store
      throw new RegistryError('UNAVAILABLE', `The store ${storeId} is not open in this process.`)
    },
    find: (storeId) => open.get(storeId),
    list: () => [...open.values()],
    refresh() {
      refreshing ??= openNew().finally(() => {
        refreshing = undefined
      })
      return refreshing
    },
    [Symbol.asyncDispose]: close,
  }
}

export async function ensureDefaultStore(db: Db): Promise<StoreRecord> {
  return db.write(ensureStore, { type: 'disk', settings: JSON.stringify({ path: 'store' }) })
}

async function openStore(options: StoresOptions, record: StoreRecord) {
  const { id, type, version, marker } = record
  if (type === 'disk') {
    const folder = folderOf(record, options.dataDir)
    const opened = await options.openDisk(folder, marker)
    if (marker === null) await options.db.write(setStoreMarker, { id, marker: opened.id })
    return { ...{ id, type, version }, name: folder, store: opened.store, redirect: null }
  }
  const parts = partsOf(record, options.secrets)
  const store = options.openCloud(id, cloudPlaceOf(parts), marker ?? '')
  return { ...{ id, type, version, store }, name: nameOf(parts), redirect: redirectOf(parts) }
}

/** What the row says. Throws INTERNAL if its secret cannot be read. */
export function partsOf(record: StoreRecord, secrets: Secrets): StoreParts {
  const { type, settings, options, secret } = record
  const place = JSON.parse(settings) as Properties
  return {
    type,
    place: type === 'disk' ? { StoragePath: place.path ?? '' } : place,
    options: JSON.parse(options) as Properties,
    secrets:
      secret === null
        ? {}
        : (JSON.parse(secrets.decrypt(secret, storeOwner(type, settings))) as Properties),
  }
}

/** What the stored credentials belong to: those of one place are of no use for another. */
export function storeOwner(type: string, settings: string): string {
  return `store ${type} ${settings}`
}

function redirectOf({ options }: StoreParts): RedirectRule | null {
  if (!isTrue(options.RedirectDownloads)) return null
  const except = (options.NeverRedirect ?? '').split(',').map((network) => network.trim())
  return { except: except.filter((network) => network !== '') }
}

function nameOf({ type, place }: StoreParts): string {
  const where = place.CustomServiceUrl ?? place.ContainerUrl ?? place.Account ?? ''
  const names = [where, place.BucketName ?? place.ContainerName, place.TargetPath]
  return `${type} ${names.filter((name) => name !== undefined && name !== '').join('/')}`
}

function folderOf({ settings }: StoreRecord, dataDir: string): string {
  const { path: folder } = JSON.parse(settings) as { path: string }
  return path.resolve(dataDir, folder)
}
