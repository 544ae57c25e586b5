import type { Identity } from '../../auth/authenticate.ts'
import type { Db } from '../../db/database.ts'
import { parseDigest } from '../../domain/digest.ts'
import { RegistryError } from '../../domain/errors.ts'
import { isMediaType, ociIndex } from '../../domain/media-type.ts'
import { may, seesFeed } from '../../domain/permission.ts'
import { catalogScope } from '../../domain/scope.ts'
import { pageCatalog } from '../../registry/catalog.ts'
import { mergeReferrers, mergeTags } from '../../registry/connectors/merged-lists.ts'
import type { Through } from '../../registry/connectors/through.ts'
import { type Feed, type Feeds, subjectOf } from '../../registry/feeds.ts'
import { type AnnotatedReferrer, pageReferrers } from '../../registry/referrers.ts'
import { pageTags } from '../../registry/tags.ts'
import type { Admission } from './authorize.ts'
import { challenge } from './challenge.ts'
import type { Exchange } from './exchange.ts'
import { linkHeader, readPage } from './pages.ts'
import { send, sendJson } from './reply.ts'
import { askerOf, warningHeader } from './through.ts'

export interface ListDeps {
  readonly db: Db
  readonly through: Through
}

const maxNames = 10_000
const maxReferrers = 1_000

/** `GET /v2/<name>/tags/list` */
export async function getTags(deps: ListDeps, exchange: Exchange, admission: Admission) {
  const page = readPage(exchange, maxNames)
  const { through } = deps
  const isConnected = through.connectors.has(admission.feed.id)
  const listed = isConnected
    ? await mergeTags(through, admission, { asker: askerOf(admission.identity), page })
    : { ...(await pageTags(deps, admission, page)), warning: null }
  const link = {
    ...linkHeader(`/v2/${admission.name}/tags/list`, page, { listed }),
    ...warningHeader(listed.warning),
  }
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
  deps: ListDeps,
  { exchange, admission }: { exchange: Exchange; admission: Admission },
  digest: string,
) {
  const { feed, repository, name } = admission
  const subject = parseDigest(digest)
  const artifactType = readArtifactType(exchange)
  const page = readPage(exchange, maxReferrers)
  const query = { feed, repository, subject, artifactType }
  const isConnected = deps.through.connectors.has(feed.id)
  const listed = isConnected
    ? await mergeReferrers(deps.through, query, { asker: askerOf(admission.identity), page })
    : { ...(await pageReferrers(deps, query, page)), warning: null }
  const filter = artifactType === null ? {} : { artifactType }
  const manifests = listed.items.map(formatDescriptor).join(',')
  const body = `{"schemaVersion":2,"mediaType":"${ociIndex}","manifests":[${manifests}]}`
  // oras and crane compare both headers byte by byte.
  const headers = {
    'content-type': ociIndex,
    ...(artifactType !== null && { 'oci-filters-applied': 'artifactType' }),
    ...linkHeader(`/v2/${name}/referrers/${subject}`, page, { listed, filter }),
    ...warningHeader(listed.warning),
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
