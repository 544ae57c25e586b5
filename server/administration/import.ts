import { openCloud } from '../blobs/cloud.ts'
import { openFileStore } from '../blobs/file-store.ts'
import type { Config } from '../config.ts'
import { type Db, sqliteFileOf } from '../db/database.ts'
import { lockFolder } from '../db/process-lock.ts'
import { RegistryError } from '../domain/errors.ts'
import { parseFeedName } from '../domain/reference.ts'
import { Pace } from '../registry/backup/pace.ts'
import type { CleanupReport } from '../registry/cleanup-report.ts'
import { getFeed } from '../registry/feeds.ts'
import { openDryTarget } from '../registry/import/dry-target.ts'
import { type ImportOrder, type ImportResult, importImages } from '../registry/import/import.ts'
import { ImportReport } from '../registry/import/import-report.ts'
import { LocalTarget } from '../registry/import/local-target.ts'
import {
  clientOptions,
  openSource,
  type RemoteAccess,
  type SourceOrder,
} from '../registry/import/open-source.ts'
import { RemoteTarget } from '../registry/import/remote-target.ts'
import { readSelection, type SelectionOrder } from '../registry/import/selection.ts'
import type { ImportTarget } from '../registry/import/target.ts'
import { openPartLedger } from '../registry/part-ledger.ts'
import { openSettings } from '../registry/settings.ts'
import { openStores, type Stores } from '../registry/stores.ts'
import { Uploads } from '../registry/uploads.ts'
import { lockData, openPlace, openSecrets } from './place.ts'

type Place = Pick<
  Config,
  'dataDir' | 'databaseUrl' | 'secretKey' | 'defaultStore' | 'diskReserveBytes'
>

export interface ImportCommand {
  readonly source: SourceOrder
  readonly selection: SelectionOrder
  readonly order: Omit<ImportOrder, 'selection'>
  /** A server that runs; null: the data folder, which nobody serves. */
  readonly server: { readonly url: string; readonly access: RemoteAccess } | null
  /** 0: as fast as it can. */
  readonly bytesPerSecond: number
  readonly mayLink: boolean
  readonly isDryRun: boolean
  readonly report: CleanupReport
}

/** What it came to, whether or not it came to its end. */
export type ImportSummary = Omit<ImportResult, 'failure'>

export async function importNow(config: Place, command: ImportCommand): Promise<ImportResult> {
  const report = new ImportReport(command.report)
  const pace = new Pace(command.bytesPerSecond)
  const selection = readSelection(command.selection)
  const opened: AsyncDisposable[] = []
  try {
    const target = await openTarget(config, command, { report, pace, opened })
    opened.push(target)
    const source = await openSource(command.source, report)
    opened.push(source)
    const order = { ...command.order, selection }
    const count = (bytes: number) => report.count('bytesCopied', bytes)
    const last = command.isDryRun ? openDryTarget(target, count) : target
    return await importImages({ source, target: last, report, pace }, order)
  } finally {
    for (const each of opened.reverse()) await each[Symbol.asyncDispose]()
  }
}

interface Opening {
  readonly report: ImportReport
  readonly pace: Pace
  /** What is closed at the end, in the opposite order. */
  readonly opened: AsyncDisposable[]
}

async function openTarget(
  config: Place,
  { server, order, mayLink }: ImportCommand,
  { report, pace, opened }: Opening,
): Promise<ImportTarget> {
  if (server !== null) {
    const { key: feedKey } = parseFeedName(order.feed)
    const options = clientOptions('--url', server.url, server.access)
    requireNoPath(options.url)
    const target = new RemoteTarget({ ...options, feedKey }, report)
    await target.ping()
    return target
  }
  const use = <T extends AsyncDisposable>(each: T): T => {
    opened.push(each)
    return each
  }
  const db = use(await openPlace(config))
  // While it is imported into, nobody else may serve it; and the other way round.
  if (sqliteFileOf(config.databaseUrl) !== undefined) {
    use(await lockData(config.dataDir, instead))
  }
  const stores = use(await openForWriting(config, db))
  const settings = await openSettings(db)
  const uploads = use(new Uploads({ db, stores, settings }))
  const feed = await getFeed(db, order.feed)
  // A store that somebody else has is known before anything is read.
  await stores.get(feed.storeId).check()
  return new LocalTarget({ db, stores, settings, uploads, report, pace }, { feed, mayLink })
}

/** The registry is said by `--feed`. */
function requireNoPath({ href, pathname, origin }: URL): void {
  if (pathname === '/') return
  throw new RegistryError(
    'REQUEST_INVALID',
    `--url: ${href} has a path: give the address of the server alone, ${origin}.`,
  )
}

const instead = 'give the address of the server that runs (--url https://…), or stop it first.'

async function openForWriting(config: Place, db: Db): Promise<Stores> {
  const { dataDir, diskReserveBytes: reserveBytes } = config
  return openStores({
    ...{ db, dataDir, defaultStore: config.defaultStore, secrets: await openSecrets(config) },
    async openDisk(root, expectedId) {
      const lock = await lockFolder(root, 'store')
      if (!lock) {
        throw new RegistryError('UNAVAILABLE', `A server has the disk store ${root}: ${instead}`)
      }
      const expected = expectedId !== null && { expectedId }
      const store = await openFileStore({ root, reserveBytes, lock, ...expected })
      return { id: store.id, store }
    },
    openCloud: (storeId, { place, id }) =>
      openCloud(place, { id, ledger: openPartLedger(db, storeId) }),
  })
}
