import type { apiKeys as routes, ApiKeyInfo as Shown } from '../../../contract/api-keys.ts'
import {
  type ApiKeyInfo,
  type ApiKeyLabel,
  type ApiKeyScope,
  createApiKey,
  type FeedKeyPermission,
  listApiKeyRequests,
  listApiKeys,
  revokeApiKey,
  rotateApiKey,
  type SystemKeyPermission,
  updateApiKey,
} from '../../auth/api-key.ts'
import { refuseField } from '../../domain/errors.ts'
import { may, type Principal } from '../../domain/permission.ts'
import { userKey } from '../../domain/user-name.ts'
import type { Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'
import { pageOf, sendPage } from './pages.ts'

export function apiKeyHandlers({ db }: ApiDeps): Handlers<typeof routes> {
  return {
    async create({ body }, { by, principal }) {
      return show(await createApiKey({ db, by }, scopeOf(body, principal), labelOf(body)))
    },
    async list({ query }, call) {
      const { principal } = call
      const sees = may(principal, 'Admin_ConfigureProGet', null)
      // A key that is no administrator has no keys of its own.
      const userId = principal.kind === 'user' ? principal.id : 0
      const page = { ...pageOf(query), ...(!sees && { userId }) }
      const { items, next } = await listApiKeys({ db }, page)
      return sendPage(call, { items: items.map(show), next })
    },
    async update({ query, body }, { by, principal }) {
      const { systemApis, packagePermissions, enabled } = body
      const named = systemApis !== undefined || packagePermissions !== undefined
      return show(
        await updateApiKey({ db, by }, query.id, {
          ...labelOf(body),
          ...(named && { permissions: [...(systemApis ?? []), ...(packagePermissions ?? [])] }),
          ...(enabled !== undefined && { enabled }),
          asAdministrator: may(principal, 'Admin_ConfigureProGet', null),
        }),
      )
    },
    async rotate({ query }, { by }) {
      const { id, overlapHours } = query
      const overlap = overlapHours === undefined ? {} : { overlapHours }
      return show(await rotateApiKey({ db, by }, id, overlap))
    },
    async delete({ query }, { by }) {
      await revokeApiKey({ db, by }, query.id)
      return {}
    },
    async requests({ query }, call) {
      const { items, next } = await listApiKeyRequests({ db }, query.id, pageOf(query))
      const shown = items.map(({ at, ...rest }) => ({ ...rest, at: new Date(at).toISOString() }))
      return sendPage(call, { items: shown, next })
    },
  }
}

interface KeyFields {
  readonly type: 'system' | 'feed' | 'personal'
  readonly feed?: string | null | undefined
  readonly feedGroup?: string | null | undefined
  readonly user?: string | null | undefined
  readonly systemApis?: readonly SystemKeyPermission[] | undefined
  readonly packagePermissions?: readonly FeedKeyPermission[] | undefined
}

function scopeOf(fields: KeyFields, principal: Principal): ApiKeyScope {
  const { type, feed, feedGroup, user, systemApis, packagePermissions } = fields
  const given = { systemApis, packagePermissions, feed, feedGroup, user }
  refuseOthers(type, given)
  switch (type) {
    case 'system':
      return { type, permissions: systemApis }
    case 'feed':
      return { type, feed, feedGroup, permissions: packagePermissions }
    case 'personal': {
      const owner = user ?? principal.name
      const isOwn = principal.kind === 'user' && userKey(owner) === userKey(principal.name)
      const userId = isOwn ? principal.id : undefined
      return { type, user: owner, userId, permissions: packagePermissions }
    }
  }
}

const fieldsOfType = {
  system: ['systemApis'],
  feed: ['packagePermissions', 'feed', 'feedGroup'],
  personal: ['packagePermissions', 'user'],
} as const

/** What would mean nothing is refused: who sends it believes that it does. */
function refuseOthers(type: KeyFields['type'], given: Readonly<Record<string, unknown>>): void {
  const own: readonly string[] = fieldsOfType[type]
  for (const [field, value] of Object.entries(given)) {
    const isEmpty = value == null || (Array.isArray(value) && value.length === 0)
    if (!isEmpty && !own.includes(field)) refuseField(field, `A ${type} key has no ${field}.`)
  }
}

function labelOf(fields: {
  readonly displayName?: string | undefined
  readonly description?: string | undefined
  readonly repositories?: string | null | undefined
  readonly expiration?: string | null | undefined
  readonly logging?: ApiKeyInfo['logging'] | undefined
}): ApiKeyLabel {
  const { displayName, description, repositories, expiration, logging } = fields
  return {
    ...(displayName !== undefined && { displayName }),
    ...(description !== undefined && { description }),
    ...(repositories !== undefined && { repositories }),
    ...(expiration !== undefined && {
      expires: expiration === null ? null : new Date(expiration),
    }),
    ...(logging !== undefined && { logging }),
  }
}

/** In ProGet's words; the key itself only where it was just made. */
function show(info: ApiKeyInfo & { readonly key?: string }): Shown {
  const { permissions } = info
  return {
    id: info.id,
    type: info.type,
    key: info.key ?? null,
    displayName: info.displayName,
    description: info.description,
    systemApis: permissions.filter((name) => name === 'full-control' || name === 'feeds'),
    packagePermissions: permissions.filter((name) => name !== 'full-control' && name !== 'feeds'),
    feed: info.feed,
    feedGroup: info.feedGroup,
    repositories: info.repositories,
    user: info.user,
    expiration: info.expires?.toISOString() ?? null,
    logging: info.logging,
    enabled: info.enabled,
    created: info.created.toISOString(),
    createdBy: info.createdBy,
    lastUsed: info.lastUsed?.toISOString() ?? null,
    lastUsedAddress: info.lastUsedAddress,
    secondKeyExpires: info.secondExpires?.toISOString() ?? null,
  }
}
