import { type Kysely, type Migration, sql } from 'kysely'
import {
  type MigrationTable,
  migrations as ownMigrations,
} from '../../server/db/migrations/index.ts'

/** What a version had that knew migrations up to this one. */
export function migrationsUpTo(last: string): MigrationTable {
  return (dialect) =>
    Object.fromEntries(Object.entries(ownMigrations(dialect)).filter(([name]) => name <= last))
}

const statements = 40

/**
 * A later version with two migrations more: the first writes row after row, and before the row
 * `killAt` its process is killed; `failing`: the second one cannot be done.
 */
export function laterMigrations(of: {
  readonly killAt?: number
  readonly failing?: boolean
}): MigrationTable {
  return (dialect) => ({
    ...ownMigrations(dialect),
    '998-rows': rows(of.killAt),
    '999-view': view(of.failing === true),
  })
}

function rows(killAt: number | undefined): Migration {
  return {
    up: async (db: Kysely<unknown>) => {
      await sql`create table later_rows (at integer primary key)`.execute(db)
      for (let at = 0; at < statements; at += 1) {
        if (at === killAt) process.kill(process.pid, 'SIGKILL')
        await sql`insert into later_rows (at) values (${at})`.execute(db)
      }
    },
  }
}

function view(failing: boolean): Migration {
  return {
    up: async (db: Kysely<unknown>) => {
      const table = sql.raw(failing ? 'nowhere' : 'later_rows')
      await sql`create table later_counts as select count(*) as rows from ${table}`.execute(db)
    },
  }
}
