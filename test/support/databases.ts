import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, inject } from 'vitest'
import { type DatabaseOptions, type Db, openDatabase } from '../../server/db/database.ts'
import { createDatabase } from './postgres.ts'

/** Databases for tests; all are closed and removed after the tests of their `describe`. */
export interface TestDatabases {
  readonly dialect: Db['dialect']
  /** Address of a database that nobody has used yet. */
  newUrl(): Promise<string>
  /** Opens a new database, or the one at `url`. */
  open(options?: Partial<DatabaseOptions>): Promise<Db>
}

/** Declares the same tests for SQLite and for a real PostgreSQL, skipped by name if it is missing. */
export function describeDatabases(name: string, body: (databases: TestDatabases) => void): void {
  describe(`${name} on SQLite`, () => body(sqliteDatabases()))
  const missing = inject('postgresMissing')
  describe.skipIf(missing !== '')(`${name} on PostgreSQL${missing && ` (${missing})`}`, () =>
    body(postgresDatabases()),
  )
}

/** New SQLite databases in a folder of their own, removed after the surrounding tests. */
export function sqliteDatabases(): TestDatabases {
  // Made when it is needed: the hooks of tests that are all skipped do not run.
  let folder: string | undefined
  let count = 0
  // Hooks run last one first: the folder goes after the databases in it are closed.
  afterAll(async () => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  })
  return openAll('sqlite', async () => {
    folder ??= mkdtempSync(path.join(os.tmpdir(), 'entrepot-sqlite-'))
    count += 1
    return `sqlite:${path.join(folder, `${count}.db`)}`
  })
}

/** New databases in the PostgreSQL of this run, which must be there. */
export function postgresDatabases(): TestDatabases {
  return openAll('postgres', () =>
    createDatabase(inject('postgresUrl'), `test_${randomBytes(8).toString('hex')}`),
  )
}

function openAll(dialect: Db['dialect'], newUrl: () => Promise<string>): TestDatabases {
  const opened: Db[] = []
  afterAll(async () => {
    await Promise.all(opened.map((db) => db[Symbol.asyncDispose]()))
  })
  return {
    dialect,
    newUrl,
    open: async (options = {}) => {
      const db = await openDatabase({ url: await (options.url ?? newUrl()), ...options })
      opened.push(db)
      return db
    },
  }
}
