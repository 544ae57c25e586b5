import { type Kysely, type MigrationResult, Migrator, sql } from 'kysely'
import { RegistryError } from '../domain/errors.ts'
import { type MigrationTable, migrations as ownMigrations } from './migrations/index.ts'
import { lend, type SqliteConnection } from './sqlite.ts'
import { kyselyOn } from './sqlite-dialect.ts'

/** `Entr`: what `pragma application_id` says of our files. */
const applicationId = 0x456e7472

export interface Upgrade {
  /** False: a database that is not up to date is refused. */
  readonly mayRun: boolean
  /** Of the program: what a database is told to have been upgraded by. */
  readonly version?: string
  /** Other tables than the server's own: for tests of this room. */
  readonly migrations?: MigrationTable
  /** Called under the lock, before anything is changed, unless the database is new. */
  readonly keepCopy?: (lastMigration: string) => void
  /** What to say of going back to an older version; empty: nothing. */
  readonly wayBack?: () => string
}

/** What opening a database did to it, or would do. */
export interface UpgradeSteps {
  /** The last migration that it had; null: it is new. */
  readonly from: string | null
  /** In the order in which they run. */
  readonly pending: readonly string[]
}

/**
 * Brings the tables up to date in one transaction, so that a failure or a kill leaves them as they
 * were (docs/decisions/0010); of several processes that start together one does it and the others
 * wait. Throws UNAVAILABLE for a database of a newer version, and for one that may not be upgraded.
 */
export async function migratePostgres(
  db: Kysely<unknown>,
  upgrade: Upgrade,
): Promise<UpgradeSteps> {
  return migrate(db, 'postgres', upgrade)
}

/** The same for SQLite; throws UNAVAILABLE also for a database that another program made. */
export async function migrateSqlite(
  connection: SqliteConnection,
  upgrade: Upgrade,
): Promise<UpgradeSteps> {
  connection.exec('begin immediate')
  try {
    claim(connection)
    using loan = lend(connection)
    const steps = await migrate(kyselyOn(loan), 'sqlite', upgrade)
    connection.exec('commit')
    return steps
  } catch (error) {
    if (connection.raw.isTransaction) {
      connection.exec('rollback')
    }
    throw error
  }
}

function claim(connection: SqliteConnection): void {
  const [owner] = connection.query<{ id: number; tables: number }>(
    `select application_id as id, (select count(*) from sqlite_schema) as tables
     from pragma_application_id()`,
  ).rows
  if (owner?.id === applicationId) {
    return
  }
  if (owner?.id !== 0 || owner.tables !== 0) {
    throw new RegistryError('UNAVAILABLE', 'The database file belongs to another program.')
  }
  connection.exec(`pragma application_id = ${applicationId}`)
}

async function migrate(
  db: Kysely<unknown>,
  dialect: 'sqlite' | 'postgres',
  upgrade: Upgrade,
): Promise<UpgradeSteps> {
  const known = (upgrade.migrations ?? ownMigrations)(dialect)
  const steps = await listSteps(db, dialect, upgrade)
  if (steps.pending.length === 0) return steps
  if (!upgrade.mayRun) throw older(steps)
  if (steps.from !== null) upgrade.keepCopy?.(steps.from)
  const migrator = new Migrator({ db, provider: { getMigrations: async () => known } })
  const { error, results = [] } = await migrator.migrateToLatest()
  if (error !== undefined) {
    // Another process may have brought a newer version's tables in meanwhile.
    await listSteps(db, dialect, upgrade)
    throw describe(error, results)
  }
  await noteUpgrade(db, results, upgrade)
  return steps
}

function older({ from, pending }: UpgradeSteps): RegistryError {
  const state = from === null ? 'has no tables yet' : `is at ${from}, of an older version`
  return new RegistryError(
    'UNAVAILABLE',
    `The database ${state}, and this program needs ${pending.at(-1)}: use the program of the server that runs, or upgrade it (the start of a newer server does, and entrepot migrate).`,
  )
}

/** Says which one it was: what had run before it is undone with it. */
function describe(error: unknown, results: readonly MigrationResult[]): unknown {
  const failed = results.find(({ status }) => status === 'Error')
  if (failed === undefined) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new RegistryError(
    'INTERNAL',
    `The migration ${failed.migrationName} failed, and the database is as it was: ${reason}. Start the former version again, and report this.`,
    { cause: error },
  )
}

/** What is to be done. Throws UNAVAILABLE for a database that a newer version upgraded. */
export async function listSteps(
  db: Kysely<unknown>,
  dialect: 'sqlite' | 'postgres',
  upgrade: Upgrade,
): Promise<UpgradeSteps> {
  const known = Object.keys((upgrade.migrations ?? ownMigrations)(dialect))
  const applied = await listApplied(db)
  const unknown = applied.filter((name) => !known.includes(name))
  if (unknown.length > 0) throw await newer(db, unknown, upgrade)
  const pending = known.filter((name) => !applied.includes(name))
  return { from: applied.at(-1) ?? null, pending }
}

async function newer(
  db: Kysely<unknown>,
  unknown: readonly string[],
  { version = 'another version', wayBack }: Upgrade,
): Promise<RegistryError> {
  const by = await findUpgradeVersion(db)
  const names = `its migration${unknown.length > 1 ? 's' : ''} ${unknown.join(', ')}`
  return new RegistryError(
    'UNAVAILABLE',
    `The database was made by a newer version of Entrepot${by === undefined ? '' : `, ${by}`}: this one (${version}) does not know ${names}. Start ${by ?? 'the newer version'} or a later one.${wayBack?.() ?? ''}`,
  )
}

async function listApplied(db: Kysely<unknown>): Promise<string[]> {
  if (!(await hasTable(db, 'kysely_migration'))) return []
  const { rows } = await sql<{
    name: string
  }>`select name from kysely_migration order by name`.execute(db)
  return rows.map(({ name }) => name)
}

async function findUpgradeVersion(db: Kysely<unknown>): Promise<string | undefined> {
  if (!(await hasTable(db, 'upgrades'))) return undefined
  const { rows } = await sql<{
    version: string
  }>`select version from upgrades order by id desc limit 1`.execute(db)
  return rows[0]?.version
}

async function noteUpgrade(
  db: Kysely<unknown>,
  results: readonly MigrationResult[],
  { version = '' }: Upgrade,
): Promise<void> {
  const last = results.at(-1)?.migrationName
  if (last === undefined || version === '' || !(await hasTable(db, 'upgrades'))) return
  await sql`insert into upgrades (version, migration, at)
    values (${version}, ${last}, now_ms())`.execute(db)
}

async function hasTable(db: Kysely<unknown>, name: string): Promise<boolean> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true })
  return tables.some((table) => table.name === name)
}

/** Names of the migrations of this version. */
export function knownMigrations(): readonly string[] {
  return Object.keys(ownMigrations('sqlite'))
}
