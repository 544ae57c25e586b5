import type { BlobStore, StoredLocation } from '../blobs/blob-store.ts'
import { type CheckedBlob, listBlobLocations } from '../db/blob-checks.ts'
import type { Db } from '../db/database.ts'
import { forgetStrays, listUnnamed, noteStrays, takeStrays } from '../db/stray-locations.ts'
import { reportDamage } from './blob-damage.ts'
import { type CleanupReport, rest } from './cleanup-report.ts'
import type { Stores } from './stores.ts'

export interface ReconcileDeps {
  readonly db: Db
  readonly stores: Stores
  readonly graceMs: number
  /** Nothing is noted, marked or removed. */
  readonly dryRun: boolean
  readonly report: CleanupReport
}

const locationsAtOnce = 500
const blobsAtOnce = 200
const readsAtOnce = 4

/**
 * Goes through a store and its rows. Bytes that no row names are removed when they were seen so
 * before, longer ago than the grace time; blobs whose bytes are missing or short are marked damaged.
 */
export async function reconcileStore(deps: ReconcileDeps, storeId: number): Promise<void> {
  await sweepLeftovers(deps, storeId)
  await lookForStrays(deps, storeId)
  await lookForMissing(deps, storeId)
}

/** Parts of uploads that no row knows, where a store keeps such a thing apart. */
async function sweepLeftovers({ stores, dryRun, report }: ReconcileDeps, storeId: number) {
  if (dryRun) return
  report.progress('parts that no row knows')
  const swept = (await stores.get(storeId).sweep?.(report.signal)) ?? 0
  if (swept === 0) return
  report.info(`Removed what ${swept} uploads left that no row knows`)
  report.count('swept', swept)
}

async function lookForStrays(deps: ReconcileDeps, storeId: number): Promise<void> {
  const { db, stores, report } = deps
  const store = stores.get(storeId)
  let after: string | null = null
  report.progress('bytes that no row names')
  while (!report.signal.aborted) {
    const startedAt = performance.now()
    const page: StoredLocation[] = await store.list(after, locationsAtOnce)
    const locations = page.map(({ location }) => location)
    const unnamed = new Set(await listUnnamed(db.read, { storeId, locations }))
    const strays = page.filter(({ location }) => unnamed.has(location))
    await dealWithStrays(deps, { storeId, store, strays })
    report.count('locations', page.length)
    after = page.at(-1)?.location ?? null
    if (page.length < locationsAtOnce) return
    await rest(startedAt)
  }
}

async function dealWithStrays(
  { db, graceMs, dryRun, report }: ReconcileDeps,
  found: {
    readonly storeId: number
    readonly store: BlobStore
    readonly strays: readonly StoredLocation[]
  },
): Promise<void> {
  const { storeId, store, strays } = found
  if (strays.length === 0) return
  const locations = strays.map(({ location }) => location)
  const old = new Set(dryRun ? [] : await db.write(takeStrays, { storeId, locations, graceMs }))
  const gone: string[] = []
  for (const { location, sizeBytes, state } of strays) {
    const bytes = `${sizeBytes} ${state} bytes at ${location}, which no row names`
    report.count('strays', 1)
    if (!old.has(location)) {
      report.info(`Found ${bytes}: the next pass removes them`)
      continue
    }
    try {
      await store.abort(location)
      gone.push(location)
      report.info(`Removed ${bytes}`)
      report.count('files', 1)
      report.count('bytesFreed', sizeBytes)
    } catch (error) {
      report.fault(`The bytes at ${location} could not be removed`, error)
    }
  }
  if (dryRun) return
  await db.write(forgetStrays, { storeId, locations: gone })
  await db.write(noteStrays, { storeId, locations: locations.filter((each) => !old.has(each)) })
}

async function lookForMissing(deps: ReconcileDeps, storeId: number): Promise<void> {
  const { db, report } = deps
  let after = ''
  report.progress('blobs without their bytes')
  while (!report.signal.aborted) {
    const startedAt = performance.now()
    const page = await listBlobLocations(db.read, { storeId, after, limit: blobsAtOnce })
    const live = page.filter(({ state }) => state === 'live')
    for (let at = 0; at < live.length; at += readsAtOnce) {
      await Promise.all(live.slice(at, at + readsAtOnce).map((blob) => lookAt(deps, blob)))
    }
    report.count('blobs', page.length)
    after = page.at(-1)?.location ?? after
    if (page.length < blobsAtOnce) return
    await rest(startedAt)
  }
}

async function lookAt(deps: ReconcileDeps, blob: CheckedBlob): Promise<void> {
  const { stores, dryRun, report } = deps
  try {
    const reader = await stores.get(blob.storeId).open(blob.location)
    const found = reader?.sizeBytes
    await reader?.[Symbol.asyncDispose]()
    if (found === blob.sizeBytes) return
    const reason =
      found === undefined
        ? 'its bytes are missing'
        : `it has ${found} bytes instead of ${blob.sizeBytes}`
    if (!dryRun) return await reportDamage(deps, blob, reason)
    report.info(`Would mark the blob ${blob.digest} damaged: ${reason}`)
    report.count('damaged', 1)
  } catch (error) {
    report.fault(`The blob ${blob.digest} could not be looked at`, error)
  }
}
