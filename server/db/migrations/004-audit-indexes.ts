import { type Kysely, type Migration, sql } from 'kysely'

/** The audit is read by time: each of its filters finds a page of any time without sorting. */
export const auditIndexes: Migration = {
  up: async (db: Kysely<unknown>) => {
    const statements = [
      ...['events_at', 'events_kind', 'events_by', 'events_feed'].map(
        (name) => `drop index ${name}`,
      ),
      'create index events_at on events (at, id)',
      'create index events_kind on events (kind, at, id)',
      'create index events_by on events ("by", at, id)',
      'create index events_feed on events (feed_id, at, id)',
    ]
    for (const statement of statements) await sql.raw(statement).execute(db)
  },
}
