import { type Kysely, Migrator, sql } from 'kysely'
import { RegistryError } from '../domain/errors.ts'
import { migrations } from './migrations/index.ts'
import { lend, type SqliteConnection } from './sqlite.ts'
import { kyselyOn } from './sqlite-dialect.ts'

/** `Entr`: what `pragma application_id` says of our files. */
const applicationId = 0x456e7472

/**
 * Brings the tables up to date, all or nothing; of several processes that start together one does
 * it and the others wait. Throws UNAVAILABLE for a database of a newer version.
 */
export async function migratePostgres(db: Kysely<unknown>): Promise<void> {
  await migrate(db, 'postgres')
}

/** The same for SQLite; throws UNAVAILABLE also for a database that another program made. */
export async function migrateSqlite(connection: SqliteConnection): Promise<void> {
  connection.exec('begin immediate')
  try {
    claim(connection)
    using loan = lend(connection)
    await migrate(kyselyOn(loan), 'sqlite')
    connection.exec('commit')
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

async function migrate(db: Kysely<unknown>, dialect: 'sqlite' | 'postgres'): Promise<void> {
  const known = migrations(dialect)
  await refuseNewer(db, known)
  const migrator = new Migrator({ db, provider: { getMigrations: async () => known } })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) {
    // Another process may have brought a newer version's tables in meanwhile.
    await refuseNewer(db, known)
    throw error
  }
}

async function refuseNewer(db: Kysely<unknown>, known: object): Promise<void> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true })
  if (!tables.some((table) => table.name === 'kysely_migration')) {
    return
  }
  const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(db)
  const unknown = rows.map((row) => row.name).filter((name) => !(name in known))
  if (unknown.length > 0) {
    throw new RegistryError(
      'UNAVAILABLE',
      `The database was made by a newer version of Entrepot: this one does not know its migration ${unknown.join(', ')}. Start the newer version.`,
    )
  }
}
