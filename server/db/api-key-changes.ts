import type { AccessName } from '../domain/access-name.ts'
import type { Actor } from '../domain/actor.ts'
import { RegistryError, refuseField } from '../domain/errors.ts'
import {
  type ApiKey,
  findApiKey,
  type KeyPermission,
  type ListedApiKey,
  permissionsOfType,
} from './api-keys.ts'
import type { Queries } from './database.ts'
import { insertEvent } from './events.ts'
import { findFeedGroupByKey } from './feed-groups.ts'
import { findFeedByKey } from './feeds.ts'
import { nowMs } from './sql.ts'
import { findUserByKey, firstCredentialVersion } from './users.ts'

/** What a new key is for, by name; a feed by any of its names. */
export type NamedKeyScope =
  | { readonly type: 'system' }
  | { readonly type: 'feed'; readonly feed: AccessName }
  | { readonly type: 'feed'; readonly feedGroup: AccessName }
  | {
      readonly type: 'personal'
      readonly user: AccessName
      /** Who asks for its own key: the name may be another's by now. Null: an administrator does. */
      readonly userId: number | null
    }

export interface NewApiKey {
  readonly scope: NamedKeyScope
  readonly permissions: readonly KeyPermission[]
  readonly repositories: string | null
  readonly displayName: string
  readonly description: string
  readonly logging: ApiKey['logging']
  /** SHA-256 of the key, hexadecimal. */
  readonly secretHash: string
  /** When it ends, or how long it lives; null: it does not end. */
  readonly expires: { readonly at: number } | { readonly afterMs: number } | null
  readonly by: Actor
}

/** Personal keys are made by anybody with a login. */
const maxKeysPerUser = 100

/**
 * The new key's id. Throws INVALID_FIELDS naming the feed, feed group or user that is not there,
 * CONFLICT for a personal key of a user who has 100 of them.
 */
export async function insertApiKey(trx: Queries, input: NewApiKey): Promise<number> {
  const { scope, permissions, repositories, expires, by } = input
  const columns = await columnsOf(trx, scope)
  if (columns.user_id !== null) await refuseMoreKeys(trx, columns.user_id)
  const { id } = await trx
    .insertInto('api_keys')
    .values((eb) => ({
      ...columns,
      type: scope.type,
      display_name: input.displayName,
      description: input.description,
      secret_hash: input.secretHash,
      permissions: JSON.stringify(permissions),
      repositories,
      credential_version: firstCredentialVersion(),
      active: 1,
      enabled: 1,
      logging: input.logging,
      created_at: nowMs,
      created_by: by.name,
      expires_at:
        expires === null ? null : 'at' in expires ? expires.at : eb(nowMs, '+', expires.afterMs),
    }))
    .returning('id')
    .executeTakeFirstOrThrow()
  await recordKey(trx, 'key.created', input, {
    key: id,
    name: input.displayName,
    ...describeScope(scope),
    permissions,
    repositories,
  })
  return id
}

async function refuseMoreKeys(trx: Queries, userId: number): Promise<void> {
  // Held, so that two at once are counted one after the other.
  await trx.selectFrom('users').select('id').where('id', '=', userId).forNoKeyUpdate().execute()
  const { count } = await trx
    .selectFrom('api_keys')
    .select((eb) => eb.fn.countAll<number | string>().as('count'))
    .where('user_id', '=', userId)
    .where('active', '=', 1)
    .executeTakeFirstOrThrow()
  if (Number(count) < maxKeysPerUser) return
  throw new RegistryError(
    'CONFLICT',
    `A user has at most ${maxKeysPerUser} personal keys: delete one that is not used any more.`,
  )
}

export interface ApiKeyChange {
  readonly id: number
  /** Absent: as it is. */
  readonly displayName?: string
  readonly description?: string
  readonly permissions?: readonly KeyPermission[]
  readonly repositories?: string | null
  readonly expiresAt?: number | null
  readonly logging?: ApiKey['logging']
  readonly enabled?: boolean
  /** Whether an administrator does it: what one switches off, only one switches on again. */
  readonly asAdministrator: boolean
  readonly by: Actor
}

/**
 * Changes what is named, and nothing else. Throws NOT_FOUND, INVALID_FIELDS for permissions that a
 * key of this type cannot have, or DENIED for switching on what an administrator switched off.
 */
export async function updateApiKey(trx: Queries, input: ApiKeyChange): Promise<void> {
  const { id, by, asAdministrator, ...changes } = input
  const { displayName, description, permissions, repositories, expiresAt, logging, enabled } =
    changes
  const key = await getApiKey(trx, id)
  if (permissions) checkPermissions(key.type, permissions)
  const row = {
    ...(displayName !== undefined && { display_name: displayName }),
    ...(description !== undefined && { description }),
    ...(permissions && { permissions: JSON.stringify(permissions) }),
    ...(repositories !== undefined && { repositories }),
    ...(expiresAt !== undefined && { expires_at: expiresAt }),
    ...(logging !== undefined && { logging }),
    ...(enabled !== undefined && switched(enabled, asAdministrator)),
  }
  if (Object.keys(row).length === 0) return
  const { numUpdatedRows } = await trx
    .updateTable('api_keys')
    .set(row)
    .where('id', '=', id)
    // Looked at here, so that an administrator who is faster by a moment is not undone.
    .$if(enabled === true && !asAdministrator, (update) => update.where('locked', '=', 0))
    .executeTakeFirstOrThrow()
  if (numUpdatedRows === 0n) throw locked(id)
  await recordKey(trx, 'key.changed', { by }, { key: id, name: key.displayName, changes })
}

/**
 * Gives the key a new secret; the former one stays good for a while, and one before that no more.
 * What was issued for the former one ends with it. Throws NOT_FOUND.
 */
export async function rotateApiKey(
  trx: Queries,
  input: {
    readonly id: number
    readonly secretHash: string
    readonly overlapMs: number
    readonly by: Actor
  },
): Promise<void> {
  const { id, secretHash, overlapMs, by } = input
  const key = await getApiKey(trx, id)
  const overlaps = overlapMs > 0
  await trx
    .updateTable('api_keys')
    .set((eb) => ({
      second_secret_hash: overlaps ? eb.ref('secret_hash') : null,
      second_expires_at: overlaps ? eb(nowMs, '+', overlapMs) : null,
      secret_hash: secretHash,
      credential_version: eb('credential_version', '+', 1),
    }))
    .where('id', '=', id)
    .execute()
  if (!overlaps) await forgetLogins(trx, id)
  const overlapHours = overlapMs / 3_600_000
  await recordKey(trx, 'key.rotated', { by }, { key: id, name: key.displayName, overlapHours })
}

/** Whether there was such a key. Its row stays, so that its id names nobody else. */
export async function deactivateApiKey(
  trx: Queries,
  input: { readonly id: number; readonly by: Actor },
): Promise<boolean> {
  const { id, by } = input
  const key = await findApiKey(trx, id)
  if (!key?.active) return false
  await trx
    .updateTable('api_keys')
    .set((eb) => ({ active: 0, credential_version: eb('credential_version', '+', 1) }))
    .where('id', '=', id)
    .execute()
  await forgetLogins(trx, id)
  await recordKey(trx, 'key.revoked', { by }, { key: id, name: key.displayName })
  return true
}

/** Throws INVALID_FIELDS for permissions that a key of this type cannot have. */
export function checkPermissions(
  type: ListedApiKey['type'],
  permissions: readonly KeyPermission[],
): void {
  const possible = permissionsOfType(type)
  const field = type === 'system' ? 'systemApis' : 'packagePermissions'
  const odd = permissions.find((name) => !possible.includes(name))
  if (odd !== undefined) {
    refuseField(field, `A ${type} key cannot have "${odd}", only ${possible.join(', ')}.`)
  }
  // Of a personal key too: kept without names it has all of its user's rights, which nobody means by [].
  if (permissions.length === 0) {
    refuseField(field, `A ${type} key needs at least one of ${possible.join(', ')}.`)
  }
}

async function getApiKey(trx: Queries, id: number): Promise<ApiKey> {
  const key = await findApiKey(trx, id)
  if (key?.active) return key
  throw new RegistryError('NOT_FOUND', `There is no API key ${id}.`)
}

function switched(enabled: boolean, asAdministrator: boolean) {
  if (enabled) return { enabled: 1, locked: 0 } as const
  return asAdministrator ? ({ enabled: 0, locked: 1 } as const) : ({ enabled: 0 } as const)
}

function locked(id: number): RegistryError {
  return new RegistryError(
    'DENIED',
    `An administrator switched the API key ${id} off: only an administrator switches it on again.`,
  )
}

async function columnsOf(trx: Queries, scope: NamedKeyScope) {
  const none = { feed_id: null, feed_group_id: null, user_id: null }
  if (scope.type === 'system') return none
  if (scope.type === 'personal') {
    const user = await findUserByKey(trx, scope.user.key)
    if (!user || (scope.userId !== null && scope.userId !== user.id)) {
      refuseField('user', `There is no user "${scope.user.name}".`)
    }
    return { ...none, user_id: user.id }
  }
  if ('feed' in scope) {
    const feed = await findFeedByKey(trx, scope.feed.key)
    if (!feed) refuseField('feed', `There is no registry "${scope.feed.name}".`)
    // Held, so that the feed is not deleted before this key is there.
    await trx.selectFrom('feeds').select('id').where('id', '=', feed.id).forKeyShare().execute()
    return { ...none, feed_id: feed.id }
  }
  const group = await findFeedGroupByKey(trx, scope.feedGroup.key)
  if (!group) refuseField('feedGroup', `There is no feed group "${scope.feedGroup.name}".`)
  return { ...none, feed_group_id: group.id }
}

function describeScope(scope: NamedKeyScope) {
  const { type } = scope
  if (type === 'system') return { type }
  if (type === 'personal') return { type, user: scope.user.name }
  return 'feed' in scope
    ? { type, feed: scope.feed.name }
    : { type, feedGroup: scope.feedGroup.name }
}

async function forgetLogins(trx: Queries, id: number): Promise<void> {
  await trx
    .deleteFrom('refresh_tokens')
    .where('principal_kind', '=', 'key')
    .where('principal_id', '=', id)
    .execute()
}

async function recordKey(
  trx: Queries,
  kind: string,
  { by }: { readonly by: Actor },
  detail: Readonly<Record<string, unknown>>,
): Promise<void> {
  await insertEvent(trx, { kind, by: by.name, address: by.address, detail })
}
