import { SqliteConnection } from '../server/db/sqlite.ts'

/**
 * Fills the database of a server that does not run, by SQL: a hundred thousand pushes would take
 * longer than what is measured. There are rows as pushes leave them, but no bytes behind them.
 */
export interface Filling extends Disposable {
  /** A repository of the feed `main` with so many manifests; each has a tag and a config of its own. */
  addTaggedManifests(repository: string, count: number): void
  /** So many listed repositories of the feed `main`. */
  addRepositories(nameOf: NameOf, count: number): void
  /** So many blobs, linked to a repository. */
  addBlobs(repository: string, count: number): void
  /** So many blobs that nothing refers to, due for clean-up, and the locations of their bytes. */
  addGarbage(repository: string, count: number): string[]
  /** Digests of manifests from all over the repository. */
  pickDigests(repository: string, count: number): string[]
}

/** How SQL makes a name of the number `i`. */
export interface NameOf {
  readonly sql: string
  readonly of: (number: number) => string
}

export const tagName: NameOf = {
  sql: "printf('v%07d', i)",
  of: (number) => `v${`${number}`.padStart(7, '0')}`,
}

export const repositoryName: NameOf = {
  sql: "printf('team-%04d/app-%07d', i / 1000, i)",
  of: (number) =>
    `team-${`${Math.floor(number / 1000)}`.padStart(4, '0')}/app-${`${number}`.padStart(7, '0')}`,
}

// As versionKey has it: the number of digits in two places, the digits, the end.
const versionKeyOfTag = `printf('0%d%d"', length(printf('%d', i)), i)`

const feed = "(select feed_id from feed_names where key = 'main')"
const store = "(select store_id from feeds where name = 'main')"
// Digests come in no order, as real ones do.
const randomDigest = "'sha256:' || lower(hex(randomblob(32)))"

export function openFilling(file: string): Filling {
  const connection = new SqliteConnection({ file, mode: 'write' })
  const exec = (sql: string) => connection.exec(sql)
  // Nothing of it has to outlive a crash, and its keys fit by construction.
  exec('pragma synchronous = off; pragma foreign_keys = off; pragma cache_size = -500000; begin')
  return {
    addTaggedManifests: (repository, count) => {
      exec(insertRepository(repository))
      exec(numbers(count))
      for (const statement of manifestRows(idOf(repository))) exec(statement)
      exec('drop table temp.made')
    },
    addRepositories: (nameOf, count) => {
      exec(numbers(count))
      exec(`insert into repositories (feed_id, name, listed, created_at, last_pushed_at,
          last_pushed_by)
        select ${feed}, ${nameOf.sql}, 1, now_ms(), now_ms() - i * 1000, 'Admin' from temp.made`)
      exec('drop table temp.made')
    },
    addBlobs: (repository, count) => {
      exec(insertRepository(repository))
      exec(numbers(count))
      for (const statement of blobRows(idOf(repository))) exec(statement)
      exec('drop table temp.made')
    },
    addGarbage: (repository, count) => {
      exec(insertRepository(repository))
      exec(numbers(count))
      for (const statement of blobRows(idOf(repository))) exec(statement)
      exec(`insert into candidates (kind, scope_id, digest, due)
        select 'link', ${idOf(repository)}, config, now_ms() - 1000 from temp.made`)
      const { rows } = connection.query<{ location: string }>(
        'select location from blobs where digest in (select config from temp.made)',
        [],
      )
      exec('drop table temp.made')
      return rows.map(({ location }) => location)
    },
    pickDigests: (repository, count) =>
      connection
        .query<{ digest: string }>(
          `select digest from manifests where repository_id = ${idOf(repository)}
           order by digest limit ?`,
          [count],
        )
        .rows.map(({ digest }) => digest),
    [Symbol.dispose]: () => {
      exec('commit; pragma wal_checkpoint(truncate)')
      connection[Symbol.dispose]()
    },
  }
}

function insertRepository(name: string): string {
  return `insert into repositories (feed_id, name, listed, created_at, last_pushed_at, last_pushed_by)
    values (${feed}, '${name}', 1, now_ms(), now_ms(), 'Admin')`
}

function idOf(repository: string): string {
  return `(select id from repositories where feed_id = ${feed} and name = '${repository}')`
}

/** `made`: numbers, and for each the digests of a manifest and of its config. */
function numbers(count: number): string {
  return `create temp table made as
    with recursive n (i) as (select 0 union all select i + 1 from n where i < ${count - 1})
    select i, ${randomDigest} as digest, ${randomDigest} as config from n`
}

function blobRows(repositoryId: string): string[] {
  return [
    `insert into blobs (store_id, digest, location, size_bytes, state, created_at)
      select ${store}, config, lower(hex(randomblob(16))), 1000, 'live', now_ms()
      from temp.made order by config`,
    `insert into links (repository_id, digest, store_id, promised_at, lease_until)
      select ${repositoryId}, config, ${store}, now_ms(), now_ms() from temp.made order by config`,
  ]
}

function manifestRows(repositoryId: string): string[] {
  return [
    ...blobRows(repositoryId),
    `insert into manifests (repository_id, digest, media_type, artifact_type, size_bytes,
        promised_at, lease_until, pushed_at, pushed_by, examined, total_bytes, platforms)
      select ${repositoryId}, digest, 'application/vnd.oci.image.manifest.v1+json',
        'application/vnd.oci.image.config.v1+json', 500, now_ms(), now_ms(), now_ms(), 'Admin',
        1, 1500, 'linux/amd64'
      from temp.made`,
    `create temp table pushed as select i, made.digest, config, manifests.id from temp.made
      join manifests on manifests.repository_id = ${repositoryId}
      and manifests.digest = made.digest`,
    `insert into manifest_contents (manifest_id, content)
      select id, randomblob(500) from temp.pushed order by id`,
    `insert into manifest_blobs (manifest_id, repository_id, digest, role)
      select id, ${repositoryId}, config, 'config' from temp.pushed order by id`,
    `insert into tags (repository_id, name, manifest_id, created_at, updated_at, updated_by,
        version_key)
      select ${repositoryId}, ${tagName.sql}, id, now_ms(), now_ms() - i * 1000, 'Admin',
        ${versionKeyOfTag}
      from temp.pushed order by i`,
    `insert into tag_history (repository_id, name, digest, at, "by")
      select ${repositoryId}, ${tagName.sql}, digest, now_ms(), 'Admin' from temp.pushed order by i`,
    `insert into manifest_pulls (manifest_id, pulls, last_pulled_at)
      select id, i % 100, now_ms() from temp.pushed`,
    `update repositories set tag_count = (select count(*) from temp.pushed),
      manifest_count = (select count(*) from temp.pushed) where id = ${repositoryId}`,
    'drop table temp.pushed',
  ]
}
