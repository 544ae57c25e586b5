import { createHash, randomBytes, randomInt, randomUUID } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import type { BlobReader, BlobStore, StoredLocation } from './blob-store.ts'

const mebibyte = 1024 * 1024

export interface OpenedStore {
  readonly store: BlobStore
  /** The same bytes through another instance, as after a restart; absent if there is no such thing. */
  readonly reopen?: () => Promise<BlobStore>
}

/** What every store must do. `open` gives an empty one to each test. */
export function blobStoreSuite(name: string, open: () => Promise<OpenedStore>): void {
  const opened: BlobStore[] = []

  async function openStore(): Promise<BlobStore> {
    const { store } = await open()
    opened.push(store)
    return store
  }

  /** A store and a way to go on with it "after a restart", where there is such a thing. */
  async function openTwice(): Promise<{ store: BlobStore; later: () => Promise<BlobStore> }> {
    const { store, reopen } = await open()
    opened.push(store)
    async function later(): Promise<BlobStore> {
      if (reopen === undefined) {
        return store
      }
      const again = await reopen()
      opened.push(again)
      return again
    }
    return { store, later }
  }

  afterEach(async () => {
    for (const store of opened.splice(0)) {
      await store[Symbol.asyncDispose]()
    }
  })

  describe(name, () => {
    visibility(openStore)
    writing(openStore)
    continuing(openTwice)
    reading(openStore)
    removing(openStore)
    listing(openStore)
    refusing(openStore)
    concurrency(openStore)
    randomised(openTwice)
  })
}

type OpenStore = () => Promise<BlobStore>
type OpenTwice = () => Promise<{ store: BlobStore; later: () => Promise<BlobStore> }>

function visibility(openStore: OpenStore): void {
  test('bytes cannot be read until they are finished', async () => {
    const store = await openStore()
    const location = newLocation()
    await store.startUpload(location)
    expect(await store.open(location)).toBeUndefined()
    await append(store, location, 0, Buffer.from('staged'))
    expect(await store.open(location)).toBeUndefined()
    expect(await store.finish(location)).toEqual({ sizeBytes: 6 })
    expect(await contentOf(store, location)).toEqual(Buffer.from('staged'))
  })

  test('a location that was never started has no bytes', async () => {
    const store = await openStore()
    const location = newLocation()
    expect(await store.open(location)).toBeUndefined()
    expect(await store.openUpload(location, 0)).toBeUndefined()
    expect(await store.finish(location)).toBeUndefined()
  })

  test('an empty blob is a blob', async () => {
    const store = await openStore()
    const location = newLocation()
    await store.startUpload(location)
    await append(store, location, 0, Buffer.alloc(0))
    expect(await store.finish(location)).toEqual({ sizeBytes: 0 })
    expect(await contentOf(store, location)).toEqual(Buffer.alloc(0))
  })

  test('an upload that nothing was written to can be finished', async () => {
    const store = await openStore()
    const location = newLocation()
    await store.startUpload(location)
    expect(await store.finish(location)).toEqual({ sizeBytes: 0 })
  })

  test('the same content at two locations is two blobs', async () => {
    const store = await openStore()
    const content = randomBytes(1_000)
    const [one, other] = [await storeBlob(store, content), await storeBlob(store, content)]
    await store.remove([one])
    expect(await store.open(one)).toBeUndefined()
    expect(await contentOf(store, other)).toEqual(content)
  })
}

function writing(openStore: OpenStore): void {
  test.each([
    { chunkBytes: 1, sizeBytes: 3_000 },
    { chunkBytes: 4_097, sizeBytes: 300_001 },
    { chunkBytes: 65_536, sizeBytes: 65_536 },
    { chunkBytes: 65_536, sizeBytes: 65_537 },
    { chunkBytes: 65_521, sizeBytes: 5 * mebibyte + 17 },
    { chunkBytes: mebibyte, sizeBytes: 4 * mebibyte },
    { chunkBytes: mebibyte + 1, sizeBytes: 4 * mebibyte },
    { chunkBytes: 7 * mebibyte, sizeBytes: 7 * mebibyte },
  ])(
    'keeps $sizeBytes bytes that come in chunks of $chunkBytes',
    async ({ chunkBytes, sizeBytes }) => {
      const store = await openStore()
      const content = randomBytes(sizeBytes)
      const location = newLocation()
      await store.startUpload(location)
      // The caller's buffer is the same one every time: its old content must not be needed.
      const reused = Buffer.alloc(chunkBytes)
      await using writer = await store.openUpload(location, 0)
      for (let at = 0; at < sizeBytes; at += chunkBytes) {
        const lengthBytes = content.copy(reused, 0, at)
        await writer?.write(reused.subarray(0, lengthBytes))
        reused.fill(0xaa)
        expect(writer?.offsetBytes).toBe(Math.min(sizeBytes, at + chunkBytes))
      }
      expect(await writer?.sync()).toBe(sizeBytes)
      await writer?.[Symbol.asyncDispose]()
      expect(await store.finish(location)).toEqual({ sizeBytes })
      expect(sha256(await contentOf(store, location))).toBe(sha256(content))
    },
  )

  test('writes on after a sync, and each sync says how far it vouches', async () => {
    const store = await openStore()
    const location = newLocation()
    await store.startUpload(location)
    const content = randomBytes(3 * mebibyte)
    await using writer = await store.openUpload(location, 0)
    await writer?.write(content.subarray(0, 10))
    expect(await writer?.sync()).toBe(10)
    expect(await writer?.sync()).toBe(10)
    await writer?.write(content.subarray(10))
    expect(await writer?.sync()).toBe(content.length)
    await writer?.[Symbol.asyncDispose]()
    await store.finish(location)
    expect(sha256(await contentOf(store, location))).toBe(sha256(content))
  })

  test('bytes that were synced alone are what is finished, and may be gone on with', async () => {
    const store = await openStore()
    const location = newLocation()
    const content = randomBytes(100_000)
    await store.startUpload(location)
    const writer = await store.openUpload(location, 0)
    await writer?.write(content.subarray(0, 70_000))
    expect(await writer?.syncBytes()).toBe(70_000)
    await writer?.write(content.subarray(70_000))
    expect(await writer?.syncBytes()).toBe(content.length)
    expect(await writer?.sync()).toBe(content.length)
    await writer?.[Symbol.asyncDispose]()
    expect(await store.finish(location)).toEqual({ sizeBytes: content.length })
    expect(await contentOf(store, location)).toEqual(content)
  })

  test('a writer that is disposed of twice, or never written to, does no harm', async () => {
    const store = await openStore()
    const location = newLocation()
    await store.startUpload(location)
    const writer = await openWriter(store, location, 0)
    await writer[Symbol.asyncDispose]()
    await writer[Symbol.asyncDispose]()
    expect(await store.finish(location)).toEqual({ sizeBytes: 0 })
  })
}

function continuing(openTwice: OpenTwice): void {
  test('goes on at an offset after a restart', async () => {
    const { store, later } = await openTwice()
    const content = randomBytes(3 * mebibyte + 5)
    const location = newLocation()
    await store.startUpload(location)
    await append(store, location, 0, content.subarray(0, mebibyte + 3))
    const restarted = await later()
    await append(restarted, location, mebibyte + 3, content.subarray(mebibyte + 3))
    expect(await restarted.finish(location)).toEqual({ sizeBytes: content.length })
    expect(sha256(await contentOf(restarted, location))).toBe(sha256(content))
  })

  test('drops the bytes beyond the offset', async () => {
    const { store, later } = await openTwice()
    const location = newLocation()
    await store.startUpload(location)
    await append(store, location, 0, Buffer.from('vouched, and not'))
    const restarted = await later()
    await append(restarted, location, 7, Buffer.from('!'))
    expect(await restarted.finish(location)).toEqual({ sizeBytes: 8 })
    expect(await contentOf(restarted, location)).toEqual(Buffer.from('vouched!'))
  })

  test('opening at an offset drops the bytes beyond it even when none follow', async () => {
    const { store } = await openTwice()
    const location = newLocation()
    await store.startUpload(location)
    await append(store, location, 0, Buffer.from('vouched, and not'))
    await append(store, location, 7, Buffer.alloc(0))
    expect(await store.finish(location)).toEqual({ sizeBytes: 7 })
  })

  test('does not go on at an offset that the bytes do not reach', async () => {
    const { store } = await openTwice()
    const location = newLocation()
    await store.startUpload(location)
    await append(store, location, 0, Buffer.from('12345'))
    expect(await store.openUpload(location, 6)).toBeUndefined()
    await append(store, location, 5, Buffer.from('6'))
    await store.finish(location)
    expect(await store.openUpload(location, 7)).toBeUndefined()
    expect(await contentOf(store, location)).toEqual(Buffer.from('123456'))
  })

  test('gives the staged bytes back, to be hashed again', async () => {
    const { store, later } = await openTwice()
    const content = randomBytes(3 * mebibyte + 5)
    const location = newLocation()
    await store.startUpload(location)
    await append(store, location, 0, content)
    const restarted = await later()
    for (const lengthBytes of [0, 1, 65_537, 2 * mebibyte, content.length]) {
      const bytes = await collect(restarted.readStaged(location, lengthBytes))
      expect(bytes.equals(content.subarray(0, lengthBytes)), `${lengthBytes} bytes`).toBe(true)
    }
    for await (const piece of restarted.readStaged(location, content.length)) {
      expect(content.subarray(0, piece.length).equals(piece)).toBe(true)
      break
    }
    await append(restarted, location, content.length, Buffer.from('!'))
    expect(await restarted.finish(location)).toEqual({ sizeBytes: content.length + 1 })
  })

  test('shows what is written while more comes, also once it is finished', async () => {
    const { store } = await openTwice()
    if (store.openStaged === undefined) return
    const location = newLocation()
    await store.startUpload(location)
    const content = randomBytes(3 * mebibyte)
    const writer = await store.openUpload(location, 0)
    if (writer === undefined) throw new Error('nothing is staged')
    await using reader = await store.openStaged(location)
    if (reader === undefined) throw new Error('nothing is staged')
    await writer.write(content.subarray(0, mebibyte))
    await writer.sync()
    expect(writer.writtenBytes).toBe(mebibyte)
    expect(await collect(reader.read(0, mebibyte - 1))).toEqual(content.subarray(0, mebibyte))
    await writer.write(content.subarray(mebibyte))
    await writer.sync()
    await writer[Symbol.asyncDispose]()
    await store.finish(location)
    const rest = await collect(reader.read(mebibyte, content.length - 1))
    expect(rest.equals(content.subarray(mebibyte))).toBe(true)
    expect(await store.openStaged(location)).toBeUndefined()
  })

  test('fails to give back staged bytes that are not there', async () => {
    const { store } = await openTwice()
    const missing = expect.objectContaining({ code: 'UNAVAILABLE' })
    const location = newLocation()
    await expect(collect(store.readStaged(location, 1))).rejects.toEqual(missing)
    await store.startUpload(location)
    await append(store, location, 0, randomBytes(2 * mebibyte))
    await expect(collect(store.readStaged(location, 2 * mebibyte + 1))).rejects.toEqual(missing)
  })

  test('finishing can be repeated, also after a restart', async () => {
    const { store, later } = await openTwice()
    const location = await storeBlob(store, Buffer.from('content'))
    expect(await store.finish(location)).toEqual({ sizeBytes: 7 })
    expect(await (await later()).finish(location)).toEqual({ sizeBytes: 7 })
    expect(await contentOf(store, location)).toEqual(Buffer.from('content'))
  })

  test('stages finished bytes again when their row was never written', async () => {
    const { store, later } = await openTwice()
    const location = await storeBlob(store, Buffer.from('finished'))
    const restarted = await later()
    await append(restarted, location, 8, Buffer.from(', and more'))
    expect(await restarted.open(location)).toBeUndefined()
    expect(await restarted.finish(location)).toEqual({ sizeBytes: 18 })
    expect(await contentOf(restarted, location)).toEqual(Buffer.from('finished, and more'))
  })

  test('what comes after finished bytes whose row was never written takes the place of theirs', async () => {
    const { store, later } = await openTwice()
    for (const start of [0, 4]) {
      const location = await storeBlob(store, Buffer.from('finished'))
      const restarted = await later()
      const content = Buffer.from('finished'.slice(0, start).padEnd(8, '!'))
      await append(restarted, location, start, content.subarray(start))
      expect(await collect(restarted.readStaged(location, 8))).toEqual(content)
      expect(await restarted.finish(location)).toEqual({ sizeBytes: 8 })
      expect(await contentOf(restarted, location)).toEqual(content)
    }
  })

  test('goes on in the middle of large finished bytes whose row was never written', async () => {
    const { store, later } = await openTwice()
    const content = randomBytes(16 * mebibyte)
    const location = await storeBlob(store, content)
    const restarted = await later()
    const start = 10 * mebibyte
    await append(restarted, location, start, content.subarray(start))
    expect(await restarted.finish(location)).toEqual({ sizeBytes: content.length })
    expect(sha256(await contentOf(restarted, location))).toBe(sha256(content))
  })
}

function reading(openStore: OpenStore): void {
  test('reads ranges of a large blob, both ends included', async () => {
    const store = await openStore()
    const content = randomBytes(5 * mebibyte + 123)
    const last = content.length - 1
    const location = await storeBlob(store, content)
    await using reader = await openReader(store, location)
    const ranges: [start: number, end: number][] = [
      [0, 0],
      [last, last],
      [3 * mebibyte, 3 * mebibyte],
      [0, 65_535],
      [0, 65_536],
      [17, 17 + mebibyte - 1],
      [17, 17 + mebibyte],
      [mebibyte - 1, mebibyte],
      [12_345, last - 54_321],
      [2, last],
      [0, last],
    ]
    for (const [start, end] of ranges) {
      const bytes = await bytesOf(reader, start, end)
      expect(bytes.length).toBe(end - start + 1)
      expect(bytes.equals(content.subarray(start, end + 1)), `${start}-${end}`).toBe(true)
    }
  })

  test('gives pieces of at most 1 MiB', async () => {
    const store = await openStore()
    const location = await storeBlob(store, randomBytes(3 * mebibyte + 1))
    await using reader = await openReader(store, location)
    for await (const piece of reader.read(0, 3 * mebibyte)) {
      expect(piece.length).toBeGreaterThan(0)
      expect(piece.length).toBeLessThanOrEqual(mebibyte)
    }
  })

  test('serves several readers and ranges of one blob at the same time', async () => {
    const store = await openStore()
    const content = randomBytes(3 * mebibyte)
    const location = await storeBlob(store, content)
    await using reader = await openReader(store, location)
    await using other = await openReader(store, location)
    const all = await Promise.all([
      bytesOf(reader, 0, content.length - 1),
      bytesOf(reader, 5, content.length - 9),
      bytesOf(other, mebibyte, 2 * mebibyte),
    ])
    expect(all[0].equals(content)).toBe(true)
    expect(all[1].equals(content.subarray(5, -8))).toBe(true)
    expect(all[2].equals(content.subarray(mebibyte, 2 * mebibyte + 1))).toBe(true)
  })

  test('a range may be left in the middle, and the reader goes on', async () => {
    const store = await openStore()
    const content = randomBytes(4 * mebibyte)
    const location = await storeBlob(store, content)
    await using reader = await openReader(store, location)
    for (let round = 0; round < 3; round++) {
      for await (const piece of reader.read(0, content.length - 1)) {
        expect(content.subarray(0, piece.length).equals(piece)).toBe(true)
        break
      }
      const iterator = reader.read(0, content.length - 1)[Symbol.asyncIterator]()
      await iterator.return?.()
      expect((await iterator.next()).done).toBe(true)
    }
    expect((await bytesOf(reader, 0, content.length - 1)).equals(content)).toBe(true)
  })

  test('a range beyond the bytes fails instead of ending early', async () => {
    const store = await openStore()
    const location = await storeBlob(store, randomBytes(2 * mebibyte))
    await using reader = await openReader(store, location)
    expect(reader.sizeBytes).toBe(2 * mebibyte)
    for (const start of [0, 2 * mebibyte - 10, 2 * mebibyte]) {
      await expect(bytesOf(reader, start, 2 * mebibyte)).rejects.toMatchObject({
        code: 'UNAVAILABLE',
      })
    }
  })
}

function removing(openStore: OpenStore): void {
  test('aborting removes nothing, staged or finished bytes, and can be repeated', async () => {
    const store = await openStore()
    const [none, empty, staged] = [newLocation(), newLocation(), newLocation()]
    await store.startUpload(empty)
    await store.startUpload(staged)
    await append(store, staged, 0, Buffer.from('staged'))
    const finished = await storeBlob(store, Buffer.from('finished'))
    const bystander = await storeBlob(store, Buffer.from('bystander'))
    for (const location of [none, empty, staged, finished, none, empty, staged, finished]) {
      await store.abort(location)
      expect(await store.open(location)).toBeUndefined()
      expect(await store.openUpload(location, 0)).toBeUndefined()
      expect(await store.finish(location)).toBeUndefined()
    }
    expect(await everything(store)).toEqual([
      { location: bystander, sizeBytes: 9, state: 'finished' },
    ])
  })

  test('removes finished bytes; again is no error', async () => {
    const store = await openStore()
    const [one, other] = [await storeBlob(store, Buffer.from('1')), await storeBlob(store, 'other')]
    await store.remove([one, newLocation()])
    await store.remove([one])
    await store.remove([])
    expect(await store.open(one)).toBeUndefined()
    expect(await contentOf(store, other)).toEqual(Buffer.from('other'))
  })

  test('removing leaves staged bytes alone', async () => {
    const store = await openStore()
    const location = newLocation()
    await store.startUpload(location)
    await append(store, location, 0, Buffer.from('staged'))
    await store.remove([location])
    expect(await store.finish(location)).toEqual({ sizeBytes: 6 })
  })

  test('removes many at once', async () => {
    const store = await openStore()
    const locations = await Promise.all(range(50).map(() => storeBlob(store, 'x')))
    const kept = await storeBlob(store, 'kept')
    await store.remove(locations)
    expect((await everything(store)).map(({ location }) => location)).toEqual([kept])
  })
}

function listing(openStore: OpenStore): void {
  test('lists every location once, page by page, with its size and state', async () => {
    const store = await openStore()
    const expected = await storeSome(store, 25)
    for (const count of [1, 3, 24, 25, 26, 1_000]) {
      expect(await everything(store, count), `pages of ${count}`).toEqual(expected)
    }
    expect(await store.list(null, 10)).toEqual(await store.list(null, 10))
  })

  test('an empty store lists nothing', async () => {
    const store = await openStore()
    expect(await store.list(null, 10)).toEqual([])
    expect(await store.list(newLocation(), 10)).toEqual([])
  })

  test('goes on after a location that has gone meanwhile', async () => {
    const store = await openStore()
    const expected = await storeSome(store, 20)
    const seen: StoredLocation[] = []
    for (let page = await store.list(null, 3); page.length > 0; ) {
      seen.push(...page)
      await Promise.all(page.map(({ location }) => store.abort(location)))
      page = await store.list(page.at(-1)?.location ?? null, 3)
    }
    expect(byLocation(seen)).toEqual(expected)
    expect(await everything(store)).toEqual([])
  })

  test('does not miss what is finished between two pages', async () => {
    const store = await openStore()
    const expected = (await storeSome(store, 20)).map(({ location }) => location)
    const seen: string[] = []
    for (let page = await store.list(null, 3); page.length > 0; ) {
      seen.push(...page.map(({ location }) => location))
      await Promise.all(expected.map((location) => store.finish(location)))
      page = await store.list(page.at(-1)?.location ?? null, 3)
    }
    expect(seen.sort()).toEqual(expected)
  })
}

function refusing(openStore: OpenStore): void {
  test.each([
    '',
    'short-7',
    'a'.repeat(65),
    '../../etc/passwd',
    'aaaaaaaa/../bbbbbbbb',
    '/absolute-path',
    '..%2f..%2f-aaaa',
    'UPPERCASE',
    'with space',
    'dots.are.out',
    'nul\0nul\0nul',
    'line-break\n',
    'aaaaaaaa\\bbbb',
  ])('refuses %j as a location', async (location) => {
    const store = await openStore()
    const refused = expect.objectContaining({ code: 'INTERNAL' })
    await expect(async () => store.startUpload(location)).rejects.toEqual(refused)
    await expect(async () => store.openUpload(location, 0)).rejects.toEqual(refused)
    await expect(collect(store.readStaged(location, 1))).rejects.toEqual(refused)
    await expect(async () => store.finish(location)).rejects.toEqual(refused)
    await expect(async () => store.abort(location)).rejects.toEqual(refused)
    await expect(async () => store.open(location)).rejects.toEqual(refused)
    await expect(async () => store.remove([newLocation(), location])).rejects.toEqual(refused)
  })

  test.each(['a'.repeat(8), 'z'.repeat(64), '--------', '0-a-9-zzz'])(
    'takes %j as a location',
    async (location) => {
      const store = await openStore()
      await store.startUpload(location)
      expect(await store.finish(location)).toEqual({ sizeBytes: 0 })
      expect(await everything(store)).toEqual([{ location, sizeBytes: 0, state: 'finished' }])
    },
  )

  test('a store at rest passes its check', async () => {
    const store = await openStore()
    await storeBlob(store, 'content')
    await store.check()
    expect(await everything(store)).toHaveLength(1)
  })
}

function concurrency(openStore: OpenStore): void {
  test('takes many uploads at once without mixing them up', async () => {
    const store = await openStore()
    const contents = range(60).map((index) => randomBytes(index % 10 === 0 ? 3_000_000 : 5_000))
    const locations = await Promise.all(contents.map((content) => storeBlob(store, content)))
    const stored = await Promise.all(locations.map((location) => contentOf(store, location)))
    expect(stored.map(sha256)).toEqual(contents.map(sha256))
  })

  test('takes 80 uploads chunk by chunk in turn, more than there are large buffers', async () => {
    const store = await openStore()
    const uploads = await Promise.all(
      range(80).map(async () => {
        const location = newLocation()
        await store.startUpload(location)
        return {
          location,
          writer: await openWriter(store, location, 0),
          hash: createHash('sha256'),
        }
      }),
    )
    for (let round = 0; round < 8; round++) {
      for (const { writer, hash } of uploads) {
        const chunk = randomBytes(100_000)
        hash.update(chunk)
        await writer.write(chunk)
        chunk.fill(0)
      }
    }
    for (const { location, writer, hash } of uploads) {
      expect(await writer.sync()).toBe(800_000)
      await writer[Symbol.asyncDispose]()
      await store.finish(location)
      expect(sha256(await contentOf(store, location))).toBe(hash.digest('hex'))
    }
  })

  test('a writer that is stopped in the middle writes nothing more', async () => {
    const store = await openStore()
    const location = newLocation()
    await store.startUpload(location)
    await append(store, location, 0, Buffer.from('vouched'))
    const older = await openWriter(store, location, 7)
    const stopped = expect(writeUntilStopped(older)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await nextTurn()
    await older[Symbol.asyncDispose]()
    const content = randomBytes(2 * mebibyte)
    await append(store, location, 7, content)
    await stopped
    await expect(older.write(Buffer.from('late'))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(older.sync()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await store.finish(location)
    const expected = Buffer.concat([Buffer.from('vouched'), content])
    expect(sha256(await contentOf(store, location))).toBe(sha256(expected))
  })

  test('a writer that is stopped right after a write does not spoil another upload', async () => {
    const store = await openStore()
    const [stopped, other] = [newLocation(), newLocation()]
    await store.startUpload(stopped)
    await store.startUpload(other)
    for (const sizeBytes of [100, 70_000, 1_200_000, 2_500_000]) {
      const older = await openWriter(store, stopped, 0)
      const pending = older.write(Buffer.alloc(sizeBytes, 0xbb)).catch(() => undefined)
      const closing = older[Symbol.asyncDispose]()
      const content = randomBytes(sizeBytes)
      await append(store, other, 0, content)
      await Promise.all([pending, closing])
      await store.finish(other)
      expect(sha256(await contentOf(store, other)), `${sizeBytes} bytes`).toBe(sha256(content))
    }
  })

  test('finishing twice at once finishes once', async () => {
    const store = await openStore()
    const location = newLocation()
    await store.startUpload(location)
    await append(store, location, 0, Buffer.from('content'))
    const results = await Promise.all(range(4).map(() => store.finish(location)))
    expect(results).toEqual(range(4).map(() => ({ sizeBytes: 7 })))
    expect(await contentOf(store, location)).toEqual(Buffer.from('content'))
  })
}

function randomised(openTwice: OpenTwice): void {
  const seed = Number(process.env.ENTREPOT_TEST_SEED ?? randomInt(1_000_000))

  test(`agrees with a model over 300 random steps (ENTREPOT_TEST_SEED=${seed})`, async () => {
    const { store: first, later } = await openTwice()
    let store = first
    const random = randomFrom(seed)
    const model = new Map<string, { state: StoredLocation['state']; content: Buffer }>()

    function pick(): string {
      const known = [...model.keys()]
      return known[Math.floor(random() * known.length)] ?? newLocation()
    }

    async function write(location: string): Promise<void> {
      const entry = model.get(location)
      const lengthBytes = Math.floor(random() * (entry?.content.length ?? 0) * 1.1)
      const writer = await store.openUpload(location, lengthBytes)
      expect(writer !== undefined).toBe(entry !== undefined && lengthBytes <= entry.content.length)
      if (writer === undefined || entry === undefined) {
        return
      }
      const added = bytesFrom(random, Math.floor(random() ** 4 * 3_000_000))
      for (let at = 0; at < added.length; ) {
        const next = at + 1 + Math.floor(random() * 200_000)
        await writer.write(added.subarray(at, next))
        at = next
      }
      expect(await writer.sync()).toBe(lengthBytes + added.length)
      // Never vouched for, so never to be seen.
      await writer.write(bytesFrom(random, Math.floor(random() * 100_000)))
      await writer[Symbol.asyncDispose]()
      const content = Buffer.concat([entry.content.subarray(0, lengthBytes), added])
      const again = await openWriter(store, location, content.length)
      await again[Symbol.asyncDispose]()
      model.set(location, { state: 'staged', content })
    }

    async function readRange(location: string): Promise<void> {
      const entry = model.get(location)
      await using reader = await store.open(location)
      expect(reader !== undefined).toBe(entry?.state === 'finished')
      if (reader === undefined || entry === undefined || entry.content.length === 0) {
        return
      }
      expect(reader.sizeBytes).toBe(entry.content.length)
      const start = Math.floor(random() * entry.content.length)
      const end = start + Math.floor(random() * (entry.content.length - start))
      const bytes = await bytesOf(reader, start, end)
      expect(bytes.equals(entry.content.subarray(start, end + 1))).toBe(true)
    }

    async function finish(location: string): Promise<void> {
      const entry = model.get(location)
      const expected = entry && { sizeBytes: entry.content.length }
      expect(await store.finish(location)).toEqual(expected)
      if (entry !== undefined) {
        entry.state = 'finished'
      }
    }

    async function start(): Promise<void> {
      const location = newLocation()
      await store.startUpload(location)
      model.set(location, { state: 'staged', content: Buffer.alloc(0) })
    }

    async function drop(location: string): Promise<void> {
      if (random() < 0.5) {
        await store.abort(location)
        model.delete(location)
        return
      }
      await store.remove([location])
      if (model.get(location)?.state === 'finished') {
        model.delete(location)
      }
    }

    async function list(): Promise<void> {
      const expected = [...model].map(([location, { state, content }]) => ({
        location,
        sizeBytes: content.length,
        state,
      }))
      expect(await everything(store, 1 + Math.floor(random() * 10))).toEqual(byLocation(expected))
    }

    const steps = [start, start, write, write, write, finish, finish, readRange, readRange, drop]
    for (let step = 0; step < 300; step++) {
      const act = steps[Math.floor(random() * steps.length)] ?? start
      await act(pick())
      if (step % 20 === 0) {
        await list()
        store = await later()
      }
    }
    for (const location of model.keys()) {
      await finish(location)
      await readRange(location)
    }
    await list()
  })
}

function newLocation(): string {
  return randomUUID()
}

async function openWriter(store: BlobStore, location: string, offsetBytes: number) {
  const writer = await store.openUpload(location, offsetBytes)
  if (writer === undefined) {
    throw new Error(`there is no upload at ${location} of ${offsetBytes} bytes`)
  }
  return writer
}

async function openReader(store: BlobStore, location: string): Promise<BlobReader> {
  const reader = await store.open(location)
  if (reader === undefined) {
    throw new Error(`there is no blob at ${location}`)
  }
  return reader
}

async function append(store: BlobStore, location: string, offsetBytes: number, bytes: Buffer) {
  await using writer = await openWriter(store, location, offsetBytes)
  for (let at = 0; at < bytes.length; at += 65_536) {
    await writer.write(bytes.subarray(at, at + 65_536))
  }
  expect(await writer.sync()).toBe(offsetBytes + bytes.length)
}

async function storeBlob(store: BlobStore, content: Buffer | string): Promise<string> {
  const location = newLocation()
  await store.startUpload(location)
  await append(store, location, 0, Buffer.from(content))
  await store.finish(location)
  return location
}

function bytesOf(reader: BlobReader, start: number, end: number): Promise<Buffer> {
  return collect(reader.read(start, end))
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of stream) {
    // A turn later it must still hold the same bytes.
    await nextTurn()
    pieces.push(Buffer.from(piece))
  }
  return Buffer.concat(pieces)
}

async function contentOf(store: BlobStore, location: string): Promise<Buffer> {
  await using reader = await openReader(store, location)
  return await bytesOf(reader, 0, reader.sizeBytes - 1)
}

/** Staged, finished and empty ones, in the order of their locations. */
async function storeSome(store: BlobStore, count: number): Promise<StoredLocation[]> {
  const some: StoredLocation[] = []
  for (const index of range(count)) {
    const location = newLocation()
    await store.startUpload(location)
    await append(store, location, 0, Buffer.alloc(index))
    if (index % 3 !== 0) {
      await store.finish(location)
    }
    some.push({ location, sizeBytes: index, state: index % 3 === 0 ? 'staged' : 'finished' })
  }
  return byLocation(some)
}

/** All pages of a listing; each location at most once. The order is the store's own. */
async function everything(store: BlobStore, count = 100): Promise<StoredLocation[]> {
  const all: StoredLocation[] = []
  for (let page = await store.list(null, count); page.length > 0; ) {
    expect(page.length).toBeLessThanOrEqual(count)
    all.push(...page)
    page = await store.list(page.at(-1)?.location ?? null, count)
  }
  expect(new Set(all.map(({ location }) => location)).size).toBe(all.length)
  return byLocation(all)
}

function byLocation(entries: readonly StoredLocation[]): StoredLocation[] {
  return [...entries].sort((one, other) => (one.location < other.location ? -1 : 1))
}

async function writeUntilStopped(writer: { write(chunk: Uint8Array): Promise<void> }) {
  for (;;) {
    await writer.write(Buffer.alloc(300_000, 0xcc))
    await nextTurn()
  }
}

function range(count: number): number[] {
  return [...Array(count).keys()]
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** A small linear congruential generator: the same numbers from the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

function bytesFrom(random: () => number, lengthBytes: number): Buffer {
  const period = Buffer.alloc(Math.min(lengthBytes, 4_093), 0).map(() => Math.floor(random() * 256))
  return period.length === 0 ? Buffer.alloc(0) : Buffer.alloc(lengthBytes, period)
}
