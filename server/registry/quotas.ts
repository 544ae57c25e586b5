import type { Db } from '../db/database.ts'
import { findRoom, hasDamagedBlob, listFeedUses, type Room } from '../db/quotas.ts'
import { updateRepository } from '../db/repository-settings.ts'
import type { Actor } from '../domain/actor.ts'
import type { Digest } from '../domain/digest.ts'
import { isRefusal } from '../domain/errors.ts'
import { type QuotaUse, quotaRefusal, quotaWarning } from '../domain/quota.ts'
import type { RepositoryName } from '../domain/reference.ts'
import type { Feed } from './feeds.ts'
import { foldAllSizes, type SizeFolding } from './sizes.ts'
import type { RequestBody } from './upload-session.ts'
import type { UploadKey, Uploads } from './uploads.ts'

/** Where something is pushed to. */
interface Place {
  readonly feed: Feed
  readonly repository: RepositoryName
}

/**
 * Throws QUOTA_EXCEEDED when so many bytes of a blob (null: more than none) do not fit now; else says
 * how many would.
 */
export type CheckRoom = (bytes: number | null) => Promise<number>

/** Quotas as those see them who push: what counts is checked by the writes that add something. */
export interface Quotas {
  /** Undefined where there is no quota. A blob whose digest is not known is taken for a new one. */
  roomIn(place: Place, digest: Digest | null): CheckRoom | undefined
  /** What who pushed there is told. */
  warningsOf(place: Place): Promise<readonly string[]>
}

/** What is not added up yet is read at each push where there is a quota: it must not become much. */
const foldAfterPushes = 32

export function openQuotas({ db }: { readonly db: Db }): Quotas {
  let pushes = 0
  let folding: Promise<void> | undefined
  const countPush = () => {
    pushes += 1
    if (pushes < foldAfterPushes || folding !== undefined) return
    pushes = 0
    folding = foldAllSizes({ db })
      .catch(() => {})
      .finally(() => {
        folding = undefined
      })
  }
  return {
    roomIn(place, digest) {
      if (!place.feed.hasQuotas) return undefined
      return (bytes) => checkRoom(db, { ...place, digest }, bytes)
    },
    async warningsOf({ feed, repository }) {
      if (!feed.hasQuotas) return []
      countPush()
      const asked = { feedId: feed.id, repository, digest: null }
      // The push is done: what cannot be told of it is no failure of it.
      const room = await findRoom(db.read, asked).catch(() => undefined)
      return (room?.uses ?? []).map(quotaWarning).filter((text) => text !== null)
    },
  }
}

/** A registry that has a quota. */
export interface FeedUse extends Omit<QuotaUse, 'of'> {
  readonly name: string
}

/** Those that have one, by name; the figures are as old as those of the pages. */
export async function readFeedUses({
  db,
  sizeFolding,
}: {
  readonly db: Db
  readonly sizeFolding: SizeFolding
}): Promise<FeedUse[]> {
  if ((await listFeedUses(db.read)).length === 0) return []
  await sizeFolding.freshen()
  return listFeedUses(db.read)
}

/** Gives a repository a quota of its own; null: what its registry says. Throws NAME_UNKNOWN. */
export async function setRepositoryQuota(
  { db, by }: { readonly db: Db; readonly by: Actor },
  {
    repositoryId,
    quotaBytes,
  }: { readonly repositoryId: number; readonly quotaBytes: number | null },
): Promise<void> {
  const { name, address } = by
  await db.write(updateRepository, { id: repositoryId, quotaBytes, by: name, address })
}

async function checkRoom(
  db: Db,
  { feed, repository, digest }: Place & { readonly digest: Digest | null },
  bytes: number | null,
): Promise<number> {
  const key = { feedId: feed.id, repository }
  const room = await findRoom(db.read, { ...key, digest })
  const uses = room === undefined ? [] : usesThatCount(room)
  const full = uses.find((use) => use.usedBytes + (bytes ?? 1) > use.quotaBytes)
  if (full === undefined || bytes === 0) return Math.min(...uses.map(leftOf), Infinity)
  // Whoever mends a blob is asked for its digest at the end.
  if (digest === null && (await hasDamagedBlob(db.read, key))) return Infinity
  throw quotaRefusal(full, bytes)
}

/** What is there already costs nothing. */
function usesThatCount({ uses, isInRepository, isInFeed }: Room): readonly QuotaUse[] {
  return uses.filter(({ of }) => !(of === 'repository' ? isInRepository : isInFeed))
}

function leftOf({ quotaBytes, usedBytes }: QuotaUse): number {
  return quotaBytes - usedBytes
}

/**
 * The same body, refused as soon as it is known that it does not fit: before its first byte if its
 * length is. `bytesWith` is what the blob has with so many bytes of the body.
 */
export function boundedBody(
  body: RequestBody,
  check: CheckRoom | undefined,
  bytesWith: (received: number) => number,
): RequestBody {
  if (check === undefined) return body
  return {
    ...body,
    async *chunks(signal) {
      let received = 0
      let room = body.lengthBytes === null ? 0 : await check(bytesWith(body.lengthBytes))
      for await (const chunk of body.chunks(signal)) {
        received += chunk.byteLength
        if (bytesWith(received) > room) room = await check(bytesWith(received))
        yield chunk
      }
    },
  }
}

/**
 * An upload that was refused for want of room ends, and its bytes go: they would be kept for nobody,
 * and count nowhere.
 */
export async function endedWhenFull<T>(
  uploads: Uploads,
  key: UploadKey,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isRefusal(error, 'QUOTA_EXCEEDED')) await uploads.cancel(key).catch(() => {})
    throw error
  }
}
