import { mkdir, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { unlessMissing } from '../../blobs/file-errors.ts'
import { syncFolder } from '../../blobs/folder.ts'
import { CopiedDatabase, settleRestored } from '../../db/copied-database.ts'
import { countContent, type DatabaseContent } from '../../db/database-copy.ts'
import { lockFolder } from '../../db/process-lock.ts'
import { copySqlite } from '../../db/sqlite-copy.ts'
import { RegistryError } from '../../domain/errors.ts'
import { type CleanupReport, withSignal } from '../cleanup-report.ts'
import { listNames } from './backup-files.ts'
import { restoreBlobs } from './blob-restoring.ts'
import { writeSecret } from './folder-target.ts'
import { isBackup } from './opening.ts'
import { refuseForeignFiles, refuseNewer } from './restorable.ts'
import { openRestoredStores } from './restored-stores.ts'
import {
  commandOf,
  forgetRestoring,
  noteRestoring,
  type Restoring,
  readRestoring,
} from './restoring.ts'
import { hashBytes, hashFile, listSnapshots, type MissingBlob, type Snapshot } from './snapshots.ts'
import { type BackupTarget, databaseName, markerFile, type TargetHold } from './target.ts'
import { workplaceName } from './workplace.ts'

export interface RestoreOrder {
  /** Where the backups are; the caller closes it. */
  readonly from: BackupTarget
  /** The name of a snapshot; null: the last one. */
  readonly snapshot: string | null
  /** The data folder: empty, or one whose restoring was cut off. */
  readonly dataDir: string
  /** Where its database is to be, absolute. */
  readonly databaseFile: string
  readonly report: CleanupReport
}

export interface RestoreResult {
  readonly snapshot: Snapshot
  /** What the restored database has, counted there. */
  readonly content: DatabaseContent
  /** Blobs that are in the data folder now, and their bytes. */
  readonly restored: { readonly blobs: number; readonly bytes: number }
  readonly missing: readonly MissingBlob[]
}

/**
 * Makes an empty data folder the server that a snapshot is of; every byte is hashed on its way. The
 * images of all stores come into the data folder, so that the restored server touches nothing of the
 * one that was backed up. What was cut off is gone on with. Throws CONFLICT for a folder that holds
 * something else, UNAVAILABLE for a backup that cannot be read; blobs that it lacks are named.
 */
export async function restore(order: RestoreOrder): Promise<RestoreResult> {
  const { from, report } = order
  await requireBackup(from)
  await using held = await holdSnapshots(order)
  const snapshot = await pickSnapshot(from, order.snapshot)
  refuseNewer(snapshot)
  refuseForeignFiles(snapshot)
  await mkdir(order.dataDir, { recursive: true, mode: 0o700 })
  await mkdir(path.dirname(order.databaseFile), { recursive: true, mode: 0o700 })
  const before = await requireEmpty(order, snapshot)
  await using lock = await lockFolder(order.dataDir, 'serve')
  if (lock === undefined) {
    throw new RegistryError(
      'UNAVAILABLE',
      `A server, or another restore, has the data folder ${order.dataDir}: stop it first.`,
    )
  }
  const restoring: Restoring = {
    ...{ ...before, from: from.name, snapshot: snapshot.name },
    databaseFile: order.databaseFile,
  }
  await noteRestoring(order.dataDir, restoring)
  const signal = AbortSignal.any([report.signal, held.lost])
  return await fillFolder({ ...order, report: withSignal(report, signal) }, { snapshot, restoring })
}

interface Filling {
  readonly snapshot: Snapshot
  readonly restoring: Restoring
}

async function fillFolder(
  order: RestoreOrder,
  { snapshot, restoring }: Filling,
): Promise<RestoreResult> {
  const { dataDir, from: target, report } = order
  report.progress('the database of the snapshot')
  const database = await fetchDatabase(target, snapshot)
  await restoreFiles(order, snapshot)
  using copy = new CopiedDatabase(database)
  const faults = copy.findFaults()
  if (faults.length > 0) throw damagedDatabase(snapshot, database, faults[0] ?? '')
  await using stores = await openRestoredStores(dataDir, copy.listStores())
  const { missing, ...restored } = await restoreBlobs({ target, copy, stores, report })
  if (report.signal.aborted) throw calledOff(report.signal)
  report.progress('the database')
  const draft = `${order.databaseFile}.restoring`
  await removeDatabase(draft)
  copySqlite(database, draft)
  settleRestored(draft, { stores: stores.places, missing })
  const content = countContent(draft)
  // Last: a server that finds the database finds all the rest.
  await syncFolder(dataDir)
  await placeDatabase(order, { draft, restoring })
  await forgetRestoring(dataDir)
  return { snapshot, content, restored, missing }
}

/** The draft is the database from now on, and the note says so before, for a restore that is cut off. */
async function placeDatabase(
  { dataDir, databaseFile }: RestoreOrder,
  { draft, restoring }: { readonly draft: string; readonly restoring: Restoring },
): Promise<void> {
  for (const end of besides) await rm(`${draft}${end}`, { force: true })
  await refuseOtherDatabase(databaseFile, restoring)
  await removeDatabase(databaseFile)
  await noteRestoring(dataDir, { ...restoring, database: await hashFile(draft) })
  await rename(draft, databaseFile)
  await syncFolder(path.dirname(databaseFile))
}

/** What SQLite keeps beside a file; it would play what is left of another one into a new one. */
const besides = ['-wal', '-shm', '-journal']

async function removeDatabase(file: string): Promise<void> {
  for (const end of ['', ...besides]) await rm(`${file}${end}`, { force: true })
  await syncFolder(path.dirname(file))
}

/** Throws CONFLICT where there is a database that this restore has not put there. */
async function refuseOtherDatabase(file: string, before: Restoring | undefined): Promise<void> {
  if ((await unlessMissing(stat(file))) === undefined) return
  if (before?.database !== undefined && (await hashFile(file)) === before.database) return
  throw new RegistryError(
    'CONFLICT',
    `There is a database already, ${file}: restore into an empty data folder, or move it elsewhere if nobody needs it.`,
  )
}

function calledOff({ reason }: AbortSignal): unknown {
  if (reason instanceof RegistryError) return reason
  return new RegistryError(
    'UNAVAILABLE',
    'The restore was called off: the same command goes on with it.',
  )
}

async function requireBackup(target: BackupTarget): Promise<void> {
  if (await isBackup(target)) return
  throw new RegistryError(
    'NOT_FOUND',
    `${target.name} is no backup of Entrepot: it has no ${markerFile}.`,
  )
}

/** Keeps backups from forgetting what is read. */
async function holdSnapshots({ from, report }: RestoreOrder): Promise<TargetHold> {
  const hold = await from.hold({ isReader: true, tell: (words) => report.info(words) })
  if (hold !== undefined) return hold
  throw new RegistryError(
    'UNAVAILABLE',
    `A backup writes to ${from.name}, or another restore reads it: wait until it has ended.`,
  )
}

/** Throws NOT_FOUND naming what there is. */
async function pickSnapshot(target: BackupTarget, name: string | null): Promise<Snapshot> {
  const all = await listSnapshots(target)
  const found = name === null ? all[0] : all.find((each) => each.name === name)
  if (found !== undefined) return found
  const names = all.map((each) => each.name).join(', ')
  throw new RegistryError(
    'NOT_FOUND',
    names === ''
      ? `${target.name} has no finished snapshot: its backups were cut off, or failed.`
      : `${target.name} has no snapshot "${name}", but ${names}.`,
  )
}

/** Throws CONFLICT unless nothing is there, or what this restore has left: what it noted. */
async function requireEmpty(
  order: RestoreOrder,
  snapshot: Snapshot,
): Promise<Restoring | undefined> {
  const { dataDir, databaseFile } = order
  const names = (await listNames(dataDir)).filter(
    (name) => !['serve.lock', 'lost+found', workplaceName].includes(name),
  )
  const before = await readRestoring(dataDir)
  if (before !== undefined) {
    const isSamePlace = (before.databaseFile ?? databaseFile) === databaseFile
    if (before.snapshot !== snapshot.name || !isSamePlace) throw otherRestore(dataDir, before)
  }
  await refuseOtherDatabase(databaseFile, before)
  if (before !== undefined || names.length === 0) return before
  throw new RegistryError(
    'CONFLICT',
    `The data folder ${dataDir} is not empty (it has ${names[0]}): restore into an empty one.`,
  )
}

function otherRestore(dataDir: string, before: Restoring): RegistryError {
  return new RegistryError(
    'CONFLICT',
    `The snapshot ${before.snapshot} of ${before.from} is being restored into ${dataDir}: go on with it (${commandOf(dataDir, before)}), or empty the folder.`,
  )
}

/** Its database as a file of this machine, with the bytes that it had. */
async function fetchDatabase(target: BackupTarget, snapshot: Snapshot): Promise<string> {
  const file = await target.fetchDatabase(snapshot.name)
  if (file === undefined) {
    const place = `${target.name}/snapshots/${snapshot.name}/${databaseName}`
    throw damagedDatabase(snapshot, place, 'it is missing')
  }
  if ((await hashFile(file)) === snapshot.info.database.sha256) return file
  throw damagedDatabase(snapshot, file, 'its bytes have changed')
}

function damagedDatabase({ name }: Snapshot, place: string, reason: string): RegistryError {
  return new RegistryError(
    'UNAVAILABLE',
    `The database of the snapshot ${name} is damaged (${place}: ${reason}). Restore another snapshot (--snapshot).`,
  )
}

async function restoreFiles({ dataDir, from }: RestoreOrder, snapshot: Snapshot): Promise<void> {
  for (const { name, sha256 } of snapshot.info.files) {
    const bytes = await from.read(`snapshots/${snapshot.name}/files/${name}`)
    if (bytes !== undefined && hashBytes(bytes) === sha256) {
      await writeSecret(path.join(dataDir, name), bytes)
      continue
    }
    throw new RegistryError(
      'UNAVAILABLE',
      `The file ${name} of the snapshot ${snapshot.name} is ${bytes === undefined ? 'missing' : 'not as it was backed up'}: restore another snapshot (--snapshot).`,
    )
  }
}
