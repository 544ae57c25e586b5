import { type Kysely, type Migration, sql } from 'kysely'
import { wordsOf } from './words.ts'

/** Who may switch an API key on again. */
export function lockedKeys(dialect: 'sqlite' | 'postgres'): Migration {
  const { integer } = wordsOf(dialect)
  return {
    up: async (db: Kysely<unknown>) => {
      const statements = [
        `alter table api_keys add column locked ${integer} not null default 0`,
        // Nobody wrote down who switched them off: it may have been an administrator.
        'update api_keys set locked = 1 where enabled = 0',
      ]
      for (const statement of statements) await sql.raw(statement).execute(db)
    },
  }
}
