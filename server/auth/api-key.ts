import {
  deactivateApiKey,
  type FeedKeyPermission,
  feedKeyPermissions,
  insertApiKey,
  listStoredApiKeys,
} from '../db/api-keys.ts'
import type { Db } from '../db/database.ts'
import { RegistryError } from '../domain/errors.ts'
import type { FeedAttribute, Grant } from '../domain/permission.ts'
import { generateOpaqueSecret, hashOpaqueSecret } from './opaque-secret.ts'

export type { FeedKeyPermission } from '../db/api-keys.ts'

/** A key as lists show it: never its secret. */
export interface ApiKeyInfo {
  readonly id: number
  readonly type: 'system' | 'feed'
  readonly displayName: string
  readonly description: string
  /** The feed's name; null for a `system` key. */
  readonly feed: string | null
  readonly permissions: readonly (FeedKeyPermission | 'full-control')[]
  /** Null: never. */
  readonly expires: Date | null
  readonly created: Date
}

/** Everything everywhere, or a choice of permissions in one feed. */
export type ApiKeyScope =
  | { readonly type: 'system' }
  | {
      readonly type: 'feed'
      readonly feed: string
      readonly permissions: readonly FeedKeyPermission[]
    }

export interface ApiKeyLabel {
  readonly displayName?: string
  readonly description?: string
  /** Whole days, 1 to 36,500; absent: the key does not expire. */
  readonly expiresInDays?: number
}

const dayMs = 24 * 60 * 60 * 1000
const maxDays = 36_500

const attributes: Readonly<Record<FeedKeyPermission, readonly FeedAttribute[]>> = {
  view: ['Feeds_ViewFeed', 'Feeds_DownloadPackage'],
  add: ['Feeds_AddPackage'],
  promote: ['Feeds_AcceptPackagePromotions'],
  delete: ['Feeds_OverwritePackage', 'Feeds_DeletePackage'],
}

/**
 * Makes a key. It is shown this once: the database keeps its SHA-256. Throws NOT_FOUND if there is
 * no such feed, REQUEST_INVALID if it would have no permission, an impossible lifetime or a label
 * that is too long or has control characters (it appears in logs).
 */
export async function createApiKey(
  { db }: { readonly db: Db },
  scope: ApiKeyScope,
  label: ApiKeyLabel = {},
): Promise<{ readonly id: number; readonly key: string }> {
  const key = generateOpaqueSecret('ent_')
  const id = await db.write(insertApiKey, {
    scope: storedScope(scope),
    displayName: checkText('display name', label.displayName ?? '', 200),
    description: checkText('description', label.description ?? '', 2000),
    secretHash: hashApiKey(key) ?? '',
    lifetimeMs: lifetimeMs(label.expiresInDays),
  })
  return { id, key }
}

/** The keys that were not revoked, expired ones too, the oldest first. */
export async function listApiKeys({ db }: { readonly db: Db }): Promise<readonly ApiKeyInfo[]> {
  const keys = await listStoredApiKeys(db.read)
  return keys.map((key) => ({
    id: key.id,
    type: key.type,
    displayName: key.displayName,
    description: key.description,
    feed: key.feedName,
    permissions: key.type === 'system' ? ['full-control'] : key.permissions,
    expires: key.expiresAt === null ? null : new Date(key.expiresAt),
    created: new Date(key.createdAt),
  }))
}

/** Whether there was such a key. Everywhere it is out within a second. */
export async function revokeApiKey({ db }: { readonly db: Db }, id: number): Promise<boolean> {
  return await db.write(deactivateApiKey, { id })
}

/** The stored form of a key; undefined for what cannot be one. */
export function hashApiKey(key: string): string | undefined {
  return hashOpaqueSecret('ent_', key)
}

/** What a key may do, in the words of permissions. */
export function grantsOfApiKey(key: {
  readonly type: 'system' | 'feed'
  readonly feedId: number | null
  readonly permissions: readonly FeedKeyPermission[]
}): readonly Grant[] {
  if (key.type === 'system') return [{ attributes: 'all', feedId: null }]
  // A grant without a feed would count in all of them.
  if (key.feedId === null) return []
  return [{ attributes: key.permissions.flatMap((name) => attributes[name]), feedId: key.feedId }]
}

function storedScope(scope: ApiKeyScope) {
  if (scope.type === 'system') return scope
  const permissions = feedKeyPermissions.filter((name) => scope.permissions.includes(name))
  if (permissions.length === 0) {
    throw new RegistryError(
      'REQUEST_INVALID',
      `A registry's API key needs at least one of the permissions ${feedKeyPermissions.join(', ')}.`,
    )
  }
  return { type: scope.type, feedKey: scope.feed.toLowerCase(), permissions }
}

function checkText(what: string, text: string, maxLength: number): string {
  if (text.length <= maxLength && !/[\p{Cc}\p{Cs}]/u.test(text)) return text
  throw new RegistryError(
    'REQUEST_INVALID',
    `The ${what} of an API key has at most ${maxLength} characters, none of them a control character.`,
  )
}

function lifetimeMs(days: number | undefined): number | null {
  if (days === undefined) return null
  if (!Number.isInteger(days) || days < 1 || days > maxDays) {
    throw new RegistryError(
      'REQUEST_INVALID',
      `An API key expires in 1 to ${maxDays} whole days, or never.`,
    )
  }
  return days * dayMs
}
