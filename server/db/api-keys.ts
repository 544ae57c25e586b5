import type { Queries } from './database.ts'
import { type Params, prepared } from './prepared.ts'
import type { ApiKeyRow } from './schema.ts'

/** What a `feed` key may do in its feed. */
export const feedKeyPermissions = ['view', 'add', 'promote', 'delete'] as const
export type FeedKeyPermission = (typeof feedKeyPermissions)[number]
/** What a `system` key may do: everything, or whatever concerns feeds. */
export const systemKeyPermissions = ['full-control', 'feeds'] as const
export type SystemKeyPermission = (typeof systemKeyPermissions)[number]
export type KeyPermission = FeedKeyPermission | SystemKeyPermission

/** An API key as it is stored, without its secret. Times are milliseconds since 1970. */
export interface ApiKey {
  readonly id: number
  readonly type: 'system' | 'feed' | 'personal'
  readonly displayName: string
  readonly description: string
  /** A `feed` key has a feed or a feed group, a `personal` one its user. */
  readonly feedId: number | null
  readonly feedGroupId: number | null
  readonly userId: number | null
  /** Of a `personal` key: what is taken of its user's rights; empty: all of them. */
  readonly permissions: readonly KeyPermission[]
  /** A pattern of repository names that the key is kept to; null: none. */
  readonly repositories: string | null
  /** Of the secret that it was found by: the former one's is the one before. */
  readonly credentialVersion: number
  /** False: revoked. */
  readonly active: boolean
  /** False: switched off for the time being. */
  readonly enabled: boolean
  readonly createdAt: number
  readonly createdBy: string
  /** Null: it does not expire. Found by its former secret, a key expires when that does. */
  readonly expiresAt: number | null
  /** After a rotation: until when the former secret is good too; null: there is none. */
  readonly secondExpiresAt: number | null
  readonly logging: 'none' | 'request'
  /** As of a few seconds ago; null: never. */
  readonly lastUsedAt: number | null
  readonly lastUsedAddress: string | null
}

/** A key in a list, with the names of what it is for. */
export interface ListedApiKey extends ApiKey {
  readonly feedName: string | null
  readonly feedGroupName: string | null
  readonly userName: string | null
}

const bySecretHash = prepared((db: Queries, p: Params<{ secretHash: string }>) =>
  db.selectFrom('api_keys').selectAll().where('secret_hash', '=', p.secretHash),
)
const bySecondSecretHash = prepared((db: Queries, p: Params<{ secretHash: string }>) =>
  db.selectFrom('api_keys').selectAll().where('second_secret_hash', '=', p.secretHash),
)
const byId = prepared((db: Queries, p: Params<{ id: number }>) =>
  db.selectFrom('api_keys').selectAll().where('id', '=', p.id),
)
type Row = NonNullable<Awaited<ReturnType<typeof byId.find>>>

/** The key with this secret, or with this one before the last rotation. */
export async function findApiKeyBySecretHash(
  db: Queries,
  secretHash: string,
): Promise<ApiKey | undefined> {
  const row = await bySecretHash.find(db, { secretHash })
  if (row) return apiKey(row)
  const rotated = await bySecondSecretHash.find(db, { secretHash })
  if (!rotated) return undefined
  return asFormer(apiKey(rotated))
}

/** The key as its former secret has it, while there is one. */
export function asFormer(key: ApiKey): ApiKey {
  const expiresAt = earlier(key.expiresAt, key.secondExpiresAt)
  return { ...key, credentialVersion: key.credentialVersion - 1, expiresAt }
}

export async function findApiKey(db: Queries, id: number): Promise<ApiKey | undefined> {
  const row = await byId.find(db, { id })
  return row && apiKey(row)
}

export interface ApiKeyPage {
  /** Only keys with a greater id. */
  readonly after: number
  readonly count: number
  /** Only this user's `personal` keys; null: all. */
  readonly userId: number | null
}

/** Keys that were not revoked, expired ones too, the oldest first. */
export async function listStoredApiKeys(db: Queries, page: ApiKeyPage): Promise<ListedApiKey[]> {
  const { after, count, userId } = page
  let query = db
    .selectFrom('api_keys')
    .leftJoin('feeds', 'feeds.id', 'api_keys.feed_id')
    .leftJoin('feed_groups', 'feed_groups.id', 'api_keys.feed_group_id')
    .leftJoin('users', 'users.id', 'api_keys.user_id')
    .selectAll('api_keys')
    .select(['feeds.name as feedName', 'feed_groups.name as feedGroupName'])
    .select('users.name as userName')
    .where('api_keys.active', '=', 1)
    .where('api_keys.id', '>', after)
  if (userId !== null) query = query.where('api_keys.user_id', '=', userId)
  const rows = await query.orderBy('api_keys.id').limit(count).execute()
  return rows.map((row) => ({
    ...apiKey(row),
    feedName: row.feedName,
    feedGroupName: row.feedGroupName,
    userName: row.userName,
  }))
}

/** The key with this id, unless it was revoked. */
export async function findListedApiKey(db: Queries, id: number): Promise<ListedApiKey | undefined> {
  const [key] = await listStoredApiKeys(db, { after: id - 1, count: 1, userId: null })
  return key?.id === id ? key : undefined
}

/** What a key of this type can be permitted. */
export function permissionsOfType(type: ApiKeyRow['type']): readonly KeyPermission[] {
  return type === 'system' ? systemKeyPermissions : feedKeyPermissions
}

function apiKey(row: Row): ApiKey {
  const names: unknown = JSON.parse(row.permissions)
  return {
    id: row.id,
    type: row.type,
    displayName: row.display_name,
    description: row.description,
    feedId: row.feed_id,
    feedGroupId: row.feed_group_id,
    userId: row.user_id,
    permissions: permissionsOfType(row.type).filter(
      (name) => Array.isArray(names) && names.includes(name),
    ),
    repositories: row.repositories,
    credentialVersion: row.credential_version,
    active: row.active === 1,
    enabled: row.enabled === 1,
    createdAt: row.created_at,
    createdBy: row.created_by,
    expiresAt: row.expires_at,
    secondExpiresAt: row.second_expires_at,
    logging: row.logging,
    lastUsedAt: row.last_used_at,
    lastUsedAddress: row.last_used_address,
  }
}

function earlier(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b
  return Math.min(a, b)
}
