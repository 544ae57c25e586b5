import path from 'node:path'
import { DatabaseSync, type DatabaseSyncInstance } from '@photostructure/sqlite'
import { isBusy, translateSqliteError } from './sqlite-errors.ts'

/** Held until it is disposed of or its process ends, however it ends. */
export interface ProcessLock extends AsyncDisposable {
  readonly file: string
}

/**
 * Takes the lock `name` on an existing folder, or returns undefined when somebody has it: another
 * process, or another caller in this one. It is the lock on an SQLite file of its own,
 * `<name>.lock`, which the operating system lets go when the process dies; the file itself stays
 * and means nothing. Nobody else in this process may open that file: closing it would unlock it.
 * Throws UNAVAILABLE where the folder cannot be written or its file system has no locks.
 */
export async function lockFolder(folder: string, name: string): Promise<ProcessLock | undefined> {
  const file = path.join(folder, `${name}.lock`)
  let holder: DatabaseSyncInstance | undefined
  try {
    holder = new DatabaseSync(file, { timeout: 0 })
    // Not the write-ahead log: there an exclusive transaction lets others read, and write later.
    holder.exec('pragma journal_mode = delete; begin exclusive')
  } catch (error) {
    holder?.close()
    if (isBusy(error)) {
      return undefined
    }
    throw translateSqliteError(error)
  }
  const held = holder
  return {
    file,
    [Symbol.asyncDispose]: async () => {
      if (held.isOpen) {
        held.close()
      }
    },
  }
}
