import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BlobStore } from '../blobs/blob-store.ts'
import { markDamaged } from '../db/blobs.ts'
import type { Db } from '../db/database.ts'
import {
  findLiveBlob,
  hasUploadsIn,
  listFeedBlobs,
  listHolders,
  moveLink,
  type StrayBlob,
} from '../db/feed-moves.ts'
import { listStores } from '../db/stores.ts'
import { type Digest, parseDigest } from '../domain/digest.ts'
import { isRefusal, RegistryError } from '../domain/errors.ts'
import { parseRepositoryName } from '../domain/reference.ts'
import { reportDamage } from './blob-damage.ts'
import { type CleanupReport, rest } from './cleanup-report.ts'
import type { Feed } from './feeds.ts'
import type { Stores } from './stores.ts'
import type { RequestBody } from './upload-session.ts'
import type { Uploads } from './uploads.ts'

export interface FeedMoveDeps {
  readonly db: Db
  readonly stores: Stores
  readonly uploads: Uploads
  readonly report: CleanupReport
  /** The feed as it is now; undefined: it is gone. */
  readonly findFeed: () => Promise<Feed | undefined>
}

const blobsAtOnce = 100
/** For who looks how much is left. */
const blobsCounted = 1000
/** Requests know a feed as it was a second ago: they may begin where it was before. */
const settleMs = 2500
const waitMs = 2000

/**
 * Brings what a feed has in other stores to its own. Uploads that run commit where they began, so it
 * ends when a pass finds neither a link nor an upload elsewhere. What is left in the other stores is
 * their garbage. Called off, everything can be pulled as before; begun again, it goes on.
 */
export async function moveFeed(deps: FeedMoveDeps): Promise<void> {
  const { report } = deps
  await sleep(settleMs)
  let clean = 0
  while (!report.signal.aborted && clean < 2) {
    const feed = await deps.findFeed()
    if (feed === undefined) return
    const pass = await movePass(deps, feed)
    // They stay where they are; who has seen why runs it again.
    if (pass.faults > 0) return
    clean = (await restAfter(pass, report)) ? clean + 1 : 0
  }
}

/** Whether there was nothing to do. */
async function restAfter({ found, hasUploads }: Pass, report: CleanupReport): Promise<boolean> {
  if (found > 0) return false
  if (hasUploads) report.progress('waiting for uploads that began before')
  await sleep(hasUploads ? waitMs : settleMs)
  return !hasUploads
}

/** Whether anything of the feed is in another store than its own. */
export async function hasElsewhere(db: Db, feed: Feed): Promise<boolean> {
  for (const { id: storeId } of await listStores(db.read)) {
    if (storeId === feed.storeId) continue
    const at = { feedId: feed.id, storeId }
    if (await hasUploadsIn(db.read, at)) return true
    if ((await listFeedBlobs(db.read, { ...at, after: '', limit: 1 })).length > 0) return true
  }
  return false
}

export interface Elsewhere {
  readonly store: string
  readonly blobs: number
  readonly bytes: number
}

/** Blobs of the feed in other stores than its own; of each store at most a thousand. */
export async function listElsewhere(
  { db, stores }: Pick<FeedMoveDeps, 'db' | 'stores'>,
  feed: Feed,
): Promise<Elsewhere[]> {
  const found: Elsewhere[] = []
  for (const { id: storeId } of await listStores(db.read)) {
    if (storeId === feed.storeId) continue
    const pick = { feedId: feed.id, storeId, after: '', limit: blobsCounted }
    const blobs = await listFeedBlobs(db.read, pick)
    if (blobs.length === 0) continue
    const bytes = blobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    found.push({ store: stores.find(storeId)?.name ?? `${storeId}`, blobs: blobs.length, bytes })
  }
  return found
}

interface Pass {
  readonly found: number
  readonly faults: number
  readonly hasUploads: boolean
}

async function movePass(deps: FeedMoveDeps, feed: Feed): Promise<Pass> {
  const total = { found: 0, faults: 0, hasUploads: false }
  for (const { id: storeId } of await listStores(deps.db.read)) {
    if (storeId === feed.storeId || deps.report.signal.aborted) continue
    const at = { feedId: feed.id, storeId }
    total.hasUploads ||= await hasUploadsIn(deps.db.read, at)
    const { found, faults } = await moveFrom(deps, feed, storeId)
    total.found += found
    total.faults += faults
  }
  return total
}

async function moveFrom(
  { db, ...deps }: FeedMoveDeps,
  feed: Feed,
  storeId: number,
): Promise<{ readonly found: number; readonly faults: number }> {
  const { report } = deps
  let after = ''
  let found = 0
  let faults = 0
  while (!report.signal.aborted) {
    const startedAt = performance.now()
    const pick = { feedId: feed.id, storeId, after, limit: blobsAtOnce }
    const page = await listFeedBlobs(db.read, pick)
    for (const blob of page) {
      if (report.signal.aborted) break
      found += 1
      await moveBlob({ db, ...deps }, { feed, from: storeId, blob }).catch((error: unknown) => {
        faults += 1
        report.fault(`The blob ${blob.digest} could not be moved`, error)
      })
    }
    after = page.at(-1)?.digest ?? after
    if (page.length < blobsAtOnce) break
    await rest(startedAt)
  }
  return { found, faults }
}

interface Moving {
  readonly feed: Feed
  readonly from: number
  readonly blob: StrayBlob
}

async function moveBlob(deps: FeedMoveDeps, moving: Moving): Promise<void> {
  const { db, report } = deps
  const { feed, from, blob } = moving
  const digest = parseDigest(blob.digest)
  report.progress(`blob ${digest}`)
  const at = { feedId: feed.id, storeId: from, digest }
  const holders = (await listHolders(db.read, at)).filter(({ retired }) => retired === 0)
  const [first, ...others] = holders
  if (first === undefined) return
  const isThere = await isWholeInTarget(deps, feed.storeId, digest)
  if (!isThere) await copyBlob(deps, moving, first.name)
  for (const { id: repositoryId } of isThere ? holders : others) {
    const link = { repositoryId, digest, from, to: feed.storeId }
    await db.write(moveLink, link).catch(unlessGone)
  }
  report.count(isThere ? 'shared' : 'copied', 1)
  if (!isThere) report.count('bytesCopied', blob.sizeBytes)
}

/** Somebody deleted the repository meanwhile. */
function unlessGone(error: unknown): void {
  if (!isRefusal(error, 'NAME_UNKNOWN')) throw error
}

/** Bytes that are in the target are read before anything relies on them. */
async function isWholeInTarget(
  { db, stores, report }: FeedMoveDeps,
  storeId: number,
  digest: Digest,
): Promise<boolean> {
  const known = await findLiveBlob(db.read, { storeId, digest })
  if (known === undefined) return false
  const body = bodyOf(stores.get(storeId), known)
  const [algorithm = ''] = digest.split(':')
  const hash = createHash(algorithm)
  try {
    for await (const piece of body.chunks(report.signal)) hash.update(piece)
  } catch (error) {
    if (!(error instanceof MissingBytes)) throw error
  }
  if (`${algorithm}:${hash.digest('hex')}` === digest) return true
  await db.write(markDamaged, { storeId, location: known.location })
  return false
}

/** As a push does: verified, durable, and linked in one transaction, which leaves the old store. */
async function copyBlob(deps: FeedMoveDeps, moving: Moving, repository: string): Promise<void> {
  const { db, stores, uploads, report } = deps
  const { feed, from, blob } = moving
  const target = { feed, repository: parseRepositoryName(repository), by: 'FeedMove' }
  const body = bodyOf(stores.get(from), blob)
  try {
    await uploads.pushWhole(target, parseDigest(blob.digest), body)
  } catch (error) {
    const isDamaged = error instanceof MissingBytes || isRefusal(error, 'DIGEST_INVALID')
    if (isDamaged) await reportDamage({ db, report }, { storeId: from, ...blob }, String(error))
    throw error
  }
}

class MissingBytes extends RegistryError {
  constructor() {
    super('BLOB_UNKNOWN', 'Its bytes are missing or short: push its image again.')
  }
}

function bodyOf(
  store: BlobStore,
  { location, sizeBytes }: { readonly location: string; readonly sizeBytes: number },
): RequestBody {
  return {
    lengthBytes: sizeBytes,
    async *chunks(signal) {
      await using reader = await store.open(location)
      if (reader === undefined || reader.sizeBytes !== sizeBytes) throw new MissingBytes()
      for await (const piece of reader.read(0, sizeBytes - 1)) {
        signal.throwIfAborted()
        yield piece
      }
    },
  }
}
