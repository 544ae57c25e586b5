import type { BlobStore } from '../blobs/blob-store.ts'
import { cleanBlobs, previewBlobs } from '../db/blob-cleanup.ts'
import type { Db } from '../db/database.ts'
import {
  type FreedLocation,
  type FreedPick,
  forgetFreedLocations,
  listFreedLocations,
} from '../db/freed-locations.ts'
import { sweepCandidates } from './candidate-sweep.ts'
import { type CleanupReport, rest } from './cleanup-report.ts'
import { said } from './garbage.ts'
import { presignedSeconds } from './redirects.ts'
import type { Stores } from './stores.ts'

export interface StorageCleanupDeps {
  readonly db: Db
  readonly stores: Stores
  readonly graceMs: number
  readonly dryRun: boolean
  readonly report: CleanupReport
}

const blobsAtOnce = 400
const locationsAtOnce = 500
const mostFaults = 100

/**
 * Frees what is due in a store, for all feeds that share it, deleted ones too: blobs that nothing
 * links, then the bytes of those that went a grace time ago; how many of both.
 */
export async function cleanStore(deps: StorageCleanupDeps, storeId: number): Promise<number> {
  const blobs = await cleanBlobsOf(deps, storeId)
  const locations = await freeLocations(deps, storeId)
  return blobs + locations
}

function cleanBlobsOf(deps: StorageCleanupDeps, storeId: number): Promise<number> {
  const { db, dryRun, report } = deps
  report.progress('blobs without a repository')
  return sweepCandidates(deps, {
    ...{ kind: 'blob', scopeId: storeId, limit: blobsAtOnce, dryRun },
    take: (pick) =>
      dryRun
        ? previewBlobs(db.read, { storeId, ...pick })
        : db.write(cleanBlobs, { storeId, ...pick }),
    tell({ removed }) {
      for (const { digest, sizeBytes } of removed) {
        report.info(
          `${said(dryRun)} the blob ${digest}, ${sizeBytes} bytes: no repository has it any more`,
        )
      }
      report.count('blobs', removed.length)
    },
  })
}

/**
 * Bytes, then rows. A file's removal needs no fsync: should a power cut bring it back after its row
 * is gone, it is bytes that nothing names, which reconciling finds; a location is never used again.
 */
async function freeLocations(deps: StorageCleanupDeps, storeId: number): Promise<number> {
  const { db, stores, graceMs, dryRun, report } = deps
  report.progress('bytes that nothing needs any more')
  const store = stores.get(storeId)
  // Whoever holds a signed address may use it for its whole life.
  const heldMs = stores.find(storeId)?.redirect ? 1000 * presignedSeconds : 0
  let after: FreedPick['after'] = null
  let total = 0
  let faults = 0
  while (!report.signal.aborted && faults < mostFaults) {
    const startedAt = performance.now()
    const pick = { storeId, graceMs: graceMs + heldMs, limit: locationsAtOnce, after }
    const due: FreedLocation[] = await listFreedLocations(db.read, pick)
    const gone: readonly FreedLocation[] = dryRun ? due : await removeFrom(store, due, report)
    const freed = dryRun ? sumOf(due) : await forget(deps, storeId, gone)
    if (freed.locations > 0) {
      report.info(`${said(dryRun)} ${freed.locations} files, ${freed.bytes} bytes`)
      report.count('files', freed.locations)
      report.count('bytesFreed', freed.bytes)
    }
    total += freed.locations
    faults += due.length - gone.length
    after = due.at(-1) ?? null
    if (due.length < locationsAtOnce) break
    await rest(startedAt)
  }
  return total
}

function forget({ db }: StorageCleanupDeps, storeId: number, gone: readonly FreedLocation[]) {
  const locations = gone.map(({ location }) => location)
  return db.write(forgetFreedLocations, { storeId, locations })
}

function sumOf(due: readonly FreedLocation[]) {
  return {
    locations: due.length,
    bytes: due.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  }
}

/** Those whose bytes are gone: all at once, and where that fails one by one. */
async function removeFrom(
  store: BlobStore,
  due: readonly FreedLocation[],
  report: CleanupReport,
): Promise<readonly FreedLocation[]> {
  // Nothing to do opens no store: it may be another process's.
  if (due.length === 0) return due
  try {
    await store.remove(due.map(({ location }) => location))
    return due
  } catch {
    try {
      await store.check()
    } catch (error) {
      // Not one of them could be removed: it is no use to try each.
      report.fault('The store cannot be reached', error)
      return []
    }
    const gone: FreedLocation[] = []
    for (const each of due) {
      try {
        await store.remove([each.location])
        gone.push(each)
      } catch (error) {
        report.fault(`The bytes at ${each.location} could not be removed`, error)
      }
    }
    return gone
  }
}
