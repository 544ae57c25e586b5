import { type Kysely, type Migration, sql } from 'kysely'
import { type Words, wordsOf } from './words.ts'

/**
 * The first tables. Text is compared byte by byte on both databases, so that pages by key agree.
 * Foreign keys are checked at once: a violation at COMMIT would fail a whole group of writes.
 * Nothing cascades into content: who deletes a feed has to say what becomes of its images.
 */
export function core(dialect: 'sqlite' | 'postgres'): Migration {
  const words = wordsOf(dialect)
  return {
    up: async (db: Kysely<unknown>) => {
      const statements = [
        ...words.before,
        ...feedTables(words),
        ...contentTables(words),
        ...edgeTables(words),
        ...cleanUpTables(words),
        ...accountTables(words),
      ]
      for (const statement of statements) {
        await sql.raw(statement).execute(db)
      }
    },
  }
}

function feedTables({ id, integer, text, table, keyed }: Words): string[] {
  return [
    `create table stores (
      id ${id},
      type ${text} not null,
      settings ${text} not null,
      marker ${text},
      created_at ${integer} not null,
      unique (type, settings)
    ) ${table}`,
    `create table feeds (
      id ${id},
      name ${text} not null,
      description ${text} not null,
      active ${integer} not null check (active in (0, 1)),
      tag_deletion ${integer} not null check (tag_deletion in (0, 1)),
      sparse_indexes ${integer} not null check (sparse_indexes in (0, 1)),
      overwrite ${text} not null,
      store_id ${integer} not null references stores (id),
      created_at ${integer} not null
    ) ${table}`,
    'create index feeds_store on feeds (store_id)',
    `create table feed_names (
      "key" ${text} not null primary key,
      name ${text} not null,
      feed_id ${integer} not null references feeds (id) on delete cascade,
      alternate ${integer} not null check (alternate in (0, 1))
    ) ${keyed}`,
    'create index feed_names_feed on feed_names (feed_id)',
    `create table repositories (
      id ${id},
      feed_id ${integer} not null references feeds (id),
      name ${text} not null,
      listed ${integer} not null check (listed in (0, 1)),
      created_at ${integer} not null,
      unique (feed_id, name)
    ) ${table}`,
    'create index repositories_listed on repositories (feed_id, name) where listed = 1',
  ]
}

function contentTables({ id, integer, text, bytes, table, keyed }: Words): string[] {
  return [
    `create table blobs (
      store_id ${integer} not null references stores (id),
      digest ${text} not null,
      location ${text} not null,
      size_bytes ${integer} not null check (size_bytes >= 0),
      state ${text} not null check (state in ('live', 'damaged')),
      created_at ${integer} not null,
      primary key (store_id, digest),
      unique (store_id, location)
    ) ${keyed}`,
    "create index blobs_damaged on blobs (digest) where state = 'damaged'",
    `create table links (
      repository_id ${integer} not null references repositories (id),
      digest ${text} not null,
      store_id ${integer} not null,
      promised_at ${integer} not null,
      lease_until ${integer} not null,
      primary key (repository_id, digest),
      foreign key (store_id, digest) references blobs (store_id, digest)
    ) ${keyed}`,
    'create index links_blob on links (store_id, digest, repository_id)',
    'create index links_lease on links (repository_id, lease_until)',
    // Annotations may be long, so they come last: SQLite reads through a row up to what it needs.
    `create table manifests (
      id ${id},
      repository_id ${integer} not null references repositories (id),
      digest ${text} not null,
      media_type ${text} not null,
      artifact_type ${text},
      subject ${text},
      size_bytes ${integer} not null check (size_bytes >= 0),
      orphaned_since ${integer},
      promised_at ${integer} not null,
      lease_until ${integer} not null,
      pushed_at ${integer} not null,
      pushed_by ${text} not null,
      annotations ${text},
      unique (repository_id, digest)
    ) ${table}`,
    `create index manifests_subject on manifests (repository_id, subject, digest)
     where subject is not null`,
    `create index manifests_subject_type
     on manifests (repository_id, subject, artifact_type, digest) where subject is not null`,
    'create index manifests_lease on manifests (repository_id, lease_until)',
    `create table manifest_contents (
      manifest_id ${integer} not null primary key references manifests (id),
      content ${bytes} not null
    ) ${table}`,
  ]
}

function edgeTables({ id, integer, text, table, keyed }: Words): string[] {
  return [
    `create table manifest_blobs (
      manifest_id ${integer} not null references manifests (id),
      repository_id ${integer} not null,
      digest ${text} not null,
      role ${text} not null,
      primary key (manifest_id, digest),
      foreign key (repository_id, digest) references links (repository_id, digest)
    ) ${keyed}`,
    `create index manifest_blobs_link
     on manifest_blobs (repository_id, digest, role, manifest_id)`,
    `create table manifest_children (
      parent_id ${integer} not null references manifests (id),
      child_id ${integer} not null references manifests (id),
      primary key (parent_id, child_id)
    ) ${keyed}`,
    'create index manifest_children_child on manifest_children (child_id)',
    `create table wanted (
      manifest_id ${integer} not null references manifests (id),
      repository_id ${integer} not null references repositories (id),
      digest ${text} not null,
      role ${text} not null,
      primary key (manifest_id, digest)
    ) ${keyed}`,
    'create index wanted_digest on wanted (repository_id, digest)',
    `create table tags (
      repository_id ${integer} not null references repositories (id),
      name ${text} not null,
      manifest_id ${integer} not null references manifests (id),
      created_at ${integer} not null,
      updated_at ${integer} not null,
      updated_by ${text} not null,
      primary key (repository_id, name)
    ) ${keyed}`,
    'create index tags_manifest on tags (manifest_id)',
    `create table tag_history (
      id ${id},
      repository_id ${integer} not null references repositories (id),
      name ${text} not null,
      digest ${text},
      previous_digest ${text},
      at ${integer} not null,
      "by" ${text} not null
    ) ${table}`,
    'create index tag_history_tag on tag_history (repository_id, name, id)',
  ]
}

function cleanUpTables({ id, integer, text, table, keyed }: Words): string[] {
  return [
    `create table uploads (
      id ${text} not null primary key,
      repository_id ${integer} not null references repositories (id),
      store_id ${integer} not null references stores (id),
      location ${text} not null,
      state ${text} not null check (state in ('open', 'purging')),
      epoch ${integer} not null,
      offset_bytes ${integer} not null check (offset_bytes >= 0),
      digest_so_far ${text},
      algorithm ${text} not null,
      started_at ${integer} not null,
      last_progress ${integer} not null,
      started_by ${text} not null,
      unique (store_id, location)
    ) ${keyed}`,
    'create index uploads_repository on uploads (repository_id)',
    'create index uploads_progress on uploads (state, last_progress)',
    `create table candidates (
      id ${id},
      kind ${text} not null,
      scope_id ${integer} not null,
      digest ${text} not null,
      due ${integer} not null
    ) ${table}`,
    'create index candidates_due on candidates (kind, due)',
    `create table freed_locations (
      store_id ${integer} not null references stores (id),
      location ${text} not null,
      since ${integer} not null,
      primary key (store_id, location)
    ) ${keyed}`,
    'create index freed_locations_since on freed_locations (store_id, since)',
  ]
}

function accountTables({ id, integer, text, table, keyed }: Words): string[] {
  return [
    `create table users (
      id ${id},
      name ${text} not null,
      "key" ${text} not null unique,
      display_name ${text} not null,
      email ${text} not null,
      password_hash ${text} not null,
      credential_version ${integer} not null,
      administrator ${integer} not null check (administrator in (0, 1)),
      active ${integer} not null check (active in (0, 1)),
      created_at ${integer} not null
    ) ${table}`,
    `create table api_keys (
      id ${id},
      type ${text} not null,
      display_name ${text} not null,
      description ${text} not null,
      secret_hash ${text} not null unique,
      feed_id ${integer} references feeds (id) on delete cascade,
      permissions ${text} not null,
      credential_version ${integer} not null,
      active ${integer} not null check (active in (0, 1)),
      created_at ${integer} not null,
      expires_at ${integer}
    ) ${table}`,
    'create index api_keys_feed on api_keys (feed_id)',
    `create table refresh_tokens (
      id ${id},
      secret_hash ${text} not null unique,
      principal_kind ${text} not null,
      principal_id ${integer} not null,
      credential_version ${integer} not null,
      client_id ${text} not null,
      created_at ${integer} not null
    ) ${table}`,
    'create index refresh_tokens_principal on refresh_tokens (principal_kind, principal_id)',
    `create table settings (
      name ${text} not null primary key,
      value ${text} not null
    ) ${keyed}`,
    `create table events (
      id ${id},
      at ${integer} not null,
      kind ${text} not null,
      "by" ${text} not null,
      feed_id ${integer},
      repository ${text},
      detail ${text} not null
    ) ${table}`,
  ]
}
