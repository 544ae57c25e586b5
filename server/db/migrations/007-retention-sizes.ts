import { type Kysely, type Migration, sql } from 'kysely'
import { postgresSizeTriggers, sqliteSizeTriggers } from './007-size-triggers.ts'
import { type Words, wordsOf } from './words.ts'

/**
 * Retention rules, and sizes. What a transaction adds or takes away is appended to `size_changes` by
 * triggers, whichever statement did it, and folded into the sums later: no push waits for another's.
 */
export function retentionSizes(dialect: 'sqlite' | 'postgres'): Migration {
  const words = wordsOf(dialect)
  const triggers = dialect === 'sqlite' ? sqliteSizeTriggers : postgresSizeTriggers
  return {
    up: async (db: Kysely<unknown>) => {
      const statements = [
        ...ruleTables(words),
        ...sizeTables(words),
        ...sumsOfWhatIsThere,
        ...triggers,
      ]
      for (const statement of statements) {
        await sql.raw(statement).execute(db)
      }
    },
  }
}

function ruleTables({ id, integer, text, table }: Words): string[] {
  return [
    `create table retention_rules (
      id ${id},
      feed_id ${integer} not null references feeds (id) on delete cascade,
      position ${integer} not null,
      enabled ${integer} not null check (enabled in (0, 1)),
      criteria ${text} not null,
      created_at ${integer} not null
    ) ${table}`,
    'create index retention_rules_feed on retention_rules (feed_id, position, id)',
  ]
}

function sizeTables({ id, integer, text, table, keyed }: Words): string[] {
  const sums = `
      manifests ${integer} not null,
      manifest_bytes ${integer} not null,
      logical_bytes ${integer} not null,
      blobs ${integer} not null,
      blob_bytes ${integer} not null`
  return [
    // No foreign keys: what they speak of may be gone before they are folded.
    `create table size_changes (
      id ${id},
      kind ${text} not null,
      store_id ${integer},
      feed_id ${integer},
      repository_id ${integer},
      digest ${text},
      count ${integer} not null,
      bytes ${integer} not null
    ) ${table}`,
    `create table repository_sizes (
      repository_id ${integer} not null primary key references repositories (id) on delete cascade,
      ${sums}
    ) ${keyed}`,
    `create table feed_sizes (
      feed_id ${integer} not null primary key references feeds (id) on delete cascade,
      ${sums}
    ) ${keyed}`,
    `create table store_sizes (
      store_id ${integer} not null primary key references stores (id),
      blobs ${integer} not null,
      blob_bytes ${integer} not null
    ) ${keyed}`,
    `create table feed_blobs (
      feed_id ${integer} not null references feeds (id) on delete cascade,
      store_id ${integer} not null,
      digest ${text} not null,
      bytes ${integer} not null,
      links ${integer} not null,
      primary key (feed_id, store_id, digest)
    ) ${keyed}`,
    'create index feed_blobs_blob on feed_blobs (store_id, digest, feed_id)',
    `create table size_folding (
      id ${integer} not null primary key check (id = 1)
    ) ${keyed}`,
    'insert into size_folding (id) values (1)',
  ]
}

/** For what was pushed before there were sums. */
export const sumsOfWhatIsThere = [
  `insert into store_sizes (store_id, blobs, blob_bytes)
   select store_id, count(*), sum(size_bytes) from blobs group by store_id`,
  `insert into feed_blobs (feed_id, store_id, digest, bytes, links)
   select r.feed_id, l.store_id, l.digest, max(b.size_bytes), count(*)
   from links l
   join repositories r on r.id = l.repository_id
   join blobs b on b.store_id = l.store_id and b.digest = l.digest
   group by r.feed_id, l.store_id, l.digest`,
  `insert into repository_sizes
     (repository_id, manifests, manifest_bytes, logical_bytes, blobs, blob_bytes)
   select id, 0, 0, 0, 0, 0 from repositories`,
  `update repository_sizes set manifests = s.n, manifest_bytes = s.bytes
   from (select repository_id as id, count(*) as n, sum(size_bytes) as bytes
     from manifests group by repository_id) s
   where s.id = repository_sizes.repository_id`,
  `update repository_sizes set blobs = s.n, blob_bytes = s.bytes
   from (select l.repository_id as id, count(*) as n, sum(b.size_bytes) as bytes
     from links l join blobs b on b.store_id = l.store_id and b.digest = l.digest
     group by l.repository_id) s
   where s.id = repository_sizes.repository_id`,
  `update repository_sizes set logical_bytes = s.bytes
   from (select e.repository_id as id, sum(b.size_bytes) as bytes
     from manifest_blobs e
     join links l on l.repository_id = e.repository_id and l.digest = e.digest
     join blobs b on b.store_id = l.store_id and b.digest = l.digest
     group by e.repository_id) s
   where s.id = repository_sizes.repository_id`,
  `insert into feed_sizes (feed_id, manifests, manifest_bytes, logical_bytes, blobs, blob_bytes)
   select r.feed_id, sum(s.manifests), sum(s.manifest_bytes), sum(s.logical_bytes), 0, 0
   from repository_sizes s join repositories r on r.id = s.repository_id
   group by r.feed_id`,
  `update feed_sizes set blobs = s.n, blob_bytes = s.bytes
   from (select feed_id as id, count(*) as n, sum(bytes) as bytes
     from feed_blobs group by feed_id) s
   where s.id = feed_sizes.feed_id`,
]
