import { type Kysely, type Migration, sql } from 'kysely'
import { wordsOf } from './words.ts'

/** Stores in the cloud: how they are spoken to, and what they have of uploads in progress. */
export function stores(dialect: 'sqlite' | 'postgres'): Migration {
  const { integer, text, keyed } = wordsOf(dialect)
  const statements = [
    `alter table stores add column options ${text} not null default '{}'`,
    `alter table stores add column secret ${text}`,
    `alter table stores add column version ${integer} not null default 1`,
    `create table stagings (
      store_id ${integer} not null references stores (id),
      location ${text} not null,
      writer ${integer} not null,
      next_number ${integer} not null,
      size_bytes ${integer} not null,
      state ${text} not null,
      primary key (store_id, location)
    ) ${keyed}`,
  ]
  return {
    up: async (db: Kysely<unknown>) => {
      for (const statement of statements) await sql.raw(statement).execute(db)
    },
  }
}
