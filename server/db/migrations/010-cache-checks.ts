import { type Kysely, type Migration, sql } from 'kysely'
import { wordsOf } from './words.ts'

/** What came of it when a connector was last asked for a tag and did not say where it points. */
export function cacheChecks(dialect: 'sqlite' | 'postgres'): Migration {
  const { integer, text } = wordsOf(dialect)
  return {
    up: async (db: Kysely<unknown>) => {
      for (const column of [`check_failed_at ${integer}`, `check_failure ${text}`]) {
        await sql.raw(`alter table tags add column ${column}`).execute(db)
      }
    },
  }
}
