import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { sha256 } from '../support/registry-client.ts'

export interface DiskCheck {
  readonly dataDir: string
  /** Where the copy of the database goes: the real one is left as the crash left it. */
  readonly scratch: string
  /** Locations that were hashed after an earlier kill: bytes in place are never written again. */
  readonly hashed: Set<string>
  /** Hash everything once more. */
  readonly whole: boolean
}

/**
 * Looks at what a killed server left on its disk, before anything could mend it: every row must be
 * vouched for by bytes. Returns what is wrong, in words.
 */
export function checkDisk(check: DiskCheck): string[] {
  rmSync(check.scratch, { recursive: true, force: true })
  mkdirSync(check.scratch, { recursive: true })
  for (const suffix of ['', '-wal']) {
    const file = `entrepot.db${suffix}`
    cpSync(path.join(check.dataDir, file), path.join(check.scratch, file), { force: true })
  }
  const database = new DatabaseSync(path.join(check.scratch, 'entrepot.db'))
  try {
    return [
      ...checkDatabase(database),
      ...checkBlobs(check, database),
      ...checkStaged(check, database),
    ]
  } finally {
    database.close()
  }
}

type Row = Readonly<Record<string, unknown>>
type Database = InstanceType<typeof DatabaseSync>

function select(database: Database, sql: string): Row[] {
  return database
    .prepare(sql)
    .all()
    .map((row) => ({ ...(row as Row) }))
}

function checkDatabase(database: Database): string[] {
  const integrity = select(database, 'pragma integrity_check').map((row) => row.integrity_check)
  const strays = select(database, 'pragma foreign_key_check')
  return [
    ...integrity.filter((line) => line !== 'ok').map((line) => `the database: ${line}`),
    ...strays.map((row) => `the database: a broken reference ${JSON.stringify(row)}`),
  ]
}

function checkBlobs(check: DiskCheck, database: Database): string[] {
  const rows = select(
    database,
    `select digest, location, size_bytes, state, stores.settings
     from blobs join stores on stores.id = store_id`,
  )
  return rows.flatMap((row) => {
    const location = String(row.location)
    if (row.state !== 'live') return [`blob ${row.digest} is marked ${row.state}`]
    if (check.hashed.has(location) && !check.whole) return []
    check.hashed.add(location)
    const file = path.join(storeRoot(check, row), 'blobs', location.slice(0, 2), location)
    const bytes = readOrUndefined(file)
    if (bytes === undefined) return [`blob ${row.digest}: no file ${file}`]
    if (bytes.byteLength !== Number(row.size_bytes)) return [`blob ${row.digest}: wrong size`]
    return sha256(bytes) === row.digest ? [] : [`blob ${row.digest}: other bytes in ${file}`]
  })
}

/** An upload's row never names more than is staged, and its digest is of just those bytes. */
function checkStaged(check: DiskCheck, database: Database): string[] {
  const rows = select(
    database,
    `select uploads.id, location, offset_bytes, digest_so_far, algorithm, stores.settings
     from uploads join stores on stores.id = store_id
     where state = 'open' and offset_bytes > 0`,
  )
  return rows.flatMap((row) => {
    const location = String(row.location)
    const root = storeRoot(check, row)
    const staged = readOrUndefined(path.join(root, 'uploads', location))
    const finished = path.join(root, 'blobs', location.slice(0, 2), location)
    const bytes = staged ?? readOrUndefined(finished)
    const offset = Number(row.offset_bytes)
    if (bytes === undefined || bytes.byteLength < offset) {
      return [`upload ${row.id}: ${bytes?.byteLength ?? 'no'} bytes staged of ${offset}`]
    }
    const algorithm = String(row.algorithm)
    const hex = createHash(algorithm).update(bytes.subarray(0, offset)).digest('hex')
    const digest = `${algorithm}:${hex}`
    return row.digest_so_far === digest ? [] : [`upload ${row.id}: other bytes than it says`]
  })
}

function storeRoot(check: DiskCheck, row: Row): string {
  const settings: unknown = JSON.parse(String(row.settings))
  if (typeof settings !== 'object' || settings === null || !('path' in settings)) {
    throw new Error(`a store without a path: ${String(row.settings)}`)
  }
  return path.resolve(check.dataDir, String(settings.path))
}

function readOrUndefined(file: string): Buffer | undefined {
  try {
    return readFileSync(file)
  } catch {
    return undefined
  }
}
