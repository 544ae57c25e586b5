import { randomUUID } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import type { BlobStore } from '../../blobs/blob-store.ts'
import { unlessMissing } from '../../blobs/file-errors.ts'
import { hasBackedUpTo } from '../../db/backups.ts'
import { CopiedDatabase } from '../../db/copied-database.ts'
import type { Db } from '../../db/database.ts'
import type { DatabaseContent } from '../../db/database-copy.ts'
import { claimServerId, findServerId } from '../../db/settings.ts'
import { RegistryError } from '../../domain/errors.ts'
import type { CleanupReport } from '../cleanup-report.ts'
import { copyBlobs } from './blob-copies.ts'
import { BackupHold } from './hold.ts'
import { type BackupOwner, takeForBackup } from './opening.ts'
import { Pace } from './pace.ts'
import { forgetOldSnapshots } from './retention.ts'
import {
  hashBytes,
  hashFile,
  type KeptFile,
  type MissingBlob,
  type SnapshotInfo,
  secretFiles,
  snapshotName,
} from './snapshots.ts'
import type { BackupTarget, SnapshotDraft } from './target.ts'

export interface BackupDeps {
  readonly db: Db
  readonly stores: { get(storeId: number): BlobStore }
  /** Its secret files go with the database. */
  readonly dataDir: string
  /** Whether the secret key was configured: then the backup cannot have it. */
  readonly hasOwnKey: boolean
  readonly version: string
  readonly report: CleanupReport
  readonly now: () => number
}

export interface BackupOrder {
  /** The caller closes it. */
  readonly target: BackupTarget
  /** So many snapshots stay that lack nothing; null: all. */
  readonly keep: number | null
  /** 0: as fast as it can. */
  readonly bytesPerSecond: number
}

export interface BackupResult {
  /** Where it is, for people: its folder. */
  readonly snapshot: string
  readonly content: DatabaseContent
  readonly missing: readonly MissingBlob[]
  readonly copied: number
  readonly bytesCopied: number
  readonly alreadyThere: number
}

/**
 * Backs the server up while it is used: a copy of the database at one moment, its
 * secret files, and every blob that the target has not yet, each hashed. A run that was cut off is
 * gone on with by the next one. Blobs that cannot be read are named in the result, and all the rest
 * is there. Throws UNAVAILABLE, STORAGE_FULL or CONFLICT, and notes it in the database.
 */
export async function backUp(deps: BackupDeps, order: BackupOrder): Promise<BackupResult> {
  const { db, report: told } = deps
  const { target } = order
  refuseOwnFolder(deps.dataDir, target.name)
  // Before the copy, so that a restored server is the same one.
  const owner = await identify(db, target.name)
  await using taken = await takeForBackup(target, owner, (words) => told.info(words))
  const tally = countInto(told)
  const of = { kind: 'backup', target: target.name, counts: tally.counts } as const
  const hold = await BackupHold.begin(db, of)
  try {
    const signal = AbortSignal.any([told.signal, hold.lost, taken.lost])
    const report = { ...tally.report, signal }
    // It says itself what it lacks, so that it is worth keeping whatever comes now.
    const { name, snapshot, info } = await makeSnapshot({ ...deps, report }, order)
    const { content, missing } = info
    const isWhole = missing.length === 0
    await hold.end({
      state: isWhole ? 'succeeded' : 'incomplete',
      counts: { ...tally.counts(), ...content },
      error: isWhole ? null : `${missing.length} blobs could not be read.`,
    })
    await forgetOldSnapshots({ report: tally.report, target }, { keep: order.keep, made: name })
    return { snapshot, content, missing, ...tally.result() }
  } catch (error) {
    const told = error instanceof Error ? error.message : String(error)
    const end = { state: 'failed', counts: tally.counts(), error: told.slice(0, 1000) } as const
    // What it was is more telling than that the row cannot be written either.
    await hold.end(end).catch(() => undefined)
    throw error
  }
}

/** By which the target knows whose backups it has. */
async function identify(db: Db, target: string): Promise<BackupOwner> {
  const known = await findServerId(db.read)
  return {
    serverId: known ?? (await db.write(claimServerId, { id: randomUUID() })),
    hasBackedUp: await hasBackedUpTo(db.read, target),
  }
}

interface Made {
  readonly name: string
  /** Where it is, for people. */
  readonly snapshot: string
  readonly info: SnapshotInfo
}

async function makeSnapshot(deps: BackupDeps, order: BackupOrder): Promise<Made> {
  const { db, report, now, version } = deps
  const { target } = order
  const startedAt = new Date(now())
  const name = snapshotName(startedAt)
  const draft = await target.beginSnapshot(name)
  report.progress('the database')
  const { database } = draft
  const content = await db.copyTo(database)
  const files = await copySecrets(deps.dataDir, draft)
  using copy = new CopiedDatabase(database)
  const pace = new Pace(order.bytesPerSecond)
  const missing = await copyBlobs({ ...deps, target, copy, pace, report })
  if (report.signal.aborted) throw calledOff(report.signal)
  report.progress('the snapshot')
  const info: SnapshotInfo = {
    ...{ kind: 'entrepot snapshot', version: 1, program: version },
    migration: copy.lastMigration(),
    startedAt: startedAt.toISOString(),
    endedAt: new Date(now()).toISOString(),
    database: { sha256: await hashFile(database), sizeBytes: (await stat(database)).size },
    ...{ files, secretKey: deps.hasOwnKey ? 'setting' : 'file', content, missing },
  }
  const snapshot = await draft.finish(info, (bytes) => pace.spend(bytes))
  return { name, snapshot, info }
}

function calledOff({ reason }: AbortSignal): unknown {
  if (reason instanceof RegistryError) return reason
  return new RegistryError(
    'UNAVAILABLE',
    'The backup was called off: the next one goes on with what it has copied.',
  )
}

async function copySecrets(dataDir: string, draft: SnapshotDraft): Promise<KeptFile[]> {
  const kept: KeptFile[] = []
  for (const name of secretFiles) {
    const bytes = await unlessMissing(readFile(path.join(dataDir, name)))
    if (bytes === undefined) continue
    await draft.putFile(name, bytes)
    kept.push({ name, sha256: hashBytes(bytes) })
  }
  return kept
}

/** A backup on the disk that it is to outlive, among the files of a store at that. */
function refuseOwnFolder(dataDir: string, folder: string): void {
  if (!path.isAbsolute(folder)) return
  const way = path.relative(dataDir, folder)
  if (way.startsWith('..') || path.isAbsolute(way)) return
  throw new RegistryError(
    'CONFLICT',
    `${folder} is in the data folder ${dataDir}, and would be lost with it: back up to another disk.`,
  )
}

/** The same report, whose counts are also what the row says of the backup. */
function countInto(report: CleanupReport) {
  const counts = new Map<string, number>()
  const countOf = (what: string) => counts.get(what) ?? 0
  return {
    counts: () => Object.fromEntries(counts),
    result: () => ({
      copied: countOf('copied'),
      bytesCopied: countOf('bytesCopied'),
      alreadyThere: countOf('alreadyThere'),
    }),
    report: {
      signal: report.signal,
      info: (message: string) => report.info(message),
      fault: (message: string, error: unknown) => report.fault(message, error),
      progress: (words: string) => report.progress(words),
      count(what: string, by: number) {
        counts.set(what, countOf(what) + by)
        report.count(what, by)
      },
    },
  }
}
