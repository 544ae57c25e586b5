import { RegistryError } from '../domain/errors.ts'
import type { Queries } from './database.ts'
import { type Params, prepared } from './prepared.ts'
import { nowMs } from './sql.ts'
import { firstCredentialVersion } from './users.ts'

/** What a `feed` key may do in its feed. */
export const feedKeyPermissions = ['view', 'add', 'promote', 'delete'] as const
export type FeedKeyPermission = (typeof feedKeyPermissions)[number]

/** An API key as it is stored, without its secret. Times are milliseconds since 1970. */
export interface ApiKey {
  readonly id: number
  readonly type: 'system' | 'feed'
  readonly displayName: string
  readonly description: string
  /** Null for a `system` key. */
  readonly feedId: number | null
  /** Empty for a `system` key, which may do everything. */
  readonly permissions: readonly FeedKeyPermission[]
  readonly credentialVersion: number
  readonly active: boolean
  readonly createdAt: number
  /** Null: it does not expire. */
  readonly expiresAt: number | null
}

/** A key in a list, with its feed's name. */
export interface ListedApiKey extends ApiKey {
  readonly feedName: string | null
}

export interface NewApiKey {
  readonly scope:
    | { readonly type: 'system' }
    | {
        readonly type: 'feed'
        /** Any of the feed's names, lower case. */
        readonly feedKey: string
        readonly permissions: readonly FeedKeyPermission[]
      }
  readonly displayName: string
  readonly description: string
  /** SHA-256 of the key, hexadecimal. */
  readonly secretHash: string
  readonly lifetimeMs: number | null
}

const bySecretHash = prepared((db: Queries, p: Params<{ secretHash: string }>) =>
  db.selectFrom('api_keys').selectAll().where('secret_hash', '=', p.secretHash),
)
const byId = prepared((db: Queries, p: Params<{ id: number }>) =>
  db.selectFrom('api_keys').selectAll().where('id', '=', p.id),
)
type Row = NonNullable<Awaited<ReturnType<typeof byId.find>>>

export async function findApiKeyBySecretHash(
  db: Queries,
  secretHash: string,
): Promise<ApiKey | undefined> {
  const row = await bySecretHash.find(db, { secretHash })
  return row && apiKey(row)
}

export async function findApiKey(db: Queries, id: number): Promise<ApiKey | undefined> {
  const row = await byId.find(db, { id })
  return row && apiKey(row)
}

/** All keys that were not revoked, expired ones too, the oldest first. */
export async function listStoredApiKeys(db: Queries): Promise<ListedApiKey[]> {
  const rows = await db
    .selectFrom('api_keys')
    .leftJoin('feeds', 'feeds.id', 'api_keys.feed_id')
    .selectAll('api_keys')
    .select('feeds.name as feed_name')
    .where('api_keys.active', '=', 1)
    .orderBy('api_keys.id')
    .execute()
  return rows.map((row) => ({ ...apiKey(row), feedName: row.feed_name }))
}

/** The new key's id. Throws NOT_FOUND if there is no such feed. */
export async function insertApiKey(trx: Queries, input: NewApiKey): Promise<number> {
  const { scope } = input
  const feedId = scope.type === 'feed' ? await getFeedId(trx, scope.feedKey) : null
  const { id } = await trx
    .insertInto('api_keys')
    .values((eb) => ({
      type: scope.type,
      display_name: input.displayName,
      description: input.description,
      secret_hash: input.secretHash,
      feed_id: feedId,
      permissions: JSON.stringify(scope.type === 'feed' ? scope.permissions : ['full-control']),
      credential_version: firstCredentialVersion(),
      active: 1,
      created_at: nowMs,
      expires_at: input.lifetimeMs === null ? null : eb(nowMs, '+', input.lifetimeMs),
    }))
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

/** Whether there was such a key. Its row stays, so that its id names nobody else. */
export async function deactivateApiKey(
  trx: Queries,
  input: { readonly id: number },
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('api_keys')
    .set((eb) => ({ active: 0, credential_version: eb('credential_version', '+', 1) }))
    .where('id', '=', input.id)
    .where('active', '=', 1)
    .executeTakeFirst()
  await trx
    .deleteFrom('refresh_tokens')
    .where('principal_kind', '=', 'key')
    .where('principal_id', '=', input.id)
    .execute()
  return numUpdatedRows > 0n
}

async function getFeedId(trx: Queries, key: string): Promise<number> {
  const row = await trx
    .selectFrom('feed_names')
    .select('feed_id')
    .where('key', '=', key)
    .executeTakeFirst()
  if (row === undefined) throw new RegistryError('NOT_FOUND', 'There is no such registry.')
  return row.feed_id
}

function apiKey(row: Row): ApiKey {
  const names: unknown = JSON.parse(row.permissions)
  return {
    id: row.id,
    type: row.type,
    displayName: row.display_name,
    description: row.description,
    feedId: row.feed_id,
    permissions: feedKeyPermissions.filter((name) => Array.isArray(names) && names.includes(name)),
    credentialVersion: row.credential_version,
    active: row.active === 1,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  }
}
