import type { FeedInfo, feeds as routes } from '../../../contract/feeds.ts'
import { listFeedGroups } from '../../auth/feed-groups.ts'
import { isRefusal, parseField } from '../../domain/errors.ts'
import { may } from '../../domain/permission.ts'
import { parseFeedName } from '../../domain/reference.ts'
import {
  changeFeed,
  createFeed,
  deleteFeed,
  type Feed,
  type FeedChanges,
  getFeed,
  listFeeds,
  subjectOf,
} from '../../registry/feeds.ts'
import type { Call, Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'
import { canSee, demandAt, findFeedGroupId, loginNeeded } from './need.ts'
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
}

export function feedHandlers(deps: ApiDeps): Handlers<typeof routes> {
  const { db, defaultStoreId: storeId } = deps
  const show = async (feed: Feed, call: Call) => (await infosOf(deps, [feed], call))[0] ?? never()
  return {
    async create({ body }, call) {
      const { name, alternateNames, description, feedGroup, ...rest } = changesOf(body)
      const feed = await createFeed(
        { db, storeId, ...actorOf(call) },
        {
          name: name ?? '',
          ...(alternateNames && { alternateNames }),
          ...(description !== undefined && { description }),
          ...(feedGroup !== undefined && { feedGroup }),
        },
      )
      if (Object.keys(rest).length === 0) return await show(feed, call)
      return await show(await changeFeed({ db, ...actorOf(call) }, feed.name, rest), call)
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
      return await show(await changeFeed({ db, ...actorOf(call) }, params.name, changes), call)
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
  const { name, alternateNames, description, active, feedGroup } = fields
  const { tagDeletion, overwrite, sparseIndexes, externalLayers } = fields
  if (name !== undefined) parseField('name', () => parseFeedName(name))
  for (const each of alternateNames ?? []) parseField('alternateNames', () => parseFeedName(each))
  return {
    ...(name !== undefined && { name }),
    ...(alternateNames !== undefined && { alternateNames: alternateNames ?? [] }),
    ...(description !== undefined && { description: description ?? '' }),
    ...(active !== undefined && { active }),
    ...(feedGroup !== undefined && { feedGroup }),
    ...(tagDeletion !== undefined && { tagDeletion }),
    ...(overwrite !== undefined && { overwrite }),
    ...(sparseIndexes !== undefined && { sparseIndexes }),
    ...(externalLayers !== undefined && { externalLayers }),
  }
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
    canPublish: may(principal, 'Feeds_AddPackage', subjectOf(feed)),
  }))
}

function actorOf({ by }: Call) {
  return { by: by.name, address: by.address }
}

function never(): never {
  throw new Error('A feed has one description.')
}
