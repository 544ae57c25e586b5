import type { ImageDetails, images as routes } from '../../../contract/images.ts'
import { findCheckedTag, findImageOrigin, listTagOrigins } from '../../db/cached-content.ts'
import {
  countParents,
  findManifestAhead,
  type ImageRow,
  listUntagged,
} from '../../db/image-queries.ts'
import { deleteManifest } from '../../db/manifest-deletion.ts'
import { parseDigest } from '../../domain/digest.ts'
import { may, type Principal } from '../../domain/permission.ts'
import type { Reference } from '../../domain/reference.ts'
import { compareImages } from '../../registry/comparison.ts'
import { type Feed, listFeeds, subjectOf } from '../../registry/feeds.ts'
import { describeImage, openImage, unknownImage } from '../../registry/image-details.ts'
import { examineAndFind } from '../../registry/image-facts.ts'
import { walk } from '../../registry/walk.ts'
import { cachedFromOf } from './cached-from.ts'
import type { Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'
import { imageHistory, listReferrerInfos } from './image-lists.ts'
import { detailsOf, openedFacts, untaggedOf } from './image-shapes.ts'
import { pageOf, sendPage } from './pages.ts'
import { getPlace, isoOf, numberAfter, referenceOf } from './place.ts'

export function imageHandlers(deps: ApiDeps): Handlers<typeof routes> {
  const { db, settings } = deps
  return {
    async get({ query }, { principal, caller }) {
      const place = await getPlace(deps, query)
      const { feed, repository } = place
      const reference = referenceOf('digest', query.digest)
      const image = await openImage(deps, place, reference)
      const nameOf = namesFor(principal, await listFeeds(db))
      return {
        ...detailsOf(await describeImage(deps, { ...place, nameOf }, image)),
        ...{ feed: feed.name, repository },
        imageName: `${caller.service}/${feed.key}/${repository}`,
        tag: reference.kind === 'tag' ? reference.tag : null,
        cachedFrom: await findImageCache(deps, place, { row: image.row, reference }),
      }
    },
    async untagged({ query }, call) {
      const { repositoryId } = await getPlace(deps, query)
      const { count } = pageOf(query)
      const { items, next } = await pageUntagged(deps, {
        ...{ repositoryId, count, before: numberAfter(query.after) },
      })
      return sendPage(call, { items, next })
    },
    async referrers({ query }, call) {
      const place = await getPlace(deps, query)
      const { after = '', count } = pageOf(query)
      const { items, next } = await listReferrerInfos(deps, place, {
        ...{ subject: parseDigest(query.digest), artifactType: query.artifactType ?? null },
        ...{ after, count },
      })
      return sendPage(call, { items: [...items], next })
    },
    async history({ query }, call) {
      const place = await getPlace(deps, query)
      const { count } = pageOf(query)
      const page = { digest: query.digest, before: numberAfter(query.after), count }
      return sendPage(call, await imageHistory(deps, place, page))
    },
    async compare({ query }) {
      const place = await getPlace(deps, query)
      const { left, right, layers, ...rest } = await compareImages(deps, place, {
        left: referenceOf('left', query.left),
        right: referenceOf('right', query.right),
        platform: query.platform ?? null,
      })
      const bytesOf = (state: string) =>
        layers.reduce((sum, layer) => sum + (layer.state === state ? layer.sizeBytes : 0), 0)
      return {
        ...{ problem: rest.problem, config: [...rest.config] },
        ...{ labels: [...rest.labels], env: [...rest.env], layers: [...layers] },
        left: openedFacts(left),
        right: openedFacts(right),
        keptBytes: bytesOf('kept'),
        addedBytes: bytesOf('added'),
        removedBytes: bytesOf('removed'),
      }
    },
    async delete({ query }, { by }) {
      const place = await getPlace(deps, query)
      const digest = parseDigest(query.digest)
      const deleted = await db.write(deleteManifest, {
        ...{ repositoryId: place.repositoryId, digest, graceMs: settings.graceMs() },
        ...{ by: by.name, address: by.address, force: query.force === true },
      })
      if (deleted === undefined) throw unknownImage(place, { kind: 'digest', digest })
      return deleted
    },
  }
}

/** The name of the feed of a repository that the caller may pull from. */
function namesFor(principal: Principal, feeds: readonly Feed[]) {
  const byId = new Map(feeds.map((feed) => [feed.id, feed]))
  return (feedId: number, repository: string): string | undefined => {
    const feed = byId.get(feedId)
    if (!feed?.active) return undefined
    const subject = subjectOf(feed, repository)
    const isVisible =
      may(principal, 'Feeds_ViewFeed', subject) && may(principal, 'Feeds_DownloadPackage', subject)
    return isVisible ? feed.name : undefined
  }
}

const untaggedSteps = { size: 5000, maxSteps: 20 }

async function pageUntagged(
  deps: ApiDeps,
  page: { readonly repositoryId: number; readonly before: number | null; readonly count: number },
) {
  const { db } = deps
  const { repositoryId, before, count } = page
  const numberOf = (key: { value: string | number } | null) =>
    key === null ? null : Number(key.value)
  const keyOf = ({ id }: Pick<ImageRow, 'id'>) => ({ value: id, name: '' })
  const { items, next } = await walk<ImageRow>({
    ...{ count, maxSteps: untaggedSteps.maxSteps, keyOf },
    after: before === null ? null : keyOf({ id: before }),
    async ahead(after) {
      const pick = { repositoryId, before: numberOf(after) }
      const id = await findManifestAhead(db.read, pick, untaggedSteps.size)
      return id === undefined ? undefined : keyOf({ id })
    },
    rows: (after, end, limit) =>
      listUntagged(db.read, {
        ...{ repositoryId, limit, before: numberOf(after), from: numberOf(end) ?? 0 },
      }),
  })
  const unknown = items.flatMap(({ id, examined }) => (examined === 0 ? [id] : []))
  const facts = await examineAndFind(deps, unknown)
  const ids = items.map(({ id }) => id)
  const parents = await countParents(db.read, ids, 100)
  return {
    items: items.map((row) =>
      untaggedOf({ ...row, ...facts.get(row.id) }, parents.get(row.id) ?? 0),
    ),
    next: numberOf(next),
  }
}

interface Asked {
  readonly row: ImageRow
  readonly reference: Reference
}

/** Null: it was pushed. */
async function findImageCache(
  { db, through }: ApiDeps,
  place: Awaited<ReturnType<typeof getPlace>>,
  { row, reference }: Asked,
): Promise<ImageDetails['cachedFrom']> {
  const { repositoryId } = place
  const origin = await findImageOrigin(db.read, { repositoryId, digest: row.digest })
  if (origin === undefined) return null
  const { connectors } = through
  await connectors.refresh()
  const at = isoOf(origin.cachedAt)
  const [tag] =
    reference.kind === 'tag'
      ? await listTagOrigins(db.read, { repositoryId, tags: [reference.tag] })
      : [await findCheckedTag(db.read, { manifestId: row.id })]
  if (tag !== undefined) return { ...cachedFromOf(connectors, place, tag), at }
  return { connector: origin.connector, checked: null, failure: null, isAsked: false, at }
}
