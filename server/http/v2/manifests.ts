import type { Db } from '../../db/database.ts'
import { parseDigest } from '../../domain/digest.ts'
import { isRefusal, RegistryError } from '../../domain/errors.ts'
import { maxManifestBytes } from '../../domain/manifest.ts'
import { withoutParameters } from '../../domain/media-type.ts'
import { may } from '../../domain/permission.ts'
import { parseReference, parseTag, type Reference, type Tag } from '../../domain/reference.ts'
import { completeCached, completeReferences } from '../../registry/connectors/completion.ts'
import type { FetchedManifest } from '../../registry/connectors/manifest-fetches.ts'
import { findManifest } from '../../registry/connectors/pull-through.ts'
import type { Through } from '../../registry/connectors/through.ts'
import { subjectOf } from '../../registry/feeds.ts'
import type { ManifestContents } from '../../registry/manifest-contents.ts'
import {
  getManifest,
  headManifest,
  type ManifestTarget,
  pushManifest,
  removeManifest,
} from '../../registry/manifests.ts'
import type { Pulls } from '../../registry/pulls.ts'
import type { Quotas } from '../../registry/quotas.ts'
import type { Settings } from '../../registry/settings.ts'
import { removeTag } from '../../registry/tags.ts'
import type { Admission } from './authorize.ts'
import { readWhole } from './body.ts'
import { isNotModified } from './conditional.ts'
import type { Exchange } from './exchange.ts'
import { send, writeHead } from './reply.ts'
import { askerOf, warningHeader, warningHeaders } from './through.ts'

export interface ManifestDeps {
  readonly db: Db
  readonly settings: Settings
  readonly manifestContents: ManifestContents
  readonly pulls: Pick<Pulls, 'count'>
  readonly quotas: Quotas
  readonly through: Through
}

interface ManifestRequest {
  readonly exchange: Exchange
  readonly admission: Admission
  /** As in the address. */
  readonly reference: string
}

/** OCI distribution-spec, "Pushing manifests with tags": at least 10 must be possible. */
const maxTags = 100

export async function serveManifest(deps: ManifestDeps, request: ManifestRequest) {
  const { exchange, admission } = request
  const { feed, repository } = admission
  const reference = parseReference(request.reference)
  const own: ManifestTarget = { feed, repository, reference }
  const isConnected = deps.through.connectors.has(feed.id)
  const found = isConnected
    ? await findManifest(deps.through, own, askerOf(admission.identity))
    : undefined
  const warning = found?.warning ?? null
  const isHead = exchange.req.method === 'HEAD'
  if (found?.kind === 'passed') {
    sendManifest(exchange, reference, { ...passed(found.manifest, isHead), warning })
    return
  }
  const target = found?.target ?? own
  if (isHead) {
    const mayPush = target.feed.id === feed.id && admission.can('push')
    if (mayPush && admission.identity.access !== null) await completeForPush(deps, request)
    const head = await headManifest(deps, target, mayPush)
    sendManifest(exchange, reference, { ...head, warning })
    return
  }
  const manifest = await getManifest(deps, target)
  const isSent = sendManifest(exchange, reference, { ...manifest, warning })
  if (isSent) deps.pulls.count(manifest.id, reference)
}

/**
 * A token for pushing is asked for by who is about to: some then push nothing where the manifest is
 * there. MANIFEST_UNKNOWN has them send what nobody has any more.
 */
async function completeForPush(
  { through }: ManifestDeps,
  { admission, reference }: ManifestRequest,
) {
  const asker = askerOf(admission.identity)
  const wanted = { place: admission, asker, reference: parseReference(reference) }
  try {
    await completeCached(through, wanted)
  } catch (error) {
    // What is here is here; what more it needs, the push itself is refused for.
    if (isRefusal(error, 'QUOTA_EXCEEDED')) return
    if (!isRefusal(error, 'MANIFEST_BLOB_UNKNOWN')) throw error
    throw new RegistryError('MANIFEST_UNKNOWN', error.message, { cause: error })
  }
}

/** What came through a connector and is not kept. */
function passed(
  { digest, mediaType, content }: FetchedManifest,
  isHead: boolean,
): Omit<SentManifest, 'warning'> {
  const { buffer, byteOffset, byteLength } = content
  const text = () => Buffer.from(buffer, byteOffset, byteLength).toString('latin1')
  return { digest, mediaType, sizeBytes: byteLength, ...(!isHead && { content: text() }) }
}

interface SentManifest {
  readonly digest: string
  readonly mediaType: string
  readonly sizeBytes: number
  /** A character a byte; absent for a reply without a body. */
  readonly content?: string
  readonly warning: string | null
}

/** Whether the content was sent. */
function sendManifest(
  { req, res }: Exchange,
  reference: Reference,
  { digest, mediaType, sizeBytes, content, warning }: SentManifest,
): boolean {
  const notModified = isNotModified(req, digest)
  writeHead(res, notModified ? 304 : 200, {
    'content-type': mediaType,
    'docker-content-digest': digest,
    etag: `"${digest}"`,
    'cache-control': reference.kind === 'digest' ? 'max-age=31536000, immutable' : 'no-cache',
    'content-length': sizeBytes,
    ...warningHeader(warning),
  })
  if (content === undefined || notModified) {
    res.end()
    return false
  }
  res.end(content, 'latin1')
  return true
}

export async function putManifest(
  deps: ManifestDeps,
  request: ManifestRequest & { readonly admitAgain: () => Promise<Admission> },
) {
  const { exchange } = request
  const { req, res } = exchange
  const reference = parseReference(request.reference)
  const tags = readTags(exchange)
  const content = await readWhole(exchange, maxManifestBytes, tooLarge)
  const contentType = withoutParameters(req.headers['content-type'])
  // This may have taken its time, and so may what connectors are asked for: the rights of now count.
  let admission = await request.admitAgain()
  const asker = askerOf(admission.identity)
  await completeReferences(deps.through, { place: admission, asker, content, contentType })
  if (deps.through.connectors.has(admission.feed.id)) admission = await request.admitAgain()
  const { principal } = admission.identity
  const target: ManifestTarget = { ...admission, reference }
  const subjectOfRights = subjectOf(admission.feed, admission.repository)
  const { digest, subject } = await pushManifest(deps, {
    ...target,
    content,
    contentType,
    tags,
    mayOverwrite: may(principal, 'Feeds_OverwritePackage', subjectOfRights),
    by: principal.name,
    address: exchange.caller.address,
  })
  send(res, 201, {
    location: `/v2/${admission.name}/manifests/${digest}`,
    'docker-content-digest': digest,
    ...(subject !== null && { 'oci-subject': subject }),
    ...(tags.length > 0 && { 'oci-tag': tags }),
    ...warningHeaders(await deps.quotas.warningsOf(admission)),
  })
}

function tooLarge(): RegistryError {
  return new RegistryError(
    'MANIFEST_TOO_LARGE',
    `A manifest may have ${maxManifestBytes} bytes at most.`,
    { detail: { maxBytes: maxManifestBytes } },
  )
}

/** `?tag=` may be repeated; it tags what is pushed by digest. */
function readTags({ query }: Exchange): Tag[] {
  const tags = [...new Set(query.getAll('tag'))]
  if (tags.length > maxTags) {
    throw new RegistryError(
      'TOO_MANY_TAGS',
      `At most ${maxTags} tags can be set at once; there are ${tags.length}.`,
    )
  }
  return tags.map(parseTag)
}

/** By digest: the manifest and its tags. By tag: the tag alone, where the registry allows it. */
export async function deleteManifest(deps: ManifestDeps, request: ManifestRequest) {
  const { exchange, admission } = request
  const reference = parseReference(request.reference)
  const by = admission.identity.principal.name
  const { address } = exchange.caller
  const target = { ...admission, reference }
  if (reference.kind === 'tag') {
    await removeTag(deps, { ...target, tag: reference.tag, by, address })
    send(exchange.res, 202, {})
    return
  }
  const digest = parseDigest(reference.digest)
  await removeManifest(deps, { ...target, digest, by, address })
  send(exchange.res, 202, { 'docker-content-digest': digest })
}
