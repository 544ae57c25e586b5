import type { FeedInfo, feeds as routes } from '../../../contract/feeds.ts'
import { listFeedGroups } from '../../auth/feed-groups.ts'
import { isRefusal, parseField } from '../../domain/errors.ts'
import { may } from '../../domain/permission.ts'
import { parseFeedName } from '../../domain/reference.ts'
import {
  changeConnectedFeed,
  createConnectedFeed,
} from '../../registry/connectors/connected-feeds.ts'
import { listConnectorNames } from '../../registry/connectors/connectors.ts'
import type { FeedChanges } from '../../registry/feed-changes.ts'
import {
  changeFeed,
  deleteFeed,
  type Feed,
  getFeed,
  listFeeds,
  subjectOf,
} from '../../registry/feeds.ts'
import type { Call, Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'
import { canSee, demandAt, demandServer, findFeedGroupId, loginNeeded } from './need.ts'
import { pageOf, pageOfAll, sendPage } from './pages.ts'

/** What a request may say of a feed. */
interface FeedFields {
  readonly name?: string | undefined
  readonly alternateNames?: readonly string[] | null | undefined
  readonly description?: string | null | undefined
  readonly active?: boolean | undefined
  readonly feedGroup?: string | null | undefined
  readonly tagDeletion?: boolean | undefined
  readonly overwrite?: FeedInfo['overwrite'] | undefined
  readonly sparseIndexes?: boolean | undefined
  readonly externalLayers?: boolean | undefined
  readonly connectors?: readonly string[] | undefined
  readonly cacheConnectors?: boolean | undefined
  readonly mirrorOf?: string | null | undefined
  readonly defaultMirror?: boolean | undefined
  readonly quotaBytes?: number | null | undefined
  readonly repositoryQuotaBytes?: number | null | undefined
}

export function feedHandlers(deps: ApiDeps): Handlers<typeof routes> {
  const { db, defaultStoreId: storeId } = deps
  const show = async (feed: Feed, call: Call) => (await infosOf(deps, [feed], call))[0] ?? never()
  return {
    async create({ body }, call) {
      checkServerWide(body, undefined, call)
      const { name, alternateNames, description, feedGroup, ...rest } = changesOf(body)
      const feed = await createConnectedFeed(
        { ...connecting(deps, call), storeId },
        {
          name: name ?? '',
          ...(alternateNames && { alternateNames }),
          ...(description !== undefined && { description }),
          ...(feedGroup !== undefined && { feedGroup }),
        },
        { changes: rest, connectors: body.connectors ?? [] },
      )
      return await show(feed, call)
    },
    async get({ params }, call) {
      return await show(await getFeed(db, params.name), call)
    },
    async list({ query }, call) {
      const visible = (await listFeeds(db)).filter((feed) => canSee(call.principal, feed))
      if (visible.length === 0 && call.principal.kind === 'anonymous') throw loginNeeded()
      const page = pageOfAll(visible, pageOf(query))
      return sendPage(call, { ...page, items: await infosOf(deps, page.items, call) })
    },
    async update({ params, body }, call) {
      const changes = changesOf(body)
      if (changes.feedGroup !== undefined) await checkFeedGroup(deps, params.name, changes, call)
      const [before] = await infosOf(deps, [await getFeed(db, params.name)], call)
      checkServerWide(body, before, call)
      const { connectors } = body
      if (connectors === undefined || isSame(connectors, before?.connectors)) {
        return await show(await changeFeed({ db, ...actorOf(call) }, params.name, changes), call)
      }
      const both = { changes, connectors }
      return await show(await changeConnectedFeed(connecting(deps, call), params.name, both), call)
    },
    async delete({ params }, call) {
      await deleteFeed({ db, ...actorOf(call) }, params.name).catch((error: unknown) => {
        if (!isRefusal(error, 'NAME_UNKNOWN')) throw error
      })
      return {}
    },
  }
}

/** Null empties what can be empty. Throws INVALID_FIELDS for names that no feed can have. */
function changesOf(fields: FeedFields): FeedChanges {
  const { name, alternateNames, description, ...rest } = fields
  const { active, feedGroup, tagDeletion, overwrite, sparseIndexes, externalLayers } = rest
  const { cacheConnectors, mirrorOf, defaultMirror, quotaBytes, repositoryQuotaBytes } = rest
  if (name !== undefined) parseField('name', () => parseFeedName(name))
  for (const each of alternateNames ?? []) parseField('alternateNames', () => parseFeedName(each))
  return {
    ...given({ name, active, feedGroup, tagDeletion, overwrite, sparseIndexes }),
    ...given({ externalLayers, cacheConnectors, mirrorOf, defaultMirror }),
    ...given({ quotaBytes, repositoryQuotaBytes }),
    ...(alternateNames !== undefined && { alternateNames: alternateNames ?? [] }),
    ...(description !== undefined && { description: description ?? '' }),
  }
}

/** Without what is undefined. */
function given<T extends object>(fields: T) {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> }
}

/**
 * What a connector's credentials open, what clients of the whole server are answered with, and how
 * much of the server's room a registry may take, is no affair of one registry's managers.
 */
function checkServerWide(
  fields: FeedFields,
  before: FeedInfo | undefined,
  { principal }: Call,
): void {
  const { connectors, mirrorOf, defaultMirror, quotaBytes } = fields
  const isChanged =
    !isSame(connectors ?? before?.connectors, before?.connectors) ||
    (mirrorOf !== undefined && (mirrorOf || null) !== (before?.mirrorOf ?? null)) ||
    (defaultMirror !== undefined && defaultMirror !== (before?.defaultMirror ?? false)) ||
    (quotaBytes !== undefined && quotaBytes !== (before?.quotaBytes ?? null))
  if (isChanged) demandServer(principal, 'Admin_ConfigureProGet')
}

function isSame(some: readonly string[] = [], others: readonly string[] = []): boolean {
  return JSON.stringify(some) === JSON.stringify(others)
}

function connecting({ db, through }: ApiDeps, { by }: Call) {
  return { db, connectors: through.connectors, by }
}

/** What is given and taken away for a group goes with its feeds: both ends need its manager. */
async function checkFeedGroup(
  { db }: ApiDeps,
  name: string,
  { feedGroup }: FeedChanges,
  { principal }: Call,
): Promise<void> {
  const feed = await getFeed(db, name)
  const target = feedGroup == null ? null : ((await findFeedGroupId({ db }, feedGroup)) ?? null)
  if (target === feed.feedGroupId) return
  for (const feedGroupId of [feed.feedGroupId, target]) {
    demandAt(principal, 'Admin_ManageFeed', { feedId: 0, feedGroupId })
  }
}

async function infosOf(
  { db }: ApiDeps,
  feeds: readonly Feed[],
  { principal, caller }: Call,
): Promise<FeedInfo[]> {
  const connectors = await listConnectorNames({ db })
  const groups = new Map((await listFeedGroups({ db })).map(({ id, name }) => [id, name]))
  return feeds.map((feed) => ({
    name: feed.name,
    alternateNames: [...feed.alternateNames],
    feedType: 'docker',
    description: feed.description,
    active: feed.active,
    feedGroup: feed.feedGroupId === null ? null : (groups.get(feed.feedGroupId) ?? null),
    endpointUrl: `${caller.baseUrl}/${feed.key}`,
    tagDeletion: feed.tagDeletion,
    overwrite: feed.overwrite,
    sparseIndexes: feed.sparseIndexes,
    externalLayers: feed.externalLayers,
    connectors: connectors.get(feed.id) ?? [],
    cacheConnectors: feed.cacheConnectors,
    mirrorOf: feed.mirrorOf,
    defaultMirror: feed.defaultMirror,
    quotaBytes: feed.quotaBytes,
    repositoryQuotaBytes: feed.repositoryQuotaBytes,
    canPublish: may(principal, 'Feeds_AddPackage', subjectOf(feed)),
  }))
}

function actorOf({ by }: Call) {
  return { by: by.name, address: by.address }
}

function never(): never {
  throw new Error('A feed has one description.')
}
