import type { tags as routes, TagInfo } from '../../../contract/tags.ts'
import { listTagMoves, type TagRecord } from '../../db/tag-pages.ts'
import { createTag, deleteTag } from '../../db/tags.ts'
import { RegistryError, refuseField } from '../../domain/errors.ts'
import { may } from '../../domain/permission.ts'
import { splitPlatforms } from '../../domain/platform.ts'
import { refreshTag } from '../../registry/connectors/refresh.ts'
import { subjectOf } from '../../registry/feeds.ts'
import { openImage } from '../../registry/image-details.ts'
import { pageTagRecords } from '../../registry/tag-pages.ts'
import { findCachedFrom } from './cached-from.ts'
import type { Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'
import { pageOf, sendPage } from './pages.ts'
import { getPlace, isoOf, isoOrNull, referenceOf } from './place.ts'

export function tagHandlers(deps: ApiDeps): Handlers<typeof routes> {
  const { db } = deps
  return {
    async list({ query }, call) {
      const place = await getPlace(deps, query)
      const { repositoryId } = place
      const { sort = 'name', order = sort === 'name' ? 'asc' : 'desc' } = query
      const { after, count } = pageOf(query)
      const { items, next } = await pageTagRecords(deps, {
        ...{ repositoryId, sort, count, desc: order === 'desc', after: after ?? null },
        search:
          query.search === undefined || query.search === '' ? null : query.search.toLowerCase(),
        platform: query.platform ?? null,
      })
      const cached = await findCachedFrom(deps, place, items)
      const infos = items.map((row) => infoOf(row, cached.get(row.name) ?? null))
      return sendPage(call, { items: infos, next })
    },
    async history({ query }, call) {
      const { repositoryId } = await getPlace(deps, query)
      const { after, count } = pageOf(query)
      const page = { repositoryId, tag: query.tag, before: after ?? null, count: count + 1 }
      const found = await listTagMoves(db.read, page)
      const items = found
        .slice(0, count)
        .map(({ id, at, by, digest, previousDigest, previousId }) => ({
          ...{ id, by, digest, previousDigest, tag: query.tag },
          at: isoOf(at),
          previousIsThere: previousId !== null,
        }))
      const next = found.length > count ? (items.at(-1)?.id ?? null) : null
      return sendPage(call, { items, next })
    },
    async create({ query }, call) {
      const { principal, by } = call
      const place = await getPlace(deps, query)
      const { row } = await openImage(deps, place, referenceOf('target', query.target))
      const created = await db.write(createTag, {
        ...{ repositoryId: place.repositoryId, tag: query.name, digest: row.digest },
        ...{ by: by.name, address: by.address, mayMove: query.force === true },
        mayOverwrite: may(
          principal,
          'Feeds_OverwritePackage',
          subjectOf(place.feed, place.repository),
        ),
      })
      if (created === undefined) {
        throw new RegistryError('MANIFEST_UNKNOWN', `${row.digest} is gone: it was just deleted.`)
      }
      if (created === 'created') call.setStatus(201)
      return words[created]
    },
    async refresh({ query }) {
      const place = await getPlace(deps, query)
      const reference = referenceOf('tag', query.tag)
      if (reference.kind !== 'tag')
        refuseField('tag', 'It is a digest, which always means the same.')
      await deps.through.connectors.refresh()
      return refreshTag(deps.through, { ...place, tag: reference.tag })
    },
    async delete({ query }, { by }) {
      const { feed, repository, repositoryId } = await getPlace(deps, query)
      const key = { repositoryId, tag: query.tag, by: by.name, address: by.address }
      if (await db.write(deleteTag, key)) return {}
      const name = `${feed.key}/${repository}`
      throw new RegistryError('MANIFEST_UNKNOWN', `${name} has no tag "${query.tag}".`)
    },
  }
}

const words = { created: 'Created', exists: 'Exists', updated: 'Updated' } as const

function infoOf(row: TagRecord, cachedFrom: TagInfo['cachedFrom']): TagInfo {
  return {
    name: row.name,
    digest: row.digest,
    mediaType: row.mediaType,
    artifactType: row.artifactType,
    platforms: splitPlatforms(row.platforms),
    sizeBytes: row.totalBytes,
    pushed: isoOf(row.updatedAt),
    pushedBy: row.updatedBy,
    created: isoOf(row.createdAt),
    pulls: row.pulls ?? 0,
    lastPulled: isoOrNull(row.lastPulledAt),
    cachedFrom,
  }
}
