import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BlobStore } from '../blobs/blob-store.ts'
import { markDamaged } from '../db/blobs.ts'
import type { Db } from '../db/database.ts'
import {
  findLiveBlob,
  hasUploadsIn,
  listHolders,
  moveLink,
  type StrayBlob,
} from '../db/feed-moves.ts'
import { type FormerStore, forgetFormerStore } from '../db/former-stores.ts'
import { isLinked } from '../db/links.ts'
import { type Digest, parseDigest } from '../domain/digest.ts'
import { isRefusal, RegistryError } from '../domain/errors.ts'
import { parseRepositoryName } from '../domain/reference.ts'
import { workAtOnce } from './at-once.ts'
import { reportDamage } from './blob-damage.ts'
import { type CleanupReport, rest } from './cleanup-report.ts'
import { findFormerStores, listBlobsOf } from './feed-remains.ts'
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

/** Requests know a feed as it was a second ago: they may begin where it was before. */
const settleMs = 2500
const waitMs = 2000

/**
 * Brings what a feed has in its former stores to its own. Uploads that run commit where they began,
 * so a store is left when two passes in a row find neither a link nor an upload there. What remains
 * in it is its garbage. Called off, everything can be pulled as before; begun again, it goes on.
 * Throws UNAVAILABLE when another process serves one of the stores.
 */
export async function moveFeed(deps: FeedMoveDeps): Promise<void> {
  const { db, report } = deps
  let before: Pass | undefined
  for (;;) {
    const feed = await deps.findFeed()
    const former = feed === undefined ? [] : await findFormerStores(db, feed.id)
    if (feed === undefined || former.length === 0) return
    await openAll(deps, [feed.storeId, ...former.map(({ storeId }) => storeId)])
    await sleep(restMs(before, former.length))
    if (report.signal.aborted) return
    const pass = await movePass(deps, feed, former)
    // They stay where they are; who has seen why runs it again.
    if (pass.faults > 0) return
    await forgetEmpty(db, feed, [before?.empty ?? [], pass.empty])
    before = pass
  }
}

/** How long to wait before the next pass. */
function restMs(before: Pass | undefined, stores: number): number {
  if (before === undefined || before.empty.length === stores) return settleMs
  return before.found > 0 ? 0 : waitMs
}

/** Stores that were found empty twice, without having been the feed's own in between. */
async function forgetEmpty(
  db: Db,
  { id: feedId }: Feed,
  [before, now]: readonly [readonly FormerStore[], readonly FormerStore[]],
): Promise<void> {
  for (const { storeId, since } of now) {
    const isSame = before.some((each) => each.storeId === storeId && each.since === since)
    if (isSame) await db.write(forgetFormerStore, { feedId, storeId, since })
  }
}

async function openAll({ stores }: FeedMoveDeps, storeIds: readonly number[]): Promise<void> {
  for (const storeId of storeIds) await stores.find(storeId)?.store.openNow()
}

interface Pass {
  /** Stores without a blob or an upload of the feed. */
  readonly empty: readonly FormerStore[]
  readonly found: number
  readonly faults: number
}

async function movePass(
  deps: FeedMoveDeps,
  feed: Feed,
  former: readonly FormerStore[],
): Promise<Pass> {
  const empty: FormerStore[] = []
  const total = { found: 0, faults: 0 }
  for (const each of former) {
    const hasUploads = await hasUploadsIn(deps.db.read, { ...each, feedId: feed.id })
    const { found, faults } = await moveFrom(deps, feed, each.storeId)
    if (deps.report.signal.aborted) break
    if (found === 0 && hasUploads) deps.report.progress('waiting for uploads that began before')
    if (found === 0 && !hasUploads) empty.push(each)
    total.found += found
    total.faults += faults
  }
  return { empty, ...total }
}

async function moveFrom(
  deps: FeedMoveDeps,
  feed: Feed,
  storeId: number,
): Promise<{ readonly found: number; readonly faults: number }> {
  const { db, report } = deps
  let found = 0
  let faults = 0
  let startedAt = performance.now()
  for await (const blobs of listBlobsOf(db, { feedId: feed.id, storeId })) {
    await workAtOnce(blobs, report.signal, async (blob) => {
      found += 1
      await moveBlob(deps, { feed, from: storeId, blob }).catch((error: unknown) => {
        faults += 1
        report.fault(`The blob ${blob.digest} could not be moved`, error)
      })
    })
    if (report.signal.aborted) break
    await rest(startedAt)
    startedAt = performance.now()
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
  // What was deleted meanwhile is looked for anew by the next pass.
  if (!isThere && !(await copyBlob(deps, moving, first))) return
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

/**
 * As a push does: verified, durable, and linked in one transaction, which leaves the old store. False:
 * the repository does not have it any more.
 */
async function copyBlob(
  deps: FeedMoveDeps,
  { feed, from, blob }: Moving,
  holder: { readonly id: number; readonly name: string },
): Promise<boolean> {
  const { db, stores, uploads, report } = deps
  const target = { feed, repository: parseRepositoryName(holder.name), by: 'FeedMove' }
  const permit = async () => {
    const key = { repositoryId: holder.id, digest: blob.digest }
    if (!(await isLinked(db.read, key))) throw new RegistryError('NAME_UNKNOWN')
  }
  const body = { ...bodyOf(stores.get(from), blob), permit }
  try {
    await uploads.pushWhole(target, parseDigest(blob.digest), body)
    return true
  } catch (error) {
    if (isRefusal(error, 'NAME_UNKNOWN')) return false
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
