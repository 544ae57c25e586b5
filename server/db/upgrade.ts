import { existsSync, rmSync } from 'node:fs'
import { RegistryError } from '../domain/errors.ts'
import { listSteps, migrateSqlite, type Upgrade, type UpgradeSteps } from './migrate.ts'
import { lend, SqliteConnection } from './sqlite.ts'
import { copySqlite } from './sqlite-copy.ts'
import { kyselyOn } from './sqlite-dialect.ts'
import { keepUpgradeCopy, listUpgradeCopies } from './upgrade-copies.ts'

/** What upgrading would do; `tried`: it was done to a copy, and went well. */
export interface UpgradePreview extends UpgradeSteps {
  readonly tried: boolean
}

export interface DoneUpgrade extends UpgradeSteps {
  /** The database as it was before; null: it was new, up to date, or is PostgreSQL's. */
  readonly copy: string | null
}

/** Brings a database file up to date; what it was before is kept beside it. Throws as `openDatabase`. */
export async function upgradeSqlite(file: string, upgrade: Upgrade): Promise<DoneUpgrade> {
  using connection = new SqliteConnection({ file, mode: 'write' })
  let copy: string | null = null
  const steps = await migrateSqlite(connection, {
    ...upgrade,
    keepCopy: (last) => {
      copy = keepUpgradeCopy(file, last)
    },
    wayBack: () => wayBack(file),
  })
  return { ...steps, copy }
}

/**
 * What opening the file would do to it, tried on a copy beside it, which is removed again. Throws
 * what that throws, and UNAVAILABLE when there is no such file.
 */
export async function previewSqlite(
  file: string,
  upgrade: Upgrade,
  triesIt = true,
): Promise<UpgradePreview> {
  if (!existsSync(file)) {
    throw new RegistryError(
      'UNAVAILABLE',
      `There is no database ${file}: the first start makes it.`,
    )
  }
  const steps = await readSteps(file, upgrade)
  if (steps.pending.length === 0 || !triesIt) return { ...steps, tried: false }
  const trial = `${file}.trial`
  try {
    copySqlite(file, trial)
    using connection = new SqliteConnection({ file: trial, mode: 'write' })
    await migrateSqlite(connection, upgrade)
    return { ...steps, tried: true }
  } finally {
    for (const end of ['', '-wal', '-shm']) rmSync(`${trial}${end}`, { force: true })
  }
}

async function readSteps(file: string, upgrade: Upgrade): Promise<UpgradeSteps> {
  using connection = new SqliteConnection({ file, mode: 'read' })
  using loan = lend(connection)
  return await listSteps(kyselyOn(loan), 'sqlite', { ...upgrade, wayBack: () => wayBack(file) })
}

function wayBack(file: string): string {
  const [copy] = listUpgradeCopies(file)
  if (copy === undefined) return ''
  return ` To go back and lose what came since, stop the server and put the copy from before the upgrade in the place of ${file} (without its -wal and -shm): ${copy}.`
}
