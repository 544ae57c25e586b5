import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { openMemoryS3 } from '../../test/support/memory-s3.ts'
import type { BlobStore } from './blob-store.ts'
import type { Bucket } from './bucket.ts'
import { createCloudMarker } from './cloud-marker.ts'
import { openCloudStore } from './cloud-store.ts'
import { openMemoryLedger } from './memory-ledger.ts'
import { growingParts } from './part-sizes.ts'

const mebibyte = 1024 * 1024

async function openStore(bucket: Bucket): Promise<BlobStore> {
  const [store] = await openProcesses(bucket)
  return store
}

/** The same store in two processes. */
async function openProcesses(bucket: Bucket): Promise<[BlobStore, BlobStore]> {
  const id = await createCloudMarker(bucket, 'entrepot-store.json')
  const ledger = openMemoryLedger()
  const options = { bucket, ledger, prefix: '', partSizes: growingParts, id }
  return [openCloudStore(options), openCloudStore(options)]
}

async function append(store: BlobStore, location: string, at: number, bytes: Uint8Array) {
  await using writer = await store.openUpload(location, at)
  await writer?.write(bytes)
  expect(await writer?.sync()).toBe(at + bytes.length)
}

async function contentOf(store: BlobStore, location: string): Promise<Buffer> {
  await using reader = await store.open(location)
  const pieces: Uint8Array[] = []
  const last = (reader?.sizeBytes ?? 0) - 1
  for await (const piece of reader?.read(0, last) ?? []) pieces.push(piece)
  return Buffer.concat(pieces)
}

test('a layer may come in many chunks, though S3 has 10,000 numbers for parts', async () => {
  await using store = await openStore(openMemoryS3())
  const location = randomUUID()
  const content = randomBytes(6 * mebibyte)
  const chunks = 1300
  await store.startUpload(location)
  for (let at = 0; at < chunks; at += 1) {
    await append(store, location, at, content.subarray(at, at + 1))
  }
  await append(store, location, chunks, content.subarray(chunks))
  expect(await store.finish(location)).toEqual({ sizeBytes: content.length })
  expect((await contentOf(store, location)).equals(content)).toBe(true)
})

test('who was overtaken by another process does not finish the upload under its successor', async () => {
  const [former, later] = await openProcesses(openMemoryS3())
  const location = randomUUID()
  await former.startUpload(location)
  await using first = await former.openUpload(location, 0)
  await first?.write(randomBytes(7 * mebibyte))
  await first?.syncBytes()
  const content = randomBytes(7 * mebibyte)
  await using second = await later.openUpload(location, 0)
  await second?.write(content)
  await second?.syncBytes()
  await expect(former.finish(location)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(await later.finish(location)).toEqual({ sizeBytes: content.length })
  expect((await contentOf(later, location)).equals(content)).toBe(true)
})

test('what was finished once is finished as nothing else, though no row ever said as what', async () => {
  await using store = await openStore(openMemoryS3())
  for (const sizeBytes of [1000, 7 * mebibyte]) {
    const location = randomUUID()
    const content = randomBytes(sizeBytes)
    await store.startUpload(location)
    await finishAs(store, location, content)
    // Its row was never written: the client sends other bytes of that length, then the same again.
    const others = randomBytes(sizeBytes)
    await expect(finishAs(store, location, others)).rejects.toMatchObject({
      code: 'BLOB_UPLOAD_INVALID',
    })
    await finishAs(store, location, content)
    expect((await contentOf(store, location)).equals(content)).toBe(true)
  }
})

async function finishAs(store: BlobStore, location: string, content: Buffer): Promise<void> {
  await using writer = await store.openUpload(location, 0)
  await writer?.write(content)
  await writer?.syncBytes(`sha256:${createHash('sha256').update(content).digest('hex')}`)
  expect(await store.finish(location)).toEqual({ sizeBytes: content.length })
}
