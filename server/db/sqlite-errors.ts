import { RegistryError } from '../domain/errors.ts'

/** Primary result codes of SQLite (sqlite.org/rescode.html); the extended code's low byte. */
const primary = {
  busy: 5,
  locked: 6,
  noMemory: 7,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  protocol: 15,
  notADatabase: 26,
} as const

const conflicts: ReadonlySet<number> = new Set([
  787, // SQLITE_CONSTRAINT_FOREIGNKEY
  1555, // SQLITE_CONSTRAINT_PRIMARYKEY
  2067, // SQLITE_CONSTRAINT_UNIQUE
  2579, // SQLITE_CONSTRAINT_ROWID
])

const unavailable: ReadonlyMap<number, string> = new Map([
  [primary.busy, 'The database is locked by another process; try again later.'],
  [primary.locked, 'The database is locked by another process; try again later.'],
  [primary.protocol, 'The database is locked by another process; try again later.'],
  [primary.noMemory, 'The database has no memory left; try again later.'],
  [primary.readOnly, 'The database cannot be written: its file or folder is read-only.'],
  [primary.ioError, 'The database file cannot be read or written.'],
  [primary.corrupt, 'The database file is damaged.'],
  [primary.cannotOpen, 'The database file cannot be opened.'],
  [primary.notADatabase, 'The database file is not a database.'],
])

/** An error of SQLite as the server's own, with `cause`; any other error as it is. */
export function translateSqliteError(error: unknown): unknown {
  const code = sqliteCode(error)
  if (code === undefined) {
    return error
  }
  if (conflicts.has(code)) {
    return new RegistryError('CONFLICT', undefined, { cause: error })
  }
  if ((code & 0xff) === primary.full) {
    return new RegistryError('STORAGE_FULL', undefined, { cause: error })
  }
  const message = unavailable.get(code & 0xff)
  return message === undefined ? error : new RegistryError('UNAVAILABLE', message, { cause: error })
}

/** Whether somebody else holds the lock that was asked for. */
export function isBusy(error: unknown): boolean {
  return ((sqliteCode(error) ?? 0) & 0xff) === primary.busy
}

function sqliteCode(error: unknown): number | undefined {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined
  return typeof code === 'number' ? code : undefined
}
