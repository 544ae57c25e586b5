import { type Kysely, type Migration, sql } from 'kysely'
import { type Words, wordsOf } from './words.ts'

/**
 * Connectors to other registries, and what came through one: `connector_id` of a manifest or tag is
 * null for what was pushed. It is no foreign key: what came through a connector outlives it, and a
 * number is never used twice.
 */
export function connectors(dialect: 'sqlite' | 'postgres'): Migration {
  const words = wordsOf(dialect)
  return {
    up: async (db: Kysely<unknown>) => {
      for (const statement of [...tables(words), ...columns(words)]) {
        await sql.raw(statement).execute(db)
      }
    },
  }
}

function tables({ id, integer, text, table, keyed }: Words): string[] {
  return [
    `create table connectors (
      id ${id},
      name ${text} not null,
      "key" ${text} not null unique,
      enabled ${integer} not null check (enabled in (0, 1)),
      feed_id ${integer} references feeds (id) on delete cascade,
      settings ${text} not null,
      secret ${text},
      version ${integer} not null,
      created_at ${integer} not null
    ) ${table}`,
    'create index connectors_feed on connectors (feed_id)',
    `create table feed_connectors (
      feed_id ${integer} not null references feeds (id) on delete cascade,
      connector_id ${integer} not null references connectors (id) on delete cascade,
      position ${integer} not null,
      primary key (feed_id, connector_id)
    ) ${keyed}`,
    'create index feed_connectors_connector on feed_connectors (connector_id)',
  ]
}

function columns({ integer, text }: Words): string[] {
  return [
    `alter table feeds add column cache_connectors ${integer} not null default 1`,
    `alter table feeds add column mirror_of ${text}`,
    `alter table feeds add column default_mirror ${integer} not null default 0`,
    'create unique index feeds_mirror on feeds (mirror_of) where mirror_of is not null',
    `create unique index feeds_default_mirror on feeds (default_mirror)
     where default_mirror = 1`,
    `alter table manifests add column connector_id ${integer}`,
    `alter table tags add column connector_id ${integer}`,
    `alter table tags add column checked_at ${integer}`,
  ]
}
