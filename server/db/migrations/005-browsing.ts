import { type Kysely, type Migration, sql } from 'kysely'
import { versionKey } from '../../domain/version-key.ts'
import { type Words, wordsOf } from './words.ts'

/**
 * What the pages list without going through tables: counters of each repository, the order of tags
 * by version and by time, platforms and sizes of manifests, pulls. Counters and version keys of
 * what is there are made here; platforms and sizes are looked up afterwards, as after a push.
 */
export function browsing(dialect: 'sqlite' | 'postgres'): Migration {
  const words = wordsOf(dialect)
  return {
    up: async (db: Kysely<unknown>) => {
      for (const statement of [...columns(words), ...pullTables(words), ...counts]) {
        await sql.raw(statement).execute(db)
      }
      await fillVersionKeys(db)
      for (const statement of lateIndexes) await sql.raw(statement).execute(db)
    },
  }
}

function columns({ integer, text }: Words): string[] {
  return [
    `alter table feeds add column external_layers ${integer} not null default 1`,
    `alter table repositories add column retired ${integer} not null default 0`,
    `alter table repositories add column tag_count ${integer} not null default 0`,
    `alter table repositories add column manifest_count ${integer} not null default 0`,
    `alter table repositories add column last_pushed_at ${integer} not null default 0`,
    `alter table repositories add column last_pushed_by ${text} not null default ''`,
    'create index repositories_retired on repositories (id) where retired = 1',
    `alter table manifests add column examined ${integer} not null default 0`,
    `alter table manifests add column total_bytes ${integer}`,
    `alter table manifests add column platforms ${text}`,
    'create index manifests_unexamined on manifests (id) where examined = 0',
    'create index manifests_newest on manifests (repository_id, id)',
    `alter table tags add column version_key ${text} not null default ''`,
    `create index tag_history_digest on tag_history (repository_id, digest, id)
     where digest is not null`,
  ]
}

/** Of each the row of day 0 is the sum of all days. */
function pullTables({ integer, keyed }: Words): string[] {
  return [
    `create table manifest_pulls (
      manifest_id ${integer} not null primary key references manifests (id) on delete cascade,
      pulls ${integer} not null,
      last_pulled_at ${integer} not null
    ) ${keyed}`,
    `create table repository_pulls (
      repository_id ${integer} not null references repositories (id) on delete cascade,
      day ${integer} not null,
      pulls ${integer} not null,
      last_pulled_at ${integer} not null,
      primary key (repository_id, day)
    ) ${keyed}`,
    `create table feed_pulls (
      feed_id ${integer} not null references feeds (id) on delete cascade,
      day ${integer} not null,
      pulls ${integer} not null,
      last_pulled_at ${integer} not null,
      primary key (feed_id, day)
    ) ${keyed}`,
    'create index repository_pulls_day on repository_pulls (day)',
    'create index feed_pulls_day on feed_pulls (day)',
  ]
}

const counts = [
  `update repositories set
    tag_count = (select count(*) from tags where tags.repository_id = repositories.id),
    manifest_count = (select count(*) from manifests where repository_id = repositories.id),
    last_pushed_at = coalesce((select pushed_at from manifests
      where repository_id = repositories.id order by id desc limit 1), 0),
    last_pushed_by = coalesce((select pushed_by from manifests
      where repository_id = repositories.id order by id desc limit 1), '')`,
]

/** Built once over what has been filled in. */
const lateIndexes = [
  `create index repositories_pushed on repositories (feed_id, last_pushed_at, name)
   where listed = 1`,
  'create index tags_version on tags (repository_id, version_key, name)',
  'create index tags_updated on tags (repository_id, updated_at, name)',
]

const batch = 500

async function fillVersionKeys(db: Kysely<unknown>): Promise<void> {
  let last = { repositoryId: 0, name: '' }
  for (;;) {
    const { rows } = await sql<typeof last>`
      select repository_id as "repositoryId", name from tags
      where (repository_id, name) > (${last.repositoryId}, ${last.name})
      order by repository_id, name limit ${batch}`.execute(db)
    const end = rows.at(-1)
    if (end === undefined) return
    const values = rows.map(
      ({ repositoryId, name }) =>
        sql`(cast(${repositoryId} as bigint), cast(${name} as text), cast(${versionKey(name)} as text))`,
    )
    await sql`with filled (repository_id, name, version_key) as (values ${sql.join(values)})
      update tags set version_key = filled.version_key from filled
      where tags.repository_id = filled.repository_id and tags.name = filled.name`.execute(db)
    last = end
  }
}
