import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { isRefusal, RegistryError } from '../domain/errors.ts'
import { SqliteConnection } from './sqlite.ts'

/**
 * Makes `target` a copy of a database as it is at one moment, whoever writes to it meanwhile: a
 * single file (mode 0600), on the disk when this returns, in place of what was there. SQLite reads
 * every row for it, so a damaged database is noticed: UNAVAILABLE. Throws STORAGE_FULL, saying how
 * much room is needed. It blocks: not for a thread that serves.
 */
export function copySqlite(file: string, target: string): void {
  const draft = `${target}.draft`
  rmSync(draft, { force: true })
  // SQLite fills an empty file, and keeps its mode.
  closeSync(openSync(draft, 'wx', 0o600))
  try {
    using source = new SqliteConnection({ file, mode: 'read', journal: 'any' })
    source.query('vacuum into ?', [draft])
    syncEntry(draft)
    renameSync(draft, target)
    syncEntry(path.dirname(target))
  } catch (error) {
    rmSync(draft, { force: true })
    throw isRefusal(error, 'STORAGE_FULL') ? withoutRoom(file, target, error) : error
  }
}

function withoutRoom(file: string, target: string, cause: unknown): RegistryError {
  const mebibytes = Math.ceil((statSync(file, { throwIfNoEntry: false })?.size ?? 0) / 2 ** 20)
  return new RegistryError(
    'STORAGE_FULL',
    `There is no room for a copy of the database in ${path.dirname(target)}: about ${mebibytes} MiB are needed. Make room there and try again.`,
    { cause },
  )
}

function syncEntry(name: string): void {
  const handle = openSync(name, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
