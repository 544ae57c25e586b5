import {
  type ApiKeyChange,
  checkPermissions,
  deactivateApiKey,
  insertApiKey,
  type NamedKeyScope,
  rotateApiKey as rotateRow,
  updateApiKey as updateRow,
} from '../db/api-key-changes.ts'
import { type ApiKeyRequest, listRequests } from '../db/api-key-requests.ts'
import {
  type ApiKey,
  type FeedKeyPermission,
  findListedApiKey,
  type KeyPermission,
  type ListedApiKey,
  listStoredApiKeys,
  permissionsOfType,
  type SystemKeyPermission,
} from '../db/api-keys.ts'
import type { Db } from '../db/database.ts'
import { accessName } from '../domain/access-name.ts'
import type { Actor } from '../domain/actor.ts'
import { parseField, RegistryError, refuseField } from '../domain/errors.ts'
import { parseRepositoryPattern } from '../domain/repository-pattern.ts'
import { generateOpaqueSecret, hashOpaqueSecret } from './opaque-secret.ts'
import { cutAt, type Paged } from './paged.ts'

export type { FeedKeyPermission, KeyPermission, SystemKeyPermission } from '../db/api-keys.ts'

/** A key as lists show it: never its secret. */
export interface ApiKeyInfo
  extends Pick<
    ApiKey,
    | 'id'
    | 'type'
    | 'displayName'
    | 'description'
    | 'permissions'
    | 'repositories'
    | 'logging'
    | 'enabled'
    | 'createdBy'
    | 'lastUsedAddress'
  > {
  /** Whose `personal` key it is, for who asks about its own. */
  readonly userId: number | null
  /** Names; null where the type of the key has none. */
  readonly feed: string | null
  readonly feedGroup: string | null
  readonly user: string | null
  /** Null: never. */
  readonly expires: Date | null
  /** Until when the former secret is good too; null: there is none. */
  readonly secondExpires: Date | null
  readonly created: Date
  readonly lastUsed: Date | null
}

/** What was just made: its secret is told this once. */
export interface ApiKeyWithSecret extends ApiKeyInfo {
  readonly key: string
}

/** What a key is for: everything, one feed or feed group, or what one user may do. */
export type ApiKeyScope =
  | { readonly type: 'system'; readonly permissions?: readonly SystemKeyPermission[] | undefined }
  | {
      readonly type: 'feed'
      /** Exactly one of the two. */
      readonly feed?: string | null | undefined
      readonly feedGroup?: string | null | undefined
      /** Absent: all four. */
      readonly permissions?: readonly FeedKeyPermission[] | undefined
    }
  | {
      readonly type: 'personal'
      readonly user: string
      /** Whoever has the name must be this one: rights may be known from a second ago. */
      readonly userId?: number | undefined
      /** Absent: all that the user may do. */
      readonly permissions?: readonly FeedKeyPermission[] | undefined
    }

export interface ApiKeyLabel {
  readonly displayName?: string
  readonly description?: string
  /** A pattern of repository names that the key is kept to; null: none. */
  readonly repositories?: string | null
  readonly logging?: ApiKey['logging']
  /** Null: it does not expire. */
  readonly expires?: Date | null
  /** In place of `expires`: whole days, 1 to 36,500. */
  readonly expiresInDays?: number
}

export interface ApiKeyChanges extends Omit<ApiKeyLabel, 'expiresInDays'> {
  readonly permissions?: readonly KeyPermission[]
  readonly enabled?: boolean
  /** Whether an administrator does it, who alone switches on what one switched off; absent: no. */
  readonly asAdministrator?: boolean
}

interface KeyDeps {
  readonly db: Db
  readonly by: Actor
}

const hourMs = 60 * 60 * 1000
const dayMs = 24 * hourMs
const maxDays = 36_500
/** How long the former secret of a key may stay good. */
export const maxOverlapHours = 30 * 24

/**
 * Makes a key. It is shown this once: the database keeps its SHA-256. Throws INVALID_FIELDS naming
 * what is not there, a scope or permissions that contradict themselves, an impossible lifetime, and
 * a label that is too long or has control characters (it appears in logs).
 */
export async function createApiKey(
  { db, by }: KeyDeps,
  scope: ApiKeyScope,
  label: ApiKeyLabel = {},
): Promise<ApiKeyWithSecret> {
  const key = generateOpaqueSecret('ent_')
  const permissions = parsePermissions(scope)
  const { displayName = '', description = '', repositories, logging = 'none' } = label
  const id = await db.write(insertApiKey, {
    scope: parseScope(scope),
    permissions,
    repositories: parsePattern(repositories),
    displayName: checkText('displayName', displayName, 200),
    description: checkText('description', description, 2000),
    logging,
    secretHash: hashApiKey(key) ?? '',
    expires: parseExpiry(label),
    by,
  })
  return { ...(await getApiKey({ db }, id)), key }
}

/** The keys that were not revoked, expired ones too, by number; `userId`: those of one user. */
export async function listApiKeys(
  { db }: { readonly db: Db },
  page: { readonly after?: number; readonly count: number; readonly userId?: number },
): Promise<Paged<ApiKeyInfo, number>> {
  const { after = 0, count, userId = null } = page
  const found = await listStoredApiKeys(db.read, { after, count: count + 1, userId })
  return cutAt(found.map(describe), count, ({ id }) => id)
}

/** Throws NOT_FOUND, naming it. */
export async function getApiKey({ db }: { readonly db: Db }, id: number): Promise<ApiKeyInfo> {
  const key = await findListedApiKey(db.read, id)
  if (key) return describe(key)
  throw new RegistryError('NOT_FOUND', `There is no API key ${id}.`)
}

/**
 * Changes what is named, and nothing else. Throws NOT_FOUND, INVALID_FIELDS as `createApiKey`, and
 * DENIED for a user who switches on what an administrator switched off.
 */
export async function updateApiKey(
  { db, by }: KeyDeps,
  id: number,
  changes: ApiKeyChanges,
): Promise<ApiKeyInfo> {
  const { displayName, description, permissions, repositories, expires, logging, enabled } = changes
  const { asAdministrator = false } = changes
  const change: ApiKeyChange = {
    id,
    ...(displayName !== undefined && {
      displayName: checkText('displayName', displayName, 200),
    }),
    ...(description !== undefined && {
      description: checkText('description', description, 2000),
    }),
    ...(permissions && { permissions: [...new Set(permissions)] }),
    ...(repositories !== undefined && { repositories: parsePattern(repositories) }),
    ...(expires !== undefined && { expiresAt: expires === null ? null : timeOf(expires) }),
    ...(logging !== undefined && { logging }),
    ...(enabled !== undefined && { enabled }),
    asAdministrator,
    by,
  }
  await db.write(updateRow, change)
  return await getApiKey({ db }, id)
}

/**
 * A new secret, shown this once; the former one stays good for so many hours, a whole number up to
 * 720. Throws NOT_FOUND.
 */
export async function rotateApiKey(
  { db, by }: KeyDeps,
  id: number,
  { overlapHours = 24 }: { readonly overlapHours?: number } = {},
): Promise<ApiKeyWithSecret> {
  if (!Number.isInteger(overlapHours) || overlapHours < 0 || overlapHours > maxOverlapHours) {
    refuseField('overlapHours', `Both secrets are good for 0 to ${maxOverlapHours} whole hours.`)
  }
  const key = generateOpaqueSecret('ent_')
  const secretHash = hashApiKey(key) ?? ''
  await db.write(rotateRow, { id, secretHash, overlapMs: overlapHours * hourMs, by })
  return { ...(await getApiKey({ db }, id)), key }
}

/** Whether there was such a key. Everywhere it is out within a second. */
export async function revokeApiKey({ db, by }: KeyDeps, id: number): Promise<boolean> {
  return await db.write(deactivateApiKey, { id, by })
}

/** What the key was used for, the newest first, where its `logging` says so. */
export async function listApiKeyRequests(
  { db }: { readonly db: Db },
  id: number,
  { after = null, count }: { readonly after?: number | null; readonly count: number },
): Promise<Paged<ApiKeyRequest, number>> {
  const found = await listRequests(db.read, { keyId: id, before: after, count: count + 1 })
  return cutAt(found, count, (request) => request.id)
}

/** The stored form of a key; undefined for what cannot be one. */
export function hashApiKey(key: string): string | undefined {
  return hashOpaqueSecret('ent_', key)
}

function parsePermissions(scope: ApiKeyScope): readonly KeyPermission[] {
  const { type } = scope
  const all: readonly KeyPermission[] =
    type === 'system' ? ['full-control'] : permissionsOfType(type)
  if (type === 'personal' && scope.permissions === undefined) return []
  const wanted = scope.permissions ?? all
  checkPermissions(type, wanted)
  return permissionsOfType(type).filter((name) => wanted.includes(name))
}

function parseScope(scope: ApiKeyScope): NamedKeyScope {
  if (scope.type === 'system') return { type: scope.type }
  if (scope.type === 'personal') {
    return { type: scope.type, user: accessName(scope.user), userId: scope.userId ?? null }
  }
  const { type, feed, feedGroup } = scope
  if (feed != null && feedGroup != null) {
    refuseField('feedGroup', 'A key is for a registry or a feed group, not for both.')
  }
  if (feed != null) return { type, feed: accessName(feed) }
  if (feedGroup != null) return { type, feedGroup: accessName(feedGroup) }
  return refuseField('feed', 'Name the registry or the feed group that the key is for.')
}

function parsePattern(text: string | null | undefined): string | null {
  return text == null ? null : parseField('repositories', () => parseRepositoryPattern(text))
}

function checkText(field: string, text: string, maxLength: number): string {
  if (text.length <= maxLength && !/[\p{Cc}\p{Cs}]/u.test(text)) return text
  refuseField(field, `It has at most ${maxLength} characters, none of them a control character.`)
}

function parseExpiry({ expires, expiresInDays: days }: ApiKeyLabel) {
  if (expires != null) return { at: timeOf(expires) }
  if (days === undefined) return null
  if (Number.isInteger(days) && days >= 1 && days <= maxDays) return { afterMs: days * dayMs }
  return refuseField('expiration', `A key expires in 1 to ${maxDays} whole days, or never.`)
}

function timeOf(expires: Date): number {
  const at = expires.getTime()
  // To the year 9999: farther off nobody means it, and not every client can read it.
  if (at > 0 && at < 253_402_300_800_000) return at
  refuseField('expiration', 'It is no date, or too far off.')
}

function describe(key: ListedApiKey): ApiKeyInfo {
  return {
    id: key.id,
    type: key.type,
    displayName: key.displayName,
    description: key.description,
    permissions: key.permissions,
    repositories: key.repositories,
    logging: key.logging,
    enabled: key.enabled,
    createdBy: key.createdBy,
    lastUsedAddress: key.lastUsedAddress,
    userId: key.userId,
    feed: key.feedName,
    feedGroup: key.feedGroupName,
    user: key.userName,
    expires: dateOf(key.expiresAt),
    secondExpires: dateOf(key.secondExpiresAt),
    created: new Date(key.createdAt),
    lastUsed: dateOf(key.lastUsedAt),
  }
}

function dateOf(at: number | null): Date | null {
  return at === null ? null : new Date(at)
}
