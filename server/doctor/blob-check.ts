import { randomBytes } from 'node:crypto'
import type { BlobStore } from '../blobs/blob-store.ts'
import {
  type BlobImage,
  type CheckedBlob,
  listBlobDigests,
  listBlobImages,
  listDamagedBlobs,
} from '../db/blob-checks.ts'
import { markDamaged } from '../db/blobs.ts'
import type { Db } from '../db/database.ts'
import { listStores } from '../db/stores.ts'
import { formatImage } from '../registry/backup/each-blob.ts'
import { findBlobFault } from '../registry/blob-fault.ts'
import { formatSize } from './disk-check.ts'
import { type Finding, failure, ok, reasonOf, skipped } from './finding.ts'
import { type Patient, type PatientWithData, withData } from './patient.ts'

/** A quick look: so long, and so many bytes read. */
const quickMs = 10_000
const quickBytes = 128 * 1024 * 1024
const quickBlobs = 500
const mostMarked = 1000
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
  /** There was no time left to read the last one to its end. */
  isCut: boolean
}

/**
 * Layers that are marked damaged, and whether those that are not have the bytes of their digest: all
 * of them in a deep look, else from a random place on as many as can be read in a moment. What is
 * damaged is marked so, as a pull would, so that the next push mends it.
 */
export function checkBlobs(patient: Patient): Promise<Finding[]> {
  return withData(patient, 'blobs', async (whole) => {
    const marked = await listDamagedBlobs(whole.data.db.read, mostMarked)
    const damaged = marked.map((blob) => ({ blob, reason: 'it is marked damaged' }))
    const tally: Tally = { damaged, unread: [], checked: 0, bytes: 0, isCut: false }
    await hashSome(whole, tally)
    return await report(whole, tally)
  })
}

async function hashSome(patient: PatientWithData, tally: Tally): Promise<void> {
  const { db, stores } = patient.data
  const endsAt = patient.isDeep ? Number.POSITIVE_INFINITY : performance.now() + quickMs
  const start = patient.isDeep ? '' : `sha256:${randomBytes(8).toString('hex')}`
  for (const { id: storeId, marker } of await listStores(db.read)) {
    if (marker === null) continue
    const store = stores.get(storeId)
    // In a store that is not there everything would be missing.
    if ((await store.check().then(() => null, isTrouble)) !== null) continue
    for await (const blob of blobsFrom(patient, storeId, start)) {
      if (isEnough(patient, tally, endsAt)) return
      if (blob.state === 'live') await look(db, { store, blob, endsAt }, tally)
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

async function look(
  db: Db,
  {
    store,
    blob,
    endsAt,
  }: { readonly store: BlobStore; readonly blob: CheckedBlob; readonly endsAt: number },
  tally: Tally,
): Promise<void> {
  const { storeId, location, digest, sizeBytes } = blob
  try {
    const reason = await findBlobFault(store, blob, (pieces) => readUntil(endsAt, pieces))
    // Not marked: it was mended, or is gone, since it was listed.
    if (reason !== undefined && (await db.write(markDamaged, { storeId, location }))) {
      tally.damaged.push({ blob, reason })
    }
  } catch (error) {
    if (error instanceof OutOfTime) {
      tally.isCut = true
      return
    }
    tally.unread.push(`${digest}: ${reasonOf(error)}`)
  }
  tally.checked += 1
  tally.bytes += sizeBytes
}

class OutOfTime extends Error {}

async function* readUntil(
  endsAt: number,
  pieces: AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  for await (const piece of pieces) {
    if (performance.now() > endsAt) throw new OutOfTime()
    yield piece
  }
}

async function report(
  { data, isDeep }: PatientWithData,
  { damaged, unread, checked, bytes, isCut }: Tally,
): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const { blob, reason } of damaged.slice(0, mostNamed)) {
    const { storeId, digest } = blob
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
    const least = damaged.length >= mostMarked ? 'At least ' : ''
    const more = `${least}${damaged.length - mostNamed} more blobs are damaged.`
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
  if (findings.length > 0) return findings
  if (checked === 0 && isCut) {
    const told = 'The first one takes longer to read than a quick look may.'
    return [skipped('blobs', told, 'entrepot doctor --deep reads all of them.')]
  }
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
