import { randomBytes } from 'node:crypto'
import type { BlobStore } from '../blobs/blob-store.ts'
import {
  type BlobImage,
  type CheckedBlob,
  listBlobDigests,
  listBlobImages,
} from '../db/blob-checks.ts'
import { markDamaged } from '../db/blobs.ts'
import { listStores } from '../db/stores.ts'
import { formatImage } from '../registry/backup/each-blob.ts'
import { findBlobFault } from '../registry/blob-fault.ts'
import { formatSize } from './disk-check.ts'
import { type Finding, failure, ok, reasonOf, skipped } from './finding.ts'
import { type Patient, type PatientWithData, withData } from './patient.ts'

const pageRows = 1000
/** A quick look: so long, and so many bytes read. */
const quickMs = 10_000
const quickBytes = 128 * 1024 * 1024
const quickBlobs = 500
const mostNamed = 10
const mostImages = 5

interface Damaged {
  readonly blob: CheckedBlob
  readonly reason: string
}

interface Tally {
  readonly damaged: Damaged[]
  readonly unread: string[]
  checked: number
  bytes: number
}

/**
 * Layers that are marked damaged, and whether those that are not have the bytes of their digest: all
 * of them in a deep look, else from a random place on as many as can be read in a moment. What is
 * damaged is marked so, as a pull would, so that the next push mends it.
 */
export function checkBlobs(patient: Patient): Promise<Finding[]> {
  return withData(patient, 'blobs', async (whole) => {
    const tally: Tally = { damaged: [], unread: [], checked: 0, bytes: 0 }
    const endsAt = whole.isDeep ? Number.POSITIVE_INFINITY : performance.now() + quickMs
    const isWhole = await findMarked(whole, tally, endsAt)
    await hashSome(whole, tally, endsAt)
    return await report(whole, tally, isWhole)
  })
}

/** False: there were too many to look at. */
async function findMarked(
  { data }: PatientWithData,
  tally: Tally,
  endsAt: number,
): Promise<boolean> {
  for (const { id: storeId } of await listStores(data.db.read)) {
    for (let after: string | undefined = ''; after !== undefined; ) {
      if (performance.now() > endsAt - quickMs / 2) return false
      const page: CheckedBlob[] = await listBlobDigests(data.db.read, {
        ...{ storeId, after, limit: pageRows },
      })
      for (const blob of page.filter(({ state }) => state === 'damaged')) {
        tally.damaged.push({ blob, reason: 'it is marked damaged' })
      }
      after = page.length === pageRows ? page.at(-1)?.digest : undefined
    }
  }
  return true
}

async function hashSome(patient: PatientWithData, tally: Tally, endsAt: number): Promise<void> {
  const { db, stores } = patient.data
  const start = patient.isDeep ? '' : `sha256:${randomBytes(8).toString('hex')}`
  for (const { id: storeId, marker } of await listStores(db.read)) {
    if (marker === null) continue
    const store = stores.get(storeId)
    // In a store that is not there everything would be missing.
    if ((await store.check().then(() => null, isTrouble)) !== null) continue
    for await (const blob of blobsFrom(patient, storeId, start)) {
      if (isEnough(patient, tally, endsAt)) return
      if (blob.state === 'live') await look(store, blob, tally)
    }
  }
}

/** A full disk still reads. */
function isTrouble(error: unknown): unknown {
  return error instanceof Error && 'code' in error && error.code === 'STORAGE_FULL' ? null : error
}

/** All of a store once, from a digest on and then up to it. */
async function* blobsFrom(
  patient: PatientWithData,
  storeId: number,
  start: string,
): AsyncIterable<CheckedBlob> {
  for await (const blob of blobsAfter(patient, storeId, start)) yield blob
  for await (const blob of blobsAfter(patient, storeId, '')) {
    if (blob.digest > start) return
    yield blob
  }
}

async function* blobsAfter(
  { data }: PatientWithData,
  storeId: number,
  start: string,
): AsyncIterable<CheckedBlob> {
  const limit = 100
  for (let after: string | undefined = start; after !== undefined; ) {
    const page: CheckedBlob[] = await listBlobDigests(data.db.read, { storeId, after, limit })
    yield* page
    after = page.length === limit ? page.at(-1)?.digest : undefined
  }
}

function isEnough({ isDeep }: PatientWithData, tally: Tally, endsAt: number): boolean {
  if (isDeep) return false
  const { checked, bytes } = tally
  return checked >= quickBlobs || bytes >= quickBytes || performance.now() > endsAt
}

async function look(store: BlobStore, blob: CheckedBlob, tally: Tally): Promise<void> {
  try {
    const reason = await findBlobFault(store, blob, (pieces) => pieces)
    if (reason !== undefined) tally.damaged.push({ blob, reason })
  } catch (error) {
    tally.unread.push(`${blob.digest}: ${reasonOf(error)}`)
  }
  tally.checked += 1
  tally.bytes += blob.sizeBytes
}

async function report(
  { data, isDeep }: PatientWithData,
  { damaged, unread, checked, bytes }: Tally,
  isWhole: boolean,
): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const { blob, reason } of damaged.slice(0, mostNamed)) {
    const { storeId, digest, location } = blob
    await data.db.write(markDamaged, { storeId, location })
    const images = await listBlobImages(data.db.read, { storeId, digest, limit: mostImages })
    findings.push(
      failure(
        `blob ${digest}`,
        `It is damaged: ${reason}. Images that need it: ${formatImages(images)}.`,
        'Push these images again: that mends it. Look after the disk; run the job FeedIntegrity to find what else it damaged (docs/running.md#damage).',
      ),
    )
  }
  if (damaged.length > mostNamed) {
    const more = `${damaged.length - mostNamed} more blobs are damaged.`
    findings.push(failure('blobs', more, 'The job FeedIntegrity lists all of them.'))
  }
  if (unread.length > 0) {
    findings.push(
      failure(
        'blobs that cannot be read',
        `${unread.length} of ${checked}: ${unread.slice(0, mostImages).join('; ')}`,
        'See what is said of their stores and folders.',
      ),
    )
  }
  if (!isWhole) findings.push(skipped('blobs', 'There are too many to look at all in a moment.'))
  if (findings.length > 0) return findings
  if (checked === 0) return [ok('blobs', 'There is none to look at.')]
  const all = isDeep ? 'All' : 'A sample of'
  return [
    ok(
      'blobs',
      `${all} ${checked} blobs (${formatSize(bytes)}) have the bytes of their digests; none is marked damaged.`,
    ),
  ]
}

function formatImages(images: readonly BlobImage[]): string {
  if (images.length === 0) return 'none'
  const named = images.slice(0, mostImages).map(formatImage).join(', ')
  return images.length < mostImages ? named : `${named}, perhaps more`
}
