import type { Db } from '../db/database.ts'
import { foldSizes } from '../db/size-folding.ts'
import { findFeedSums, hasSizeChanges } from '../db/sizes.ts'

/** What a repository or a feed has. */
export interface Sizes {
  readonly manifests: number
  /** Of manifests, which lie in the database. */
  readonly manifestBytes: number
  /** What its manifests refer to, each for itself. */
  readonly logicalBytes: number
  /** Its blobs, each once. */
  readonly blobs: number
  readonly deduplicatedBytes: number
}

const foldAtOnce = 1000
/** What one reader folds before it answers: only a flood of pushes leaves more. */
const maxBatches = 100

/** Adds what transactions appended to the sums. Whoever does it, others may at the same time. */
export async function foldAllSizes(
  { db }: { readonly db: Db },
  signal?: AbortSignal,
): Promise<void> {
  for (let batch = 0; batch < maxBatches && !signal?.aborted; batch += 1) {
    if (!(await hasSizeChanges(db.read))) return
    if ((await db.write(foldSizes, { limit: foldAtOnce })) < foldAtOnce) return
  }
}

/** Sums that are at most five seconds old, however many pages look. */
export interface SizeFolding {
  freshen(): Promise<void>
}

const maxAgeMs = 5000

export function openSizeFolding(db: Db, monotonicMs = () => performance.now()): SizeFolding {
  let last: { readonly at: number; readonly folded: Promise<void> } | undefined
  return {
    freshen() {
      if (last !== undefined && monotonicMs() - last.at < maxAgeMs) return last.folded
      const folded = foldAllSizes({ db })
      last = { at: monotonicMs(), folded }
      folded.catch(() => {
        last = undefined
      })
      return folded
    },
  }
}

/** As of now. */
export async function readFeedSize({ db }: { readonly db: Db }, feedId: number): Promise<Sizes> {
  await foldAllSizes({ db })
  return await findFeedSize({ db }, feedId)
}

/** As it was last added up. */
export async function findFeedSize({ db }: { readonly db: Db }, feedId: number): Promise<Sizes> {
  return sizesOf((await findFeedSums(db.read, feedId)) ?? {})
}

interface Sums {
  readonly manifests?: number | null
  readonly manifest_bytes?: number | null
  readonly logical_bytes?: number | null
  readonly blobs?: number | null
  readonly blob_bytes?: number | null
}

export function sizesOf(sums: Sums): Sizes {
  return {
    manifests: sums.manifests ?? 0,
    manifestBytes: sums.manifest_bytes ?? 0,
    logicalBytes: sums.logical_bytes ?? 0,
    blobs: sums.blobs ?? 0,
    deduplicatedBytes: sums.blob_bytes ?? 0,
  }
}
