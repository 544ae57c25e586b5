import { setTimeout as sleep } from 'node:timers/promises'
import { type CheckedBlob, listBlobsToCheck, markLive } from '../db/blob-checks.ts'
import type { Db } from '../db/database.ts'
import { listStores } from '../db/stores.ts'
import { reportDamage } from './blob-damage.ts'
import { findBlobFault } from './blob-fault.ts'
import type { CleanupReport } from './cleanup-report.ts'
import type { Stores } from './stores.ts'

export interface IntegrityDeps {
  readonly db: Db
  readonly stores: Stores
  /** How fast it reads at most; 0: as fast as it can. */
  readonly bytesPerSecond: () => number
  readonly report: CleanupReport & {
    readonly resume: string | null
    checkpoint(where: string): void
  }
}

const blobsAtOnce = 200

/**
 * Reads every blob of a feed and hashes it again. What is missing or hashes otherwise is marked
 * damaged; what was marked and hashes right is live again.
 */
export async function checkFeedBlobs(deps: IntegrityDeps, feedId: number): Promise<void> {
  const { db, report } = deps
  const [atStore, afterDigest = ''] = report.resume?.split(' ') ?? []
  for (const { id: storeId } of await listStores(db.read)) {
    if (storeId < Number(atStore ?? 0)) continue
    let after: string | undefined = storeId === Number(atStore) ? afterDigest : ''
    while (after !== undefined && !report.signal.aborted) {
      after = await checkPage(deps, { storeId, feedId, after })
    }
  }
}

/** Where to go on; undefined at the end of the store. */
async function checkPage(
  deps: IntegrityDeps,
  at: { readonly storeId: number; readonly feedId: number; readonly after: string },
): Promise<string | undefined> {
  const { db, report } = deps
  const page = await listBlobsToCheck(db.read, { ...at, limit: blobsAtOnce })
  for (const blob of page) {
    if (report.signal.aborted) return undefined
    if (blob.inFeed === 1) {
      await checkBlob(deps, blob).catch((error: unknown) =>
        report.fault(`The blob ${blob.digest} could not be read`, error),
      )
    }
    report.checkpoint(`${at.storeId} ${blob.digest}`)
  }
  return page.length === blobsAtOnce ? page.at(-1)?.digest : undefined
}

async function checkBlob(deps: IntegrityDeps, blob: CheckedBlob): Promise<void> {
  const { db, stores, report } = deps
  report.progress(`blob ${blob.digest}`)
  const fault = await findBlobFault(stores.get(blob.storeId), blob, (all) => paced(deps, all))
  if (report.signal.aborted) return
  report.count('checked', 1)
  report.count('bytesChecked', blob.sizeBytes)
  if (fault !== undefined) return reportDamage({ db, report }, blob, fault)
  if (blob.state !== 'damaged') return
  if (await db.write(markLive, { storeId: blob.storeId, location: blob.location })) {
    report.info(`The blob ${blob.digest} was marked damaged and is whole: it is there again`)
    report.count('mended', 1)
  }
}

/** No faster than it may be, and no further once it is called off. */
async function* paced(
  { bytesPerSecond, report }: IntegrityDeps,
  pieces: AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  for await (const piece of pieces) {
    const startedAt = performance.now()
    yield piece
    await restUntil(startedAt, piece.byteLength, bytesPerSecond())
    if (report.signal.aborted) return
  }
}

/** As long as so many bytes may take. */
async function restUntil(startedAt: number, bytes: number, bytesPerSecond: number): Promise<void> {
  if (bytesPerSecond <= 0) return
  const left = startedAt + (1000 * bytes) / bytesPerSecond - performance.now()
  if (left >= 1) await sleep(left)
}
