import { type Kysely, type Migration, sql } from 'kysely'
import { wordsOf } from './words.ts'

/** How much a registry and its repositories may have. */
export function quotas(dialect: 'sqlite' | 'postgres'): Migration {
  const { integer } = wordsOf(dialect)
  const statements = [
    `alter table feeds add column quota_bytes ${integer}`,
    `alter table feeds add column repository_quota_bytes ${integer}`,
    `alter table repositories add column quota_bytes ${integer}`,
    'create index repositories_quota on repositories (feed_id) where quota_bytes is not null',
    // What was appended and is not added up yet counts too, and is asked for at each push.
    'create index size_changes_feed on size_changes (feed_id) where feed_id is not null',
  ]
  return {
    up: async (db: Kysely<unknown>) => {
      for (const statement of statements) await sql.raw(statement).execute(db)
    },
  }
}
