import { findTagOrigin } from '../../db/cached-content.ts'
import { RegistryError } from '../../domain/errors.ts'
import { formatReference, type Tag } from '../../domain/reference.ts'
import { refusalOf } from './connector.ts'
import { checkTag, type Place, type PullThroughDeps } from './pull-through.ts'

export interface Refreshed {
  readonly digest: string
  readonly previousDigest: string
  /** What came of it that is not as it should be; null: nothing. */
  readonly warning: string | null
}

/**
 * Asks the connector now where a cached tag points, however fresh it is. Throws MANIFEST_UNKNOWN for
 * a tag that is not here, CONFLICT for one that came through no connector of the feed,
 * UPSTREAM_FAILED or TOOMANYREQUESTS when it cannot be asked.
 */
export async function refreshTag(
  deps: PullThroughDeps,
  place: Place & { readonly tag: Tag },
): Promise<Refreshed> {
  const { feed, repository, tag } = place
  const key = { feedId: feed.id, repository, tag }
  const origin = await findTagOrigin(deps.db.read, key)
  if (origin === undefined) {
    throw new RegistryError('MANIFEST_UNKNOWN', `${feed.key}/${repository} has no tag "${tag}".`)
  }
  const connector = deps.connectors.findAsked(place, origin.connectorId)
  if (connector === undefined) {
    throw new RegistryError(
      'CONFLICT',
      `The tag "${tag}" was pushed, or came through a connector that ${feed.name} does not ask any more: there is nobody to ask for it.`,
    )
  }
  const target = { feed, repository, tag, reference: { kind: 'tag', tag } as const }
  connector.upstream.forgetUnknown(repository, formatReference(target.reference))
  try {
    const { warning } = await checkTag(deps, target, { connector, origin })
    const now = await findTagOrigin(deps.db.read, key)
    return { digest: now?.digest ?? origin.digest, previousDigest: origin.digest, warning }
  } catch (error) {
    throw refusalOf(error, connector)
  }
}
