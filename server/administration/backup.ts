import path from 'node:path'
import { readVersion } from '../config/version.ts'
import type { Config } from '../config.ts'
import { beginBackup, endBackup, listBackups } from '../db/backups.ts'
import { sqliteFileOf } from '../db/database.ts'
import { RegistryError } from '../domain/errors.ts'
import { type BackupOrder, type BackupResult, backUp } from '../registry/backup/backup.ts'
import { openBackupTarget } from '../registry/backup/open-target.ts'
import { type RestoreResult, restore } from '../registry/backup/restore.ts'
import type { CleanupReport } from '../registry/cleanup-report.ts'
import { openForReading, openPlace, type Place } from './place.ts'

/** How a bucket is spoken to, where one is named. */
interface WithBucket {
  readonly backup: Pick<Config['backup'], 's3'>
}

/** Backs up beside a running server, or without one. */
export async function backUpNow(
  config: Place & WithBucket,
  order: Omit<BackupOrder, 'target'> & { readonly to: string; readonly report: CleanupReport },
): Promise<BackupResult> {
  const { dataDir, secretKey, backup } = config
  const { to, report, ...rest } = order
  await using db = await openPlace(config)
  await using stores = await openForReading(config, db)
  await using target = await openBackupTarget(to, { s3: backup.s3, dataDir })
  const version = readVersion()
  const hasOwnKey = secretKey !== null
  return await backUp(
    { db, stores, dataDir, hasOwnKey, version, report, now: Date.now },
    { ...rest, target },
  )
}

export async function restoreNow(
  config: Pick<Config, 'dataDir' | 'databaseUrl'> & WithBucket,
  order: {
    readonly from: string
    readonly snapshot: string | null
    readonly report: CleanupReport
  },
): Promise<RestoreResult> {
  const databaseFile = sqliteFileOf(config.databaseUrl)
  if (databaseFile === undefined) {
    throw new RegistryError(
      'REQUEST_INVALID',
      'A snapshot has an SQLite database: restore without a PostgreSQL --database-url (docs/backup.md).',
    )
  }
  const { dataDir, backup } = config
  await using from = await openBackupTarget(order.from, { s3: backup.s3, dataDir })
  return await restore({ ...order, from, dataDir, databaseFile: path.resolve(databaseFile) })
}

/** A backup for people; times are ISO 8601, UTC. */
export interface BackupSummary {
  readonly id: number
  readonly kind: 'backup' | 'hold'
  readonly target: string
  readonly state: string
  readonly startedAt: string
  readonly endedAt: string | null
  readonly error: string | null
}

/** The last hundred, the newest first. */
export async function listBackupsNow(config: Place): Promise<BackupSummary[]> {
  await using db = await openPlace(config)
  const all = await listBackups(db.read, { before: null, count: 100 })
  return all.map(({ counts: _, startedAt, endedAt, ...backup }) => ({
    ...backup,
    startedAt: new Date(startedAt).toISOString(),
    endedAt: endedAt === null ? null : new Date(endedAt).toISOString(),
  }))
}

/** Keeps clean-up from bytes that are freed from now on, until it is released or so long. */
export async function holdNow(config: Place, hours: number): Promise<{ id: number }> {
  await using db = await openPlace(config)
  const leaseMs = hours * 3_600_000
  return await db.write(beginBackup, { kind: 'hold', target: `for ${hours} hours`, leaseMs })
}

export async function releaseNow(config: Place, id: number): Promise<void> {
  await using db = await openPlace(config)
  const hold = (await listBackups(db.read, { before: id + 1, count: 1 }))[0]
  if (hold?.id !== id || hold.kind !== 'hold' || hold.state !== 'running') {
    throw new RegistryError('NOT_FOUND', `There is no hold ${id}, or it has ended.`)
  }
  await db.write(endBackup, { id, state: 'succeeded', counts: {}, error: null })
}
