import type { Db } from '../../db/database.ts'
import { parseContentRange } from '../../domain/byte-range.ts'
import { type Digest, type DigestAlgorithm, isAlgorithm, parseDigest } from '../../domain/digest.ts'
import { isRefusal, RegistryError } from '../../domain/errors.ts'
import { mayAct } from '../../domain/permission.ts'
import { parseRepositoryPath } from '../../domain/reference.ts'
import type { Subject } from '../../domain/rule.ts'
import { mount } from '../../registry/blobs.ts'
import type { Feeds } from '../../registry/feeds.ts'
import { boundedBody, endedWhenFull, type Quotas } from '../../registry/quotas.ts'
import type { Settings } from '../../registry/settings.ts'
import type { Chunk } from '../../registry/upload-chunk.ts'
import { getUploadKey } from '../../registry/upload-key.ts'
import type { UploadKey, UploadStatus, Uploads } from '../../registry/uploads.ts'
import type { Admission } from './authorize.ts'
import { bodyOf, type Permit } from './body.ts'
import type { Exchange } from './exchange.ts'
import { type Headers, send, writeHead } from './reply.ts'
import { warningHeaders } from './through.ts'

export interface UploadDeps {
  readonly db: Db
  readonly feeds: Feeds
  readonly settings: Settings
  readonly uploads: Uploads
  readonly quotas: Quotas
}

interface UploadRequest {
  readonly exchange: Exchange
  readonly admission: Admission
  /** As in the address. */
  readonly id: string
}

/** A request with bytes, which may take long to come. */
interface SendingRequest {
  readonly exchange: Exchange
  readonly admission: Admission
  readonly admitAgain: () => Promise<Admission>
}

/** `POST …/blobs/uploads/`: a mount, a whole blob, or a session. */
export async function postUpload(
  deps: UploadDeps,
  { exchange, admission, admitAgain }: SendingRequest,
) {
  const { query, res } = exchange
  const mountDigest = query.get('mount')
  if (mountDigest && (await tryMount(deps, { exchange, admission }, parseDigest(mountDigest)))) {
    return sendBlobCreated(deps, { exchange, admission }, parseDigest(mountDigest))
  }
  const target = { ...admission, by: admission.identity.principal.name }
  const digest = query.get('digest')
  if (digest) {
    const parsed = parseDigest(digest)
    const room = deps.quotas.roomIn(admission, parsed)
    const body = boundedBody(bodyOf(exchange, permitOf(admitAgain)), room, (bytes) => bytes)
    await deps.uploads.pushWhole(target, parsed, body)
    return sendBlobCreated(deps, { exchange, admission }, parsed)
  }
  await deps.quotas.roomIn(admission, mountDigest ? parseDigest(mountDigest) : null)?.(null)
  const upload = await deps.uploads.start(target, readAlgorithm(exchange))
  send(res, 202, uploadHeaders(admission, upload))
}

/** OCI distribution-spec, end-4c. */
function readAlgorithm({ query }: Exchange): DigestAlgorithm {
  const algorithm = query.get('digest-algorithm') ?? 'sha256'
  if (isAlgorithm(algorithm)) return algorithm
  throw new RegistryError(
    'DIGEST_INVALID',
    `The digest algorithm "${algorithm.slice(0, 40)}" is not supported: use sha256 or sha512.`,
  )
}

/** False for whatever reason: then the client uploads, and hears nothing of what is elsewhere. */
async function tryMount(
  deps: UploadDeps,
  { exchange, admission }: { exchange: Exchange; admission: Admission },
  digest: Digest,
): Promise<boolean> {
  const { feed, repository, identity } = admission
  const fromName = exchange.query.get('from')
  const from = fromName ? await findSource(deps, fromName) : null
  if (from === undefined) return false
  const mayPull = (source: Subject) => mayAct(identity.principal, 'pull', source)
  return mount(deps, { feed, repository, digest, from, mayPull })
}

/**
 * The owner's right to the source decides, not the token's scope: clients ask for a token with the
 * scope of the challenge, which names the target alone.
 */
async function findSource({ feeds }: UploadDeps, fromName: string) {
  const path = readPath(fromName)
  if (!path) return undefined
  const feed = await feeds.find(path.feedKey)
  return feed?.active ? { feed, repository: path.repository } : undefined
}

function readPath(name: string) {
  try {
    return parseRepositoryPath(name)
  } catch {
    return undefined
  }
}

export async function getUpload(deps: UploadDeps, request: UploadRequest) {
  const status = await deps.uploads.status(await keyOf(deps, request))
  send204(request.exchange, uploadHeaders(request.admission, status))
}

export async function patchUpload(deps: UploadDeps, request: UploadRequest & SendingRequest) {
  const { exchange, admission, id } = request
  await withUploadHeaders(request, async () => {
    const key = await keyOf(deps, request)
    const chunk = await boundedChunk(deps, { ...request, key, digest: null })
    const status = await endedWhenFull(deps.uploads, key, () => deps.uploads.append(key, chunk))
    send(exchange.res, 202, uploadHeaders(admission, { ...status, id }))
  })
}

export async function putUpload(deps: UploadDeps, request: UploadRequest & SendingRequest) {
  const { exchange, admission } = request
  const digest = exchange.query.get('digest')
  if (!digest) {
    throw new RegistryError(
      'DIGEST_INVALID',
      'The request that ends an upload must name its digest: add ?digest=sha256:….',
    )
  }
  const parsed = parseDigest(digest)
  await withUploadHeaders(request, async () => {
    const key = await keyOf(deps, request)
    const chunk = await boundedChunk(deps, { ...request, key, digest: parsed })
    await endedWhenFull(deps.uploads, key, () => deps.uploads.commit(key, parsed, chunk))
  })
  await sendBlobCreated(deps, { exchange, admission }, parsed)
}

export async function deleteUpload(deps: UploadDeps, request: UploadRequest) {
  await deps.uploads.cancel(await keyOf(deps, request))
  send204(request.exchange, {})
}

function keyOf(deps: UploadDeps, { admission, id }: UploadRequest): Promise<UploadKey> {
  return getUploadKey(deps, { ...admission, id })
}

function permitOf(admitAgain: SendingRequest['admitAgain']): Permit {
  return async () => {
    await admitAgain()
  }
}

function readChunk({ exchange, admitAgain }: SendingRequest): Chunk {
  const header = exchange.req.headers['content-range']
  const body = bodyOf(exchange, permitOf(admitAgain))
  const range = header === undefined ? null : parseContentRange(header)
  const length = range && range.end - range.start + 1
  if (range === null || body.lengthBytes === null || body.lengthBytes === length) {
    return { body, range }
  }
  throw new RegistryError(
    'SIZE_INVALID',
    `Content-Range announces ${length} bytes, Content-Length ${body.lengthBytes}.`,
  )
}

/** The chunk, refused once the blob with it is known not to fit. */
async function boundedChunk(
  deps: UploadDeps,
  request: SendingRequest & { readonly key: UploadKey; readonly digest: Digest | null },
): Promise<Chunk> {
  const { body, range } = readChunk(request)
  const { admission, key, digest } = request
  const room = deps.quotas.roomIn(admission, digest)
  if (room === undefined) return { body, range }
  const offsetBytes = await offsetOf(deps, key)
  // A closing request may bring the rest, or all of it once more.
  const bytesWith = (received: number) =>
    digest === null || range !== null ? offsetBytes + received : Math.max(offsetBytes, received)
  return { body: boundedBody(body, room, bytesWith), range }
}

/** 0 for one that has ended: whether that is all right is for the request itself to find out. */
async function offsetOf({ uploads }: UploadDeps, key: UploadKey): Promise<number> {
  try {
    return (await uploads.status(key)).offsetBytes
  } catch (error) {
    if (isRefusal(error, 'BLOB_UPLOAD_UNKNOWN')) return 0
    throw error
  }
}

/** A client that is out of step learns from the answer where to go on. */
async function withUploadHeaders(request: UploadRequest, work: () => Promise<void>) {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof RegistryError) || error.code !== 'RANGE_INVALID') throw error
    const { offset } = (error.detail ?? {}) as { offset?: number }
    const status = { id: request.id, offsetBytes: offset ?? 0 }
    throw new RegistryError('RANGE_INVALID', error.message, {
      detail: error.detail,
      headers: uploadHeaders(request.admission, status),
    })
  }
}

/** `Range` is inclusive; an empty session says `0-0`, as Distribution does and docker needs. */
function uploadHeaders(
  { name }: Admission,
  { id, offsetBytes }: UploadStatus,
): Record<string, string> {
  return {
    location: `/v2/${name}/blobs/uploads/${id}`,
    range: `0-${Math.max(0, offsetBytes - 1)}`,
    'docker-upload-uuid': id,
  }
}

async function sendBlobCreated(
  { quotas }: UploadDeps,
  { exchange, admission }: { exchange: Exchange; admission: Admission },
  digest: Digest,
) {
  send(exchange.res, 201, {
    location: `/v2/${admission.name}/blobs/${digest}`,
    'docker-content-digest': digest,
    ...warningHeaders(await quotas.warningsOf(admission)),
  })
}

/** RFC 9110, 8.6: a 204 has no Content-Length. */
function send204({ res }: Exchange, headers: Headers) {
  writeHead(res, 204, headers).end()
}
