import type { Cached } from '../../../contract/tags.ts'
import type { TagCache } from '../../db/cached-content.ts'
import type { AttachedConnectors } from '../../registry/connectors/attached-connectors.ts'
import type { Place } from '../../registry/connectors/pull-through.ts'
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
    failure: failedAt === null || failure === null ? null : { at: isoOf(failedAt), message: failure },
    isAsked: connectors.findAsked(place, connectorId) !== undefined,
  }
}
