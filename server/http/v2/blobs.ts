import type { BlobReader } from '../../blobs/blob-store.ts'
import type { Db } from '../../db/database.ts'
import { type ByteRange, parseRange } from '../../domain/byte-range.ts'
import { type Digest, parseDigest } from '../../domain/digest.ts'
import { isRefusal } from '../../domain/errors.ts'
import {
  type BlobTarget,
  type DamageLog,
  deleteBlob as deleteBlobOf,
  headBlob,
  type OpenBlob,
  openBlobAt,
} from '../../registry/blobs.ts'
import { findBlob, findBlobSize } from '../../registry/connectors/blobs-through.ts'
import type { Through } from '../../registry/connectors/through.ts'
import { findRedirect } from '../../registry/redirects.ts'
import type { Settings } from '../../registry/settings.ts'
import type { Stores } from '../../registry/stores.ts'
import type { Admission } from './authorize.ts'
import { isNotModified, isRangeWanted } from './conditional.ts'
import type { Exchange } from './exchange.ts'
import { sendParts } from './multipart.ts'
import { type Headers, send, writeHead } from './reply.ts'
import { sendPieces } from './stream.ts'
import { askerOf, readerOf } from './through.ts'

export interface BlobDeps {
  readonly db: Db
  readonly stores: Stores
  readonly settings: Settings
  readonly log: DamageLog
  readonly through: Through
}

interface BlobRequest {
  readonly exchange: Exchange
  readonly admission: Admission
  /** As in the address. */
  readonly digest: string
}

export async function serveBlob(deps: BlobDeps, request: BlobRequest) {
  const { exchange, admission } = request
  const { req, res } = exchange
  const digest = parseDigest(request.digest)
  const { feed, repository } = admission
  const target: BlobTarget = { feed, repository, digest }
  if (req.method === 'HEAD' || isNotModified(req, digest)) {
    const { sizeBytes } = await headAnywhere(deps, target, admission)
    const status = isNotModified(req, digest) ? 304 : 200
    writeHead(res, status, { ...headersOf(digest), 'content-length': sizeBytes }).end()
    return
  }
  const opened = await openAnywhere(deps, target, admission)
  await using reader = opened.reader
  const elsewhere =
    opened.at && !reader.isCached
      ? await findRedirect(deps.stores, opened.at, exchange.caller.address)
      : null
  if (elsewhere !== null) {
    writeHead(exchange.res, 307, { ...redirectHeaders, location: elsewhere }).end()
    return
  }
  const { range } = req.headers
  const ranges =
    range !== undefined && isRangeWanted(req, digest)
      ? parseRange(range, reader.sizeBytes)
      : undefined
  await sendBlob(exchange, reader, { digest, ranges })
}

async function headAnywhere(deps: BlobDeps, target: BlobTarget, admission: Admission) {
  try {
    return await headBlob(deps, target, admission.can('push'))
  } catch (error) {
    if (!isRefusal(error, 'BLOB_UNKNOWN') || !deps.through.connectors.has(target.feed.id))
      throw error
    const found = await findBlobSize(deps.through, target, askerOf(admission.identity))
    if (found === undefined) throw error
    return found
  }
}

interface Opened {
  readonly reader: BlobReader
  /** Null: on its way. */
  readonly at: OpenBlob | null
}

async function openAnywhere(
  deps: BlobDeps,
  target: BlobTarget,
  admission: Admission,
): Promise<Opened> {
  try {
    return await openStored(deps, target)
  } catch (error) {
    if (!isRefusal(error, 'BLOB_UNKNOWN') || !deps.through.connectors.has(target.feed.id))
      throw error
    return (await openThrough(deps, target, admission)) ?? fail(error)
  }
}

/** Undefined: nobody knows it. */
async function openThrough(
  deps: BlobDeps,
  target: BlobTarget,
  admission: Admission,
): Promise<Opened | undefined> {
  const found = await findBlob(deps.through, target, askerOf(admission.identity))
  if (found === undefined) return undefined
  if (found.kind === 'here') return openStored(deps, found.target)
  const reader = await readerOf(found.transfer)
  // What is not kept went by just then: it is fetched again.
  return reader ? { reader, at: null } : openThrough(deps, target, admission)
}

function fail(error: unknown): never {
  throw error
}

async function openStored(deps: BlobDeps, target: BlobTarget) {
  const at = await openBlobAt(deps, target)
  return { reader: at.reader, at }
}

async function sendBlob(
  exchange: Exchange,
  reader: BlobReader,
  { digest, ranges }: { digest: Digest; ranges: readonly ByteRange[] | undefined },
) {
  const { res } = exchange
  const { sizeBytes } = reader
  const headers = headersOf(digest)
  const [only] = ranges ?? []
  if (!ranges || !only || bytesIn(ranges) > sizeBytes) {
    writeHead(res, 200, { ...headers, 'content-length': sizeBytes })
    if (sizeBytes > 0) await sendPieces(exchange, reader.read(0, sizeBytes - 1))
    res.end()
    return
  }
  if (ranges.length > 1) return sendParts(exchange, reader, { headers, ranges })
  writeHead(res, 206, {
    ...headers,
    'content-range': `bytes ${only.start}-${only.end}/${sizeBytes}`,
    'content-length': bytesIn(ranges),
  })
  await sendPieces(exchange, reader.read(only.start, only.end))
  res.end()
}

/** Overlapping ranges could ask for many times the blob: then the whole of it is the answer. */
function bytesIn(ranges: readonly ByteRange[]): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start + 1, 0)
}

/** The address is good for a while, and for whoever has it. */
const redirectHeaders: Headers = { 'cache-control': 'no-store', 'content-length': 0 }

function headersOf(digest: Digest): Headers {
  return {
    'content-type': 'application/octet-stream',
    'docker-content-digest': digest,
    etag: `"${digest}"`,
    'accept-ranges': 'bytes',
    'cache-control': 'max-age=31536000, immutable',
  }
}

export async function deleteBlob(deps: { db: Db }, request: BlobRequest) {
  const { admission, exchange } = request
  const digest = parseDigest(request.digest)
  const by = admission.identity.principal.name
  await deleteBlobOf(deps, { ...admission, digest, by, address: exchange.caller.address })
  send(exchange.res, 202, { 'docker-content-digest': digest })
}
