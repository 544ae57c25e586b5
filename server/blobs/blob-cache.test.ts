import { randomBytes, randomUUID } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { digestOf } from '../../test/support/content.ts'
import { makeTemporaryFolder, type TemporaryFolder } from '../../test/support/temporary-folder.ts'
import { BlobCache } from './blob-cache.ts'
import type { BlobStore } from './blob-store.ts'
import { openCachedStore } from './cached-store.ts'
import { openMemoryStore } from './memory-store.ts'

const mebibyte = 1024 * 1024
const maxBytes = 10 * mebibyte
let folder: TemporaryFolder
let inner: BlobStore
let cache: BlobCache
let store: BlobStore

beforeEach(async () => {
  folder = makeTemporaryFolder('cache')
  inner = await openMemoryStore()
  await open()
})
afterEach(async () => {
  await cache[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

async function open() {
  cache = await BlobCache.open({ folder: folder.path, maxBytes, reserveBytes: 0 })
  store = openCachedStore(inner, cache)
}

interface Blob {
  readonly location: string
  readonly bytes: Buffer
  readonly content: { readonly digest: string; readonly sizeBytes: number }
}

async function makeBlob(sizeBytes: number): Promise<Blob> {
  const bytes = randomBytes(sizeBytes)
  const location = randomUUID()
  await store.startUpload(location)
  const writer = await store.openUpload(location, 0)
  await writer?.write(bytes)
  await writer?.syncBytes()
  await writer?.[Symbol.asyncDispose]()
  await store.finish(location)
  const digest = digestOf(bytes)
  return { location, bytes, content: { digest, sizeBytes } }
}

/** Bytes of a blob, and whether they came from the cache. */
async function read({ location, content }: Blob, start = 0, end = content.sizeBytes - 1) {
  await using reader = await store.open(location, content)
  const pieces: Buffer[] = []
  for await (const piece of reader?.read(start, end) ?? []) pieces.push(Buffer.from(piece))
  return { bytes: Buffer.concat(pieces), isCached: reader?.isCached === true }
}

async function expectRead(blob: Blob, isCached: boolean): Promise<void> {
  const found = await read(blob)
  expect(found.bytes.equals(blob.bytes)).toBe(true)
  expect(found.isCached).toBe(isCached)
}

const filesHere = () => readdirSync(folder.path)
const fileOf = ({ location, content }: Blob) =>
  path.join(folder.path, `${location}.${content.sizeBytes}`)

async function fill(blob: Blob): Promise<void> {
  expect((await read(blob)).bytes.equals(blob.bytes)).toBe(true)
  await expect.poll(() => existsSync(fileOf(blob))).toBe(true)
  await expect.poll(async () => (await read(blob, 0, 0)).isCached).toBe(true)
}

describe('a cache of blobs', () => {
  test('keeps what was read whole, and gives it back without the store', async () => {
    const blob = await makeBlob(3 * mebibyte)
    await fill(blob)
    await inner.remove([blob.location])
    await expectRead(blob, true)
    const part = await read(blob, 100, 199)
    expect(part).toEqual({ bytes: blob.bytes.subarray(100, 200), isCached: true })
  })

  test('keeps nothing of a part, of a reader who leaves, or of one who knows no digest', async () => {
    const blob = await makeBlob(3 * mebibyte)
    await read(blob, 0, 2 * mebibyte)
    await using reader = await store.open(blob.location, blob.content)
    for await (const _piece of reader?.read(0, 3 * mebibyte - 1) ?? []) break
    await using plain = await store.open(blob.location)
    for await (const _piece of plain?.read(0, 3 * mebibyte - 1) ?? []);
    await expect.poll(filesHere).toEqual([])
    expect(cache.usedBytes).toBe(0)
  })

  test('keeps nothing whose digest is another', async () => {
    const blob = await makeBlob(3 * mebibyte)
    const digest = `sha256:${'0'.repeat(64)}`
    const wrong = { ...blob, content: { ...blob.content, digest } }
    await read(wrong)
    await expect.poll(() => cache.usedBytes).toBe(0)
    expect(filesHere()).toEqual([])
    expect((await read(wrong)).isCached).toBe(false)
  })

  test('never takes more than its limit: what was not read for the longest goes first', async () => {
    const blobs = [
      await makeBlob(3 * mebibyte),
      await makeBlob(3 * mebibyte),
      await makeBlob(3 * mebibyte),
    ]
    for (const blob of blobs) await fill(blob)
    // The first is read once more: the second has to go.
    await read(blobs[0] as Blob, 0, 0)
    const more = await makeBlob(3 * mebibyte)
    await fill(more)
    expect(cache.usedBytes).toBeLessThanOrEqual(maxBytes)
    const isKept = await Promise.all(blobs.map(async (each) => (await read(each, 0, 0)).isCached))
    expect(isKept).toEqual([true, false, true])
    await expect.poll(() => filesHere().length).toBe(3)
    const large = await makeBlob(maxBytes)
    await expectRead(large, false)
    await expectRead(large, false)
    expect((await read(more, 0, 0)).isCached).toBe(true)
  })

  test('falls back to the store when its file is gone, short, or ends while it is read', async () => {
    const blob = await makeBlob(3 * mebibyte)
    await fill(blob)
    truncateSync(fileOf(blob), 3 * mebibyte - 1)
    await expectRead(blob, false)
    await fill(blob)
    await using reader = await store.open(blob.location, blob.content)
    truncateSync(fileOf(blob), 1000)
    const pieces: Buffer[] = []
    for await (const piece of reader?.read(0, 3 * mebibyte - 1) ?? [])
      pieces.push(Buffer.from(piece))
    expect(Buffer.concat(pieces).equals(blob.bytes)).toBe(true)
    expect((await read(blob)).isCached).toBe(false)
  })

  test('has what it had after a restart, and nothing that was half written', async () => {
    const blob = await makeBlob(3 * mebibyte)
    await fill(blob)
    await cache[Symbol.asyncDispose]()
    writeFileSync(path.join(folder.path, 'filling-1'), 'half')
    await open()
    expect(cache.usedBytes).toBe(3 * mebibyte)
    expect(filesHere()).toEqual([path.basename(fileOf(blob))])
    await expectRead(blob, true)
    expect(readFileSync(fileOf(blob)).equals(blob.bytes)).toBe(true)
  })

  test('forgets what is removed from the store', async () => {
    const [one, other] = [await makeBlob(3 * mebibyte), await makeBlob(3 * mebibyte)]
    await fill(one)
    await fill(other)
    await store.remove([one.location])
    await store.abort(other.location)
    await expect.poll(filesHere).toEqual([])
    expect(await store.open(one.location, one.content)).toBeUndefined()
  })

  test('is filled once by many who read at the same time', async () => {
    const blob = await makeBlob(4 * mebibyte)
    const all = await Promise.all(Array.from({ length: 20 }, () => read(blob)))
    for (const { bytes } of all) expect(bytes.equals(blob.bytes)).toBe(true)
    await expect.poll(() => filesHere()).toEqual([path.basename(fileOf(blob))])
    await expect.poll(() => cache.usedBytes).toBe(4 * mebibyte)
  })
})
