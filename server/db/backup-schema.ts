import type { Generated } from 'kysely'

/** Tables of upgrades and backups. */
export interface BackupSchema {
  upgrades: UpgradeRow
  backups: BackupRow
}

/** A version that brought the tables up to date; append-only. */
export interface UpgradeRow {
  id: Generated<number>
  /** Of the program. */
  version: string
  /** The last one that it ran. */
  migration: string
  at: number
}

export type BackupState = 'running' | 'succeeded' | 'incomplete' | 'failed'

export interface BackupRow {
  id: Generated<number>
  /** `hold`: another program copies, and says when it has ended. */
  kind: 'backup' | 'hold'
  /** For people: where it goes. */
  target: string
  /** `incomplete`: what it names could not be read; the rest is there. */
  state: BackupState
  started_at: number
  /** While it runs: until when clean-up leaves alone what it may need. */
  lease_until: number | null
  ended_at: number | null
  /** JSON object of numbers. */
  counts: string
  error: string | null
}
