import type { Generated } from 'kysely'
import type { AccessSchema } from './access-schema.ts'
import type { BackupSchema } from './backup-schema.ts'
import type { CleanupSchema } from './cleanup-schema.ts'
import type { ConnectorSchema } from './connector-schema.ts'
import type { JobSchema } from './job-schema.ts'
import type { PullSchema } from './pull-schema.ts'
import type { RecordSchema } from './record-schema.ts'
import type { SizeSchema } from './size-schema.ts'
import type { StoreSchema } from './store-schema.ts'

/**
 * The tables, one interface each. Times are whole milliseconds of the database's clock
 * (`now_ms()`), truth values are 0 and 1, digests are `sha256:…` texts. `reference` columns end in
 * `_id`. What each guard is for stands in docs/decisions/0001-clean-up-protocol.md.
 */
export interface Schema
  extends AccessSchema,
    BackupSchema,
    CleanupSchema,
    ConnectorSchema,
    JobSchema,
    PullSchema,
    RecordSchema,
    SizeSchema,
    StoreSchema {
  feeds: FeedRow
  feed_names: FeedNameRow
  repositories: RepositoryRow
  blobs: BlobRow
  links: LinkRow
  manifests: ManifestRow
  manifest_contents: ManifestContentRow
  manifest_blobs: ManifestBlobRow
  manifest_children: ManifestChildRow
  wanted: WantedRow
  tags: TagRow
  tag_history: TagHistoryRow
  uploads: UploadRow
  users: UserRow
  api_keys: ApiKeyRow
  refresh_tokens: RefreshTokenRow
}

/** Overwrite: may an existing tag be moved? `permission`: only with Feeds_OverwritePackage. */
export type OverwriteRule = 'allowed' | 'permission' | 'never'

export interface FeedRow {
  id: Generated<number>
  /** As typed. The lower-case form is in `feed_names`. */
  name: string
  description: string
  active: 0 | 1
  tag_deletion: 0 | 1
  sparse_indexes: 0 | 1
  overwrite: OverwriteRule
  external_layers: 0 | 1
  store_id: number
  feed_group_id: number | null
  /** 0: what comes through a connector is not kept. */
  cache_connectors: Generated<0 | 1>
  /** The host that it stands in for, lower case; unique. */
  mirror_of: Generated<string | null>
  /** 1, of one feed at most: it answers clients that name no registry. */
  default_mirror: Generated<0 | 1>
  /** Null: there may be any number of bytes. */
  quota_bytes: Generated<number | null>
  /** What each repository without a quota of its own may have. */
  repository_quota_bytes: Generated<number | null>
  created_at: number
}

/** Every name that leads to a feed, its own and the alternates; `key` (lower case) is primary. */
export interface FeedNameRow {
  key: string
  name: string
  feed_id: number
  alternate: 0 | 1
}

export interface RepositoryRow {
  id: Generated<number>
  feed_id: number
  /** Inside the feed. Unique with `feed_id`. */
  name: string
  /** 1 while it has a manifest: only then is it listed. */
  listed: 0 | 1
  created_at: number
  /** 1: deleted, under a name that none can have: its content is being removed. */
  retired: Generated<0 | 1>
  tag_count: Generated<number>
  manifest_count: Generated<number>
  last_pushed_at: Generated<number>
  last_pushed_by: Generated<string>
  /** Null: what the feed says. */
  quota_bytes: Generated<number | null>
}

/** Key (store_id, digest); `location` unique in its store. */
export interface BlobRow {
  store_id: number
  digest: string
  location: string
  size_bytes: number
  state: 'live' | 'damaged'
  created_at: number
}

/** That a repository has a blob. Key (repository_id, digest); refers to `blobs`. */
export interface LinkRow {
  repository_id: number
  digest: string
  store_id: number
  promised_at: number
  lease_until: number
}

/** Unique (repository_id, digest). */
export interface ManifestRow {
  id: Generated<number>
  repository_id: number
  digest: string
  media_type: string
  /** As the referrers API shows it: `artifactType`, else the config's media type; null if neither. */
  artifact_type: string | null
  subject: string | null
  /** JSON object, null when there are none. */
  annotations: string | null
  size_bytes: number
  orphaned_since: number | null
  promised_at: number
  lease_until: number
  pushed_at: number
  pushed_by: string
  examined: Generated<0 | 1>
  total_bytes: number | null
  /** `linux/amd64,linux/arm64/v8`, sorted; empty: none is known. */
  platforms: string | null
  /** Through which connector it came; null: it was pushed. */
  connector_id: Generated<number | null>
}

export interface ManifestContentRow {
  manifest_id: number
  content: Uint8Array
}

/** Edge manifest → link. Key (manifest_id, digest); refers to `links` by (repository_id, digest). */
export interface ManifestBlobRow {
  manifest_id: number
  repository_id: number
  digest: string
  /** `child`: an index's entry that is a blob (BuildKit's cache). */
  role: 'config' | 'layer' | 'child'
}

/** Edge index → manifest. Key (parent_id, child_id). */
export interface ManifestChildRow {
  parent_id: number
  child_id: number
}

/** Referred to, but not here yet: becomes an edge when it comes. Key (manifest_id, digest). */
export interface WantedRow {
  manifest_id: number
  repository_id: number
  digest: string
  /** `child`: an index's entry, which may turn out to be a manifest or a blob. */
  role: ManifestBlobRow['role']
}

/** Key (repository_id, name). */
export interface TagRow {
  repository_id: number
  name: string
  manifest_id: number
  created_at: number
  updated_at: number
  updated_by: string
  version_key: string
  /** Through which connector it came; null: it was pushed. */
  connector_id: Generated<number | null>
  /** When that last said where it points. */
  checked_at: Generated<number | null>
  /** When it was last asked in vain, and why; null: it has answered since. */
  check_failed_at: Generated<number | null>
  check_failure: Generated<string | null>
}

/** Append-only. `digest` null: the tag was deleted. */
export interface TagHistoryRow {
  id: Generated<number>
  repository_id: number
  name: string
  digest: string | null
  previous_digest: string | null
  at: number
  by: string
}

export interface UploadRow {
  /** Random; part of the upload's address on the wire. */
  id: string
  repository_id: number
  store_id: number
  location: string
  state: 'open' | 'purging'
  epoch: number
  /** Bytes that are on the disk for certain. */
  offset_bytes: number
  /** Digest of those bytes; null while there are none. */
  digest_so_far: string | null
  algorithm: 'sha256' | 'sha512'
  started_at: number
  last_progress: number
  started_by: string
}

export interface UserRow {
  id: Generated<number>
  name: string
  /** Lower case; unique. */
  key: string
  display_name: string
  email: string
  /** `scrypt$N$r$p$salt$hash`, base64; empty for a directory's user, who has none here. */
  password_hash: string
  /** Raised with every change of password or right to log in. */
  credential_version: number
  active: 0 | 1
  created_at: number
  /** Null: the server's own. */
  directory_id: number | null
  /** The directory's name for the user: distinguished name (LDAP) or `sub` (OpenID Connect). */
  external_id: string | null
  /** When the directory last said that the user exists and is enabled. */
  confirmed_at: number | null
  last_login_at: number | null
}

export interface ApiKeyRow {
  id: Generated<number>
  type: 'system' | 'feed' | 'personal'
  display_name: string
  description: string
  /** SHA-256 of the key, hexadecimal; unique. */
  secret_hash: string
  /** A `feed` key has a feed or a feed group, a `personal` one its user. */
  feed_id: number | null
  feed_group_id: number | null
  user_id: number | null
  /**
   * JSON array. Of `view add promote delete` for `feed`; of `full-control feeds` for `system`; for
   * `personal` as for `feed`, what is taken of the user's rights, or empty: all of them.
   */
  permissions: string
  /** A pattern of repository names that the key is kept to; null: none. */
  repositories: string | null
  credential_version: number
  /** 0: revoked; the row stays, so that its id names nobody else. */
  active: 0 | 1
  /** 0: switched off for the time being. */
  enabled: 0 | 1
  /** 1: an administrator switched it off, and only one switches it on again. */
  locked: Generated<0 | 1>
  created_at: number
  created_by: string
  expires_at: number | null
  /** While a key is changed for a new one both are good: the old one's hash, and until when. */
  second_secret_hash: string | null
  second_expires_at: number | null
  logging: 'none' | 'request'
  last_used_at: number | null
  last_used_address: string | null
}

/** What `docker login` keeps. `secret_hash` unique. */
export interface RefreshTokenRow {
  id: Generated<number>
  secret_hash: string
  principal_kind: 'user' | 'key'
  principal_id: number
  credential_version: number
  client_id: string
  created_at: number
}
