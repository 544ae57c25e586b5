import { findLastBackup } from '../../db/backups.ts'
import type { Db } from '../../db/database.ts'

/** How the last backups went, in words for everybody: without a folder. */
export interface BackupState {
  /** When one last ended that lacks nothing; ISO 8601. */
  readonly lastBackup: string | null
  readonly backupWarning: string | null
}

/** `isExpected`: the server is told to make them. */
export async function readBackupState(db: Db, isExpected: boolean): Promise<BackupState> {
  const succeeded = await findLastBackup(db.read, 'succeeded')
  const ended = [
    await findLastBackup(db.read, 'failed'),
    await findLastBackup(db.read, 'incomplete'),
  ]
  const worse = ended.filter((each) => each !== undefined && each.id > (succeeded?.id ?? 0))
  const lastBackup = timeOf(succeeded?.endedAt)
  return {
    lastBackup,
    backupWarning: warningOf({ isExpected, lastBackup, isWorse: worse.length > 0 }),
  }
}

function warningOf(of: {
  readonly isExpected: boolean
  readonly lastBackup: string | null
  readonly isWorse: boolean
}): string | null {
  const since =
    of.lastBackup === null ? 'None was ever whole.' : `The last whole one is of ${of.lastBackup}.`
  if (of.isWorse)
    return `The last backup failed, or lacks something; its run's log says what. ${since}`
  if (of.isExpected && of.lastBackup === null) return 'No backup has been made yet.'
  return null
}

/** When one last ended that lacks nothing, in milliseconds. */
export async function findLastSuccess(db: Db): Promise<number | null> {
  return (await findLastBackup(db.read, 'succeeded'))?.endedAt ?? null
}

function timeOf(milliseconds: number | null | undefined): string | null {
  return milliseconds == null ? null : new Date(milliseconds).toISOString()
}
