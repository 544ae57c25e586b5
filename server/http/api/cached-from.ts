import type { Cached } from '../../../contract/tags.ts'
import { listTagOrigins, type TagCache } from '../../db/cached-content.ts'
import type { AttachedConnectors } from '../../registry/connectors/attached-connectors.ts'
import type { Place } from '../../registry/connectors/pull-through.ts'
import type { ApiDeps } from './deps.ts'
import { isoOf, isoOrNull } from './place.ts'

/** `connectors` were refreshed. */
export function cachedFromOf(
  connectors: AttachedConnectors,
  place: Place,
  { connectorId, connector, checkedAt, failedAt, failure }: TagCache,
): Cached {
  return {
    connector,
    checked: isoOrNull(checkedAt),
    failure:
      failedAt === null || failure === null ? null : { at: isoOf(failedAt), message: failure },
    isAsked: connectors.findAsked(place, connectorId) !== undefined,
  }
}

/** By tag, of those that came through a connector. */
export async function findCachedFrom(
  { db, through }: Pick<ApiDeps, 'db' | 'through'>,
  place: Place & { readonly repositoryId: number },
  items: readonly { readonly name: string }[],
): Promise<ReadonlyMap<string, Cached>> {
  const { repositoryId } = place
  const tags = items.map(({ name }) => name)
  const origins = await listTagOrigins(db.read, { repositoryId, tags })
  const { connectors } = through
  if (origins.length > 0) await connectors.refresh()
  return new Map(origins.map((origin) => [origin.tag, cachedFromOf(connectors, place, origin)]))
}
