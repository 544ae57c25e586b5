import { mkdir } from 'node:fs/promises'
import { readVersion } from '../config/version.ts'
import type { Config } from '../config.ts'
import { openDatabase, previewUpgrade, sqliteFileOf } from '../db/database.ts'
import { refuseHalfRestored } from '../registry/backup/restoring.ts'
import { lockData } from './place.ts'

type Place = Pick<Config, 'dataDir' | 'databaseUrl'>

export interface UpgradePlan {
  /** The last migration that the database has; null: it is new. */
  readonly from: string | null
  readonly pending: readonly string[]
  /** They were run on a copy, and went well. */
  readonly tried: boolean
}

/** What the next start would do to the tables. Throws, saying why, when it would fail. */
export function planUpgrade({ databaseUrl }: Place): Promise<UpgradePlan> {
  return previewUpgrade({ url: databaseUrl, version: readVersion() })
}

/**
 * Brings the tables up to date, as a start does; in words, what was done. Throws UNAVAILABLE while a
 * server has the data folder, with SQLite: it would go on with tables that are no longer its own.
 */
export async function upgradeNow({ dataDir, databaseUrl: url }: Place): Promise<string> {
  let told = 'The database is up to date.'
  const log = {
    info(facts: { readonly pending?: readonly string[]; readonly copy?: string | null }) {
      const { pending = [], copy } = facts
      told = `The database was upgraded: ${pending.join(', ')}.`
      if (copy) told += ` What it was before is in ${copy}.`
    },
    warn: () => {},
  }
  await using _lock = sqliteFileOf(url) === undefined ? null : await lockForUpgrade(dataDir)
  await refuseHalfRestored(dataDir)
  await using _db = await openDatabase({ url, version: readVersion(), log })
  return told
}

async function lockForUpgrade(dataDir: string): Promise<AsyncDisposable> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  return lockData(dataDir, 'stop it, then upgrade.')
}
