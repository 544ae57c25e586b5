import { trialsOf } from '../blobs/trial-store.ts'
import type { Config } from '../config.ts'
import { findDatabaseTime } from '../db/clock.ts'
import type { Db } from '../db/database.ts'
import type { PartCheck } from '../doctor/part-check.ts'
import { defaultBodyBytes, type Patient } from '../doctor/patient.ts'
import type { SelfTestDeps } from '../doctor/self-test.ts'
import { readBackupState } from '../registry/backup/backup-health.ts'
import type { Settings } from '../registry/settings.ts'
import type { Secrets, Stores } from '../registry/stores.ts'
import { listUsedFolders } from './stores.ts'

export interface CheckDeps {
  readonly config: Config
  readonly db: Db
  readonly secrets: Secrets
  readonly stores: Stores
  readonly settings: Settings
  readonly baseUrlWarning: () => string | null
  readonly quotaUses: SelfTestDeps['quotaUses']
  readonly now: () => number
}

/**
 * What is looked at for `/health`, and for the self-test and all other checks once it is known where
 * the server listens.
 */
export function openChecks(deps: CheckDeps) {
  const { config, db, stores, secrets, settings, baseUrlWarning, quotaUses, now } = deps
  const checks: readonly PartCheck[] = [
    { name: 'database', check: () => db.check() },
    { name: 'storage', check: () => checkFolders({ db, stores }) },
  ]
  const readBackups = () => readBackupState(db, config.backup.to !== null)
  const own = { url: '' }
  const configuredBaseUrl = () => config.baseUrl ?? settings.baseUrl()
  const selfTest: SelfTestDeps = {
    ...{ checks, now, baseUrlWarning, quotaUses, ownUrl: () => own.url },
    configuredBaseUrl,
    databaseNow: () => findDatabaseTime(db.read),
  }
  // Of all addresses the server asks only the one that is configured, whoever calls.
  const patient = (): Patient => ({
    ...{ config, now, ca: null, bodyBytes: defaultBodyBytes, isDeep: false },
    data: { db, stores, secrets, openTrial: trialsOf(config.diskReserveBytes) },
    ...{ ownUrl: own.url, baseUrl: configuredBaseUrl(), configuredBaseUrl: configuredBaseUrl() },
    serverUid: process.getuid?.() ?? null,
  })
  return { checks, readBackups, api: { selfTest, patient }, own }
}

/**
 * A bucket that cannot be reached is the trouble of its feeds alone: the others are served. So is,
 * where several processes share a database, a folder that this one has not: another one may serve it.
 */
async function checkFolders(of: Pick<CheckDeps, 'db' | 'stores'>): Promise<void> {
  for (const { store } of await listUsedFolders(of)) {
    if (store.isOpen || of.db.dialect === 'sqlite') await store.check()
  }
}
