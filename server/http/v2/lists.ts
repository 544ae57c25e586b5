import type { Identity } from '../../auth/authenticate.ts'
import type { Db } from '../../db/database.ts'
import { parseDigest } from '../../domain/digest.ts'
import { RegistryError } from '../../domain/errors.ts'
import { isMediaType, ociIndex } from '../../domain/media-type.ts'
import { may, seesFeed } from '../../domain/permission.ts'
import { catalogScope } from '../../domain/scope.ts'
import { pageCatalog } from '../../registry/catalog.ts'
import { type Feed, type Feeds, subjectOf } from '../../registry/feeds.ts'
import { type AnnotatedReferrer, pageReferrers } from '../../registry/referrers.ts'
import { pageTags } from '../../registry/tags.ts'
import type { Admission } from './authorize.ts'
import { challenge } from './challenge.ts'
import type { Exchange } from './exchange.ts'
import { linkHeader, readPage } from './pages.ts'
import { send, sendJson } from './reply.ts'

const maxNames = 10_000
const maxReferrers = 1_000

/** `GET /v2/<name>/tags/list` */
export async function getTags(deps: { db: Db }, exchange: Exchange, admission: Admission) {
  const page = readPage(exchange, maxNames)
  const listed = await pageTags(deps, admission, page)
  const link = linkHeader(`/v2/${admission.name}/tags/list`, page, { listed })
  sendJson(exchange.res, 200, link, { name: admission.name, tags: listed.items })
}

/** `GET /v2/_catalog`: the repositories of every feed that the caller may view. */
export async function getCatalog(
  deps: { db: Db; feeds: Feeds },
  exchange: Exchange,
  { principal, access }: Identity,
) {
  const scope = catalogScope
  const feeds = (await deps.feeds.list()).filter(
    (feed) => feed.active && seesFeed(principal, subjectOf(feed)),
  )
  const inScope = access === null || access.some((entry) => entry.type === 'registry')
  if (principal.kind === 'anonymous' && feeds.length === 0) {
    throw challenge(exchange, { scope, lacksScope: access !== null })
  }
  if (!inScope) throw challenge(exchange, { scope, lacksScope: true })
  const page = readPage(exchange, maxNames)
  const mayView = (feed: Feed, repository: string) =>
    may(principal, 'Feeds_ViewFeed', subjectOf(feed, repository))
  const listed = await pageCatalog(deps, { feeds, mayView }, page)
  const link = linkHeader('/v2/_catalog', page, { listed })
  sendJson(exchange.res, 200, link, { repositories: listed.items })
}

/** `GET /v2/<name>/referrers/<digest>` */
export async function getReferrers(
  deps: { db: Db },
  { exchange, admission }: { exchange: Exchange; admission: Admission },
  digest: string,
) {
  const { feed, repository, name } = admission
  const subject = parseDigest(digest)
  const artifactType = readArtifactType(exchange)
  const page = readPage(exchange, maxReferrers)
  const listed = await pageReferrers(deps, { feed, repository, subject, artifactType }, page)
  const filter = artifactType === null ? {} : { artifactType }
  const manifests = listed.items.map(formatDescriptor).join(',')
  const body = `{"schemaVersion":2,"mediaType":"${ociIndex}","manifests":[${manifests}]}`
  // oras and crane compare both headers byte by byte.
  const headers = {
    'content-type': ociIndex,
    ...(artifactType !== null && { 'oci-filters-applied': 'artifactType' }),
    ...linkHeader(`/v2/${name}/referrers/${subject}`, page, { listed, filter }),
  }
  send(exchange.res, 200, headers, body)
}

function readArtifactType({ query }: Exchange): string | null {
  // A media type has no spaces, but may have a `+` that was sent as it is.
  const type = query.get('artifactType')?.replaceAll(' ', '+') ?? null
  if (type === null || type === '' || isMediaType(type)) return type || null
  throw new RegistryError(
    'REQUEST_INVALID',
    `artifactType must be a media type; it is "${type.slice(0, 100)}".`,
  )
}

/** As JSON. Annotations, which may be long, are JSON already. */
function formatDescriptor(referrer: AnnotatedReferrer): string {
  const { annotations, artifactType } = referrer
  const descriptor = JSON.stringify({
    mediaType: referrer.mediaType,
    digest: referrer.digest,
    size: referrer.sizeBytes,
    ...(artifactType !== null && { artifactType }),
  })
  return annotations === null
    ? descriptor
    : `${descriptor.slice(0, -1)},"annotations":${annotations}}`
}
