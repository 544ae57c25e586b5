import path from 'node:path'
import type { BlobStore } from '../blobs/blob-store.ts'
import type { CloudPlace } from '../blobs/cloud.ts'
import { type LazyStore, openLazyStore } from '../blobs/lazy-store.ts'
import type { Db } from '../db/database.ts'
import { claimStoreMarker, findStore, listStores, type StoreRecord } from '../db/stores.ts'
import { isRefusal, RegistryError } from '../domain/errors.ts'
import { type DefaultStore, ensureFolder, findDefaultStore } from './default-store.ts'
import { cacheBytesOf, cloudPlaceOf, isTrue, type Properties } from './store-properties.ts'
import { partsOf } from './store-rows.ts'

/** The stores that this process knows, by their row. Each is opened when it is first used. */
export interface Stores extends AsyncDisposable {
  /** One that is not known yet is looked up when it is used: another process may have defined it. */
  get(storeId: number): BlobStore
  /** Where feeds put their bytes unless told otherwise. */
  readonly defaultStoreId: number
  list(): readonly KnownStore[]
  find(storeId: number): KnownStore | undefined
  /** Learns of what was defined since, here or by another process, and what is used otherwise now. */
  refresh(): Promise<void>
}

export interface KnownStore {
  readonly id: number
  readonly type: StoreRecord['type']
  /** For people: a folder, or bucket and prefix. */
  readonly name: string
  readonly store: LazyStore
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
  /** What is configured. */
  readonly defaultStore: DefaultStore
  /**
   * Opens the folder as a store, taking its lock, which goes with the store: one process serves a
   * disk store. `expectedId` is the id that it had before, null the first time. Throws UNAVAILABLE,
   * with `servedElsewhere` in its detail where another process has it.
   */
  readonly openDisk: (folder: string, expectedId: string | null) => Promise<OpenDisk>
  readonly openCloud: (storeId: number, place: DescribedCloud) => Promise<BlobStore>
}

export interface DescribedCloud {
  readonly place: CloudPlace
  /** Of its marker. */
  readonly id: string
  /** How much of it is kept on this machine too; null: nothing. */
  readonly cacheBytes: number | null
}

export interface OpenDisk {
  readonly id: string
  readonly store: BlobStore
}

/**
 * Learns which stores there are. A folder that another process serves, and a bucket that cannot be
 * reached, are the trouble of their feeds alone.
 */
export async function openStores(options: StoresOptions): Promise<Stores> {
  const { db } = options
  const standard = (await findDefaultStore(db, options.defaultStore)) ?? (await ensureFolder(db))
  const known = new Map<number, KnownStore & { readonly version: number }>()
  /** Used with other options or credentials now; what reads and writes with them goes on until it ends. */
  const former: BlobStore[] = []
  const learn = (record: StoreRecord) => {
    const before = known.get(record.id)
    if (before?.version === record.version) return
    if (before?.type === 'disk') known.set(record.id, { ...before, version: record.version })
    else known.set(record.id, describe(options, record))
    if (before !== undefined && before.type !== 'disk') former.push(before.store)
  }
  const look = async () => {
    for (const record of await listStores(db.read)) learn(record)
  }
  let looking: Promise<void> | undefined
  const refresh = () => {
    looking ??= look().finally(() => {
      looking = undefined
    })
    return looking
  }
  await refresh()
  const defined = async (storeId: number) => {
    await refresh()
    const found = known.get(storeId)
    if (found) return found.store
    throw new RegistryError('UNAVAILABLE', `There is no store ${storeId}.`)
  }
  return {
    defaultStoreId: standard.id,
    get: (storeId) => known.get(storeId)?.store ?? openLazyStore(() => defined(storeId)),
    find: (storeId) => known.get(storeId),
    list: () => [...known.values()],
    refresh,
    async [Symbol.asyncDispose]() {
      for (const store of former) await store[Symbol.asyncDispose]()
      for (const { store } of known.values()) await store[Symbol.asyncDispose]()
    },
  }
}

function describe(options: StoresOptions, record: StoreRecord) {
  const { id, type, version, marker } = record
  if (type === 'disk') {
    const name = folderOf(record, options.dataDir)
    const store = openLazyStore(() => openFolder(options, id, name), { showsStaged: true })
    return { ...{ id, type, version, name, store }, redirect: null }
  }
  const store = openLazyStore(async () => {
    const parts = partsOf(record, options.secrets)
    const place = { id: marker ?? '', place: cloudPlaceOf(parts), cacheBytes: cacheBytesOf(parts) }
    return options.openCloud(id, place)
  })
  return { ...{ id, type, version, store }, name: nameOf(record), redirect: redirectOf(record) }
}

/** Whether a disk store could not be opened because another process has it. */
export function isServedElsewhere(error: unknown): boolean {
  if (!(error instanceof RegistryError)) return false
  return (error.detail as { servedElsewhere?: unknown } | undefined)?.servedElsewhere === true
}

const everywhere = 'give its registries a store in the cloud, which every process reaches.'

/** What another process has made of its own folder meanwhile is another store. */
async function openFolder(
  { db, openDisk }: StoresOptions,
  id: number,
  folder: string,
): Promise<BlobStore> {
  const before = await findStore(db.read, id)
  const opened = await openDisk(folder, before?.marker ?? null).catch((error: unknown) => {
    throw db.dialect === 'sqlite' ? error : namingOthers(error)
  })
  try {
    if (before?.marker == null) await refuseBlobsOfOthers(opened.store, folder)
    const marker = await db.write(claimStoreMarker, { id, marker: opened.id })
    if (marker === opened.id) return opened.store
  } catch (error) {
    // Its lock goes with it: the next one to use it tries again.
    await opened.store[Symbol.asyncDispose]()
    throw error
  }
  await opened.store[Symbol.asyncDispose]()
  throw new RegistryError('UNAVAILABLE', `Another process has this disk store: ${everywhere}`, {
    detail: { servedElsewhere: true },
    cause: new Error(`${folder} holds another store`),
  })
}

/**
 * A database that does not know the folder's blobs would take all of them for garbage: it is new, and
 * in the place of another that is lost, or not mounted.
 */
async function refuseBlobsOfOthers(store: BlobStore, folder: string): Promise<void> {
  if ((await store.list(null, 1)).length === 0) return
  throw new RegistryError(
    'UNAVAILABLE',
    `The folder ${folder} holds blobs of another database: start with that one, or restore it (docs/backup.md). To begin anew, move the folder away.`,
  )
}

/** Where several processes share a database, another one may have what is not here. */
function namingOthers(error: unknown): unknown {
  if (!isRefusal(error, 'UNAVAILABLE') || isServedElsewhere(error)) return error
  const { message, detail, cause } = error
  const hint = `If another process has this disk store, ${everywhere}`
  return new RegistryError('UNAVAILABLE', `${message} ${hint}`, { detail, cause })
}

function redirectOf(record: StoreRecord): RedirectRule | null {
  const options = JSON.parse(record.options) as Properties
  if (!isTrue(options.RedirectDownloads)) return null
  const except = (options.NeverRedirect ?? '').split(',').map((network) => network.trim())
  return { except: except.filter((network) => network !== '') }
}

function nameOf({ type, settings }: StoreRecord): string {
  const place = JSON.parse(settings) as Properties
  const where = place.CustomServiceUrl ?? place.ContainerUrl ?? place.Account ?? ''
  const names = [where, place.BucketName ?? place.ContainerName, place.TargetPath]
  return `${type} ${names.filter((name) => name !== undefined && name !== '').join('/')}`
}

function folderOf({ settings }: StoreRecord, dataDir: string): string {
  const { path: folder } = JSON.parse(settings) as { path: string }
  return path.resolve(dataDir, folder)
}
