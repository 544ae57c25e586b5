import { realpath } from 'node:fs/promises'
import path from 'node:path'
import type { CloudPlace } from '../blobs/cloud.ts'
import type { Db } from '../db/database.ts'
import { listStores, type StoreRecord, saveStore, setFeedStore } from '../db/stores.ts'
import type { Actor } from '../domain/actor.ts'
import { refuseField } from '../domain/errors.ts'
import type { Feed } from './feeds.ts'
import {
  cloudPlaceOf,
  getStoreKind,
  type Properties,
  parseProperties,
  type StoreParts,
} from './store-properties.ts'
import { partsOf, settingsOf, storeChangeOf } from './store-rows.ts'
import type { Secrets, Stores } from './stores.ts'

export interface FeedStorageDeps {
  readonly db: Db
  readonly stores: Stores
  readonly secrets: Secrets
  readonly dataDir: string
  /** Folders below which stores may lie, besides the data folder. */
  readonly storageRoots: readonly string[]
  /** Makes the place a store; its id. */
  readonly createCloud: (place: CloudPlace) => Promise<string>
}

/** As the API shows and takes it: secrets never leave. */
export interface FeedStorage {
  readonly id: StoreParts['type']
  readonly properties: Properties
  /** Names of the secrets that are kept. */
  readonly secrets: readonly string[]
}

export async function getFeedStorage(deps: FeedStorageDeps, feed: Feed): Promise<FeedStorage> {
  const record = (await listStores(deps.db.read)).find(({ id }) => id === feed.storeId)
  if (record === undefined) throw new Error(`the feed ${feed.id} has no store`)
  return show(partsOf(record, deps.secrets))
}

/**
 * Where the feed's images go from now on, and how it is spoken to, for every feed that has the same
 * place. What is elsewhere stays readable there; `FeedMove` brings it. Throws INVALID_FIELDS,
 * CONFLICT where there are blobs of another server, UNAVAILABLE.
 */
export async function setFeedStorage(
  deps: FeedStorageDeps & { readonly by: Actor },
  feed: Feed,
  given: { readonly id: string; readonly properties: Readonly<Record<string, unknown>> },
): Promise<FeedStorage> {
  const { db, secrets, stores, by } = deps
  const { parts, known } = await describeStore(deps, given)
  const marker =
    parts.type === 'disk' || known?.marker != null
      ? undefined
      : await deps.createCloud(cloudPlaceOf(parts))
  const change = storeChangeOf(parts, secrets)
  const saved = await db.write(saveStore, { ...change, ...(marker !== undefined && { marker }) })
  await stores.refresh()
  if (saved.id !== feed.storeId) {
    await db.write(setFeedStore, { feedId: feed.id, storeId: saved.id, by })
  }
  return show(parts)
}

/** Sorts what was given. Secrets that are left out are those of the store that is there already. */
export async function describeStore(
  deps: Pick<FeedStorageDeps, 'db' | 'secrets' | 'dataDir' | 'storageRoots'>,
  given: { readonly id: string; readonly properties: Readonly<Record<string, unknown>> },
): Promise<{ readonly parts: StoreParts; readonly known: StoreRecord | undefined }> {
  const kind = getStoreKind(given.id)
  if (kind.id === 'disk') {
    const parsed = parseProperties(kind, given.properties)
    const folder = await allowedFolder(deps, parsed.place.StoragePath ?? '')
    const parts = { ...parsed, place: { StoragePath: folder } }
    return { parts, known: await findStore(deps.db, parts) }
  }
  // Which place it is does not depend on the secrets that are kept, but for Azure's account.
  const records = await listStores(deps.db.read)
  for (const record of records.filter(({ type }) => type === kind.id)) {
    const before = partsOf(record, deps.secrets)
    const parts = tryParse(kind, given.properties, before.secrets)
    if (parts && settingsOf(parts) === record.settings) return { parts, known: record }
  }
  const parts = parseProperties(kind, given.properties)
  return { parts, known: undefined }
}

function tryParse(
  ...args: Parameters<typeof parseProperties>
): ReturnType<typeof parseProperties> | undefined {
  try {
    return parseProperties(...args)
  } catch {
    return undefined
  }
}

async function findStore(db: Db, parts: StoreParts): Promise<StoreRecord | undefined> {
  const settings = settingsOf(parts)
  const all = await listStores(db.read)
  return all.find((each) => each.type === parts.type && each.settings === settings)
}

function show({ type, place, options, secrets }: StoreParts): FeedStorage {
  const { Account: _account, ...visible } = place
  return { id: type, properties: { ...visible, ...options }, secrets: Object.keys(secrets) }
}

/** Of the data folder, what the server itself empties. */
const ownFolders = ['bucket-backup', 'cache', 'spool', 'upgrades']

/**
 * The folder, relative to the data folder if it lies there. Links are followed: what counts is where
 * the bytes would be.
 */
async function allowedFolder(
  { dataDir, storageRoots }: Pick<FeedStorageDeps, 'dataDir' | 'storageRoots'>,
  given: string,
): Promise<string> {
  const folder = path.resolve(dataDir, given)
  const real = await realFolder(folder)
  for (const root of [dataDir, ...storageRoots]) {
    const within = path.relative(await realFolder(path.resolve(root)), real)
    if (within === '' || within === '..' || within.startsWith(`..${path.sep}`)) continue
    if (path.isAbsolute(within)) continue
    if (root !== dataDir) return real
    const [top = ''] = within.split(path.sep)
    if (ownFolders.includes(top)) {
      refuseField(
        'StoragePath',
        `The server keeps other things in ${folder}: choose another folder.`,
      )
    }
    return within
  }
  refuseField(
    'StoragePath',
    `The folder ${folder} is neither below the data folder nor below one that the setting storage-roots allows: ask who runs the server to add it there.`,
  )
}

/** What of it is there already, with links followed. */
async function realFolder(folder: string): Promise<string> {
  try {
    return await realpath(folder)
  } catch {
    const parent = path.dirname(folder)
    return parent === folder ? folder : path.join(await realFolder(parent), path.basename(folder))
  }
}
