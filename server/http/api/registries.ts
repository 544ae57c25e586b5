import type { RegistryOverview, registries as routes } from '../../../contract/registries.ts'
import { listFeedGroups } from '../../auth/feed-groups.ts'
import { may, mayInAll, type Principal } from '../../domain/permission.ts'
import { type Feed, findFeed, listFeeds, subjectOf } from '../../registry/feeds.ts'
import { summarizeFeedPulls } from '../../registry/registry-counts.ts'
import { findFeedSize } from '../../registry/sizes.ts'
import type { Call, Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'
import { canSee, loginNeeded, unknownFeed } from './need.ts'
import { pageOf, pageOfAll, sendPage } from './pages.ts'
import { isoOf, isoOrNull } from './place.ts'
import { quotaOf } from './quotas.ts'

export function registryHandlers(deps: ApiDeps): Handlers<typeof routes> {
  const { db } = deps
  return {
    async list({ query }, call) {
      const visible = (await listFeeds(db)).filter((feed) => canSee(call.principal, feed))
      if (visible.length === 0 && call.principal.kind === 'anonymous') throw loginNeeded()
      const page = pageOfAll(visible, pageOf(query))
      return sendPage(call, { ...page, items: await overviewsOf(deps, page.items, call) })
    },
    async get({ query }, call) {
      const feed = await findFeed(db, query.feed)
      const [overview] = feed === undefined ? [] : await overviewsOf(deps, [feed], call)
      if (overview === undefined) throw unknownFeed(query.feed)
      return overview
    },
  }
}

async function overviewsOf(
  deps: ApiDeps,
  feeds: readonly Feed[],
  call: Call,
): Promise<RegistryOverview[]> {
  const { db, principals } = deps
  const groups = new Map((await listFeedGroups({ db })).map(({ id, name }) => [id, name]))
  const anonymous = await principals.getAnonymous()
  const found: RegistryOverview[] = []
  for (const feed of feeds) {
    const feedGroup = feed.feedGroupId === null ? null : (groups.get(feed.feedGroupId) ?? null)
    found.push({
      ...(await overviewOf(deps, feed, call)),
      feedGroup,
      public: isPublic(anonymous, feed),
    })
  }
  return found
}

async function overviewOf(
  { db, registryCounting, sizeFolding, now }: ApiDeps,
  feed: Feed,
  { principal, caller }: Call,
): Promise<Omit<RegistryOverview, 'feedGroup' | 'public'>> {
  const partly = !mayInAll(principal, 'Feeds_ViewFeed', subjectOf(feed))
  const mayView = partly ? viewOf(principal, feed) : null
  const { repositories, tags, manifests, lastPush } = await registryCounting.count(feed.id, mayView)
  // Pulls and sizes are of the whole: who may view a part hears nothing of the rest.
  const pulls = partly ? null : await summarizeFeedPulls(db, feed.id, now())
  await sizeFolding.freshen()
  const sizes = partly ? null : await findFeedSize({ db }, feed.id)
  return {
    name: feed.name,
    description: feed.description,
    active: feed.active,
    imagePrefix: `${caller.service}/${feed.key}/`,
    ...{ repositories, tags, images: manifests },
    lastPush: lastPush && { at: isoOf(lastPush.at), by: lastPush.by },
    pulls: {
      total: pulls?.total ?? 0,
      last30Days: pulls?.last30Days ?? 0,
      last: isoOrNull(pulls?.lastAt ?? null),
    },
    sizes,
    quota: quotaOf(feed.quotaBytes, sizes),
    daily: [...(pulls?.daily ?? Array.from({ length: 30 }, () => 0))],
    partly,
    canPublish: may(principal, 'Feeds_AddPackage', subjectOf(feed)),
    canManage: may(principal, 'Admin_ManageFeed', subjectOf(feed)),
  }
}

export function viewOf(principal: Principal, feed: Feed): (repository: string) => boolean {
  return (repository) => may(principal, 'Feeds_ViewFeed', subjectOf(feed, repository))
}

function isPublic(anonymous: Principal, feed: Feed): boolean {
  return (
    feed.active &&
    mayInAll(anonymous, 'Feeds_ViewFeed', subjectOf(feed)) &&
    mayInAll(anonymous, 'Feeds_DownloadPackage', subjectOf(feed))
  )
}
