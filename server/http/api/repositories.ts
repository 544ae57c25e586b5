import type {
  RepositoryDetails,
  RepositoryInfo,
  repositories as routes,
} from '../../../contract/repositories.ts'
import { listRepositoryPulls } from '../../db/pulls.ts'
import { countUploads, findRepositoryRow, type RepositoryRow } from '../../db/repository-pages.ts'
import { may, mayInAll } from '../../domain/permission.ts'
import { deleteRepository } from '../../jobs/jobs.ts'
import { type Feed, findFeed, subjectOf } from '../../registry/feeds.ts'
import { measureRepository } from '../../registry/freed-bytes.ts'
import type { ImageTarget } from '../../registry/image-details.ts'
import { setRepositoryQuota } from '../../registry/quotas.ts'
import { summarizePulls } from '../../registry/registry-counts.ts'
import { lastOldDay, pageRepositories } from '../../registry/repositories.ts'
import type { Call, Handlers } from './call.ts'
import { mayMeasure } from './deletions.ts'
import type { ApiDeps } from './deps.ts'
import { unknownFeed, unknownRepository } from './need.ts'
import { pageOf, sendPage } from './pages.ts'
import { getPlace, isoOf, isoOrNull } from './place.ts'
import { quotaOf } from './quotas.ts'
import { viewOf } from './registries.ts'

export function repositoryHandlers(deps: ApiDeps): Handlers<typeof routes> {
  const { db, now, sizeFolding } = deps
  return {
    async list({ query }, call) {
      const feed = await findFeed(db, query.feed)
      if (feed === undefined) throw unknownFeed(query.feed)
      const { sort = 'name', order = sort === 'name' ? 'asc' : 'desc' } = query
      const { after, count } = pageOf(query)
      await sizeFolding.freshen()
      const seesAll = mayInAll(call.principal, 'Feeds_ViewFeed', subjectOf(feed))
      const { items, next } = await pageRepositories(deps, {
        ...{ feed, sort, count, now: now(), desc: order === 'desc', after: after ?? null },
        search:
          query.search === undefined || query.search === '' ? null : query.search.toLowerCase(),
        mayView: seesAll ? null : viewOf(call.principal, feed),
      })
      return sendPage(call, { items: items.map((row) => infoOf(feed, row)), next })
    },
    async get({ query }, call) {
      return await detailsOf(deps, await getPlace(deps, query), call)
    },
    async update({ query, body }, call) {
      const place = await getPlace(deps, query)
      const { quotaBytes } = body
      if (quotaBytes !== undefined)
        await setRepositoryQuota({ db, by: call.by }, { ...place, quotaBytes })
      return await detailsOf(deps, place, call)
    },
    async previewDelete({ query }, { principal }) {
      const place = await getPlace(deps, query)
      const freedBytes = mayMeasure(principal)
        ? await measureRepository({ db }, place.repositoryId)
        : null
      return { ...(await previewOf(deps, place)), freedBytes }
    },
    async delete({ query }, { by }) {
      const place = await getPlace(deps, query)
      const preview = await previewOf(deps, place)
      const { tags, manifests, run } = await deleteRepository({ db, by }, place)
      deps.wakeJobs()
      return { ...preview, tags, images: manifests, run }
    },
  }
}

async function detailsOf(
  deps: ApiDeps,
  place: ImageTarget,
  { principal, caller }: Call,
): Promise<RepositoryDetails> {
  const { db, now, sizeFolding } = deps
  const { feed, repository, repositoryId } = place
  await sizeFolding.freshen()
  const row = await getRow(deps, place)
  const days = await listRepositoryPulls(db.read, { repositoryId, since: lastOldDay(now()) })
  const subject = subjectOf(feed, repository)
  return {
    ...infoOf(feed, row),
    imageName: `${caller.service}/${feed.key}/${repository}`,
    daily: [...summarizePulls(days, now()).daily],
    canPush: may(principal, 'Feeds_AddPackage', subject),
    canOverwrite: may(principal, 'Feeds_OverwritePackage', subject),
    canDelete: may(principal, 'Feeds_DeletePackage', subject),
    canManage: may(principal, 'Admin_ManageFeed', subjectOf(feed)),
    ownQuotaBytes: row.quotaBytes,
  }
}

async function getRow({ db, now }: ApiDeps, { feed, repository }: ImageTarget) {
  const key = { feedId: feed.id, name: repository, since: lastOldDay(now()) }
  const row = await findRepositoryRow(db.read, key)
  if (row === undefined) throw unknownRepository(feed.name, repository)
  return row
}

async function previewOf(deps: ApiDeps, place: ImageTarget) {
  const info = infoOf(place.feed, await getRow(deps, place))
  const { feed, name, tags, images, lastPush, pulls } = info
  const uploads = await countUploads(deps.db.read, place.repositoryId)
  return { feed, name, tags, images, uploads, lastPush, lastPulled: pulls.last }
}

function infoOf(feed: Feed, row: RepositoryRow): RepositoryInfo {
  const sizes = {
    manifestBytes: row.manifestBytes ?? 0,
    logicalBytes: row.logicalBytes ?? 0,
    deduplicatedBytes: row.blobBytes ?? 0,
  }
  return {
    feed: feed.name,
    name: row.name,
    tags: row.tags,
    images: row.manifests,
    created: isoOf(row.createdAt),
    lastPush: row.lastPushedAt === 0 ? null : { at: isoOf(row.lastPushedAt), by: row.lastPushedBy },
    pulls: {
      total: row.pulls ?? 0,
      last30Days: row.recentPulls,
      last: isoOrNull(row.lastPulledAt),
    },
    sizes,
    quota: quotaOf(row.quotaBytes ?? feed.repositoryQuotaBytes, sizes),
  }
}
