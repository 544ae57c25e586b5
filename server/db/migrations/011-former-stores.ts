import { type Kysely, type Migration, sql } from 'kysely'
import { wordsOf } from './words.ts'

/** Which stores a registry had before, and may have something in still. */
export function formerStores(dialect: 'sqlite' | 'postgres'): Migration {
  const { integer, keyed } = wordsOf(dialect)
  const statements = [
    `create table former_stores (
      feed_id ${integer} not null references feeds (id),
      store_id ${integer} not null references stores (id),
      since ${integer} not null,
      primary key (feed_id, store_id)
    ) ${keyed}`,
    'create index former_stores_store on former_stores (store_id)',
    // Moves that had not ended.
    `insert into former_stores (feed_id, store_id, since)
      select r.feed_id, l.store_id, 0 from links l
      join repositories r on r.id = l.repository_id join feeds f on f.id = r.feed_id
      where l.store_id <> f.store_id
      union
      select r.feed_id, u.store_id, 0 from uploads u
      join repositories r on r.id = u.repository_id join feeds f on f.id = r.feed_id
      where u.store_id <> f.store_id`,
  ]
  return {
    up: async (db: Kysely<unknown>) => {
      for (const statement of statements) await sql.raw(statement).execute(db)
    },
  }
}
