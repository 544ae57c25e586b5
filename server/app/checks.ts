import type { Config } from '../config.ts'
import { findDatabaseTime } from '../db/clock.ts'
import type { Db } from '../db/database.ts'
import type { PartCheck } from '../doctor/part-check.ts'
import type { SelfTestDeps } from '../doctor/self-test.ts'
import { readBackupState } from '../registry/backup/backup-health.ts'
import type { Settings } from '../registry/settings.ts'
import type { Stores } from '../registry/stores.ts'
import { listUsedFolders } from './stores.ts'

export interface CheckDeps {
  readonly config: Pick<Config, 'backup' | 'baseUrl'>
  readonly db: Db
  readonly stores: Stores
  readonly settings: Settings
  readonly baseUrlWarning: () => string | null
  readonly quotaUses: SelfTestDeps['quotaUses']
  readonly now: () => number
}

/** What is looked at for `/health`, and for the self-test once it is known where the server listens. */
export function openChecks(deps: CheckDeps) {
  const { config, db, stores, settings, baseUrlWarning, quotaUses, now } = deps
  const checks: readonly PartCheck[] = [
    { name: 'database', check: () => db.check() },
    { name: 'storage', check: () => checkFolders({ db, stores }) },
  ]
  const readBackups = () => readBackupState(db, config.backup.folder !== null)
  const own = { url: '' }
  const selfTest: SelfTestDeps = {
    ...{ checks, now, baseUrlWarning, quotaUses, ownUrl: () => own.url },
    configuredBaseUrl: () => config.baseUrl ?? settings.baseUrl(),
    databaseNow: () => findDatabaseTime(db.read),
  }
  return { checks, readBackups, selfTest, own }
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
