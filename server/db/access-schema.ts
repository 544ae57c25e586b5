import type { Generated } from 'kysely'

/** The tables of who may do what, beside `users` and `api_keys`; see `schema.ts` for conventions. */
export interface AccessSchema {
  feed_groups: FeedGroupRow
  directories: DirectoryRow
  directory_tokens: DirectoryTokenRow
  groups: GroupRow
  group_members: GroupMemberRow
  tasks: TaskRow
  permissions: PermissionRow
  sessions: SessionRow
  api_key_requests: ApiKeyRequestRow
}

export interface FeedGroupRow {
  id: Generated<number>
  name: string
  /** Lower case; unique. */
  key: string
  created_at: number
}

/** Where users come from beside the server's own: asked in the order of `position`. */
export interface DirectoryRow {
  id: Generated<number>
  kind: 'ldap' | 'oidc'
  name: string
  /** Lower case; unique. It stands in addresses. */
  key: string
  position: number
  enabled: 0 | 1
  /** JSON, without secrets. */
  settings: string
  /** The bind password or client secret, encrypted under the server's secret key. */
  secret: string | null
  created_at: number
}

/** With which an OpenID Connect provider is asked about a user who is not there: key `user_id`. */
export interface DirectoryTokenRow {
  user_id: number
  /** A refresh token, encrypted under the server's secret key. */
  token: string
}

export interface GroupRow {
  id: Generated<number>
  name: string
  /** Lower case; unique. A directory's group of the same name counts as this one. */
  key: string
  description: string
  created_at: number
}

/** `directory`: as the user's directory said at the last look; `manual`: by an administrator. */
export interface GroupMemberRow {
  group_id: number
  user_id: number
  source: 'manual' | 'directory'
}

export interface TaskRow {
  id: Generated<number>
  name: string
  /** Lower case; unique. */
  key: string
  description: string
  /** JSON array of attribute names. */
  attributes: string
  built_in: 0 | 1
  created_at: number
}

/** A permission (`deny` 0) or restriction (1). Without feed and feed group it holds everywhere. */
export interface PermissionRow {
  id: Generated<number>
  principal_kind: 'user' | 'group' | 'everyone' | 'authenticated' | 'anonymous'
  user_id: number | null
  group_id: number | null
  task_id: number
  feed_group_id: number | null
  feed_id: number | null
  /** A pattern of repository names inside the feed; null: all of it. */
  repositories: string | null
  deny: 0 | 1
  created_at: number
  created_by: string
}

/** A login of the web pages. `secret_hash` (SHA-256 of the cookie's secret, hexadecimal) unique. */
export interface SessionRow {
  id: Generated<number>
  secret_hash: string
  user_id: number
  /** The user's when it began: a changed password ends it. */
  credential_version: number
  address: string
  user_agent: string
  created_at: number
  last_used_at: number
  expires_at: number
}

/** What an API key was used for, where its `logging` says so. */
export interface ApiKeyRequestRow {
  id: Generated<number>
  key_id: number
  at: number
  address: string
  method: string
  path: string
  status: number
}
