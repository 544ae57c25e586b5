import { randomBytes } from 'node:crypto'
import { open as openFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { blob, contentOf, seededBytes } from '../../test/support/content.ts'
import { makeTemporaryFolder, type TemporaryFolder } from '../../test/support/temporary-folder.ts'
import { openEncryption } from '../auth/encrypted.ts'
import type { BlobStore, UploadWriter } from '../blobs/blob-store.ts'
import { openFileStore } from '../blobs/file-store.ts'
import { type Db, openDatabase } from '../db/database.ts'
import { claimUpload } from '../db/uploads.ts'
import { parseDigest } from '../domain/digest.ts'
import { RegistryError } from '../domain/errors.ts'
import { parseRepositoryPath } from '../domain/reference.ts'
import { openBlob } from './blobs.ts'
import { createFeed, type Feed } from './feeds.ts'
import { openSettings } from './settings.ts'
import { openStores, type Stores } from './stores.ts'
import type { RequestBody } from './upload-session.ts'
import { Uploads } from './uploads.ts'

let folder: TemporaryFolder
let db: Db
let stores: Stores
let disk: BlobStore
let feed: Feed
const { repository } = parseRepositoryPath('main/app')

beforeEach(async () => {
  folder = makeTemporaryFolder('uploads')
  db = await openDatabase({ url: `sqlite:${path.join(folder.path, 'test.db')}` })
  stores = await openStores({
    db,
    dataDir: folder.path,
    secrets: openEncryption(randomBytes(32)),
    defaultStore: null,
    openCloud: (_storeId, { place }) => {
      throw new Error(`nobody defined ${place.type}`)
    },
    openDisk: async (root) => {
      const store = await openFileStore({ root, reserveBytes: 0 })
      disk = store
      return { id: store.id, store }
    },
  })
  feed = await createFeed({ db, storeId: stores.defaultStoreId, by: 'test' }, { name: 'main' })
})

afterEach(async () => {
  await stores[Symbol.asyncDispose]()
  await db[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

function bodyOf(...pieces: readonly Uint8Array[]): RequestBody {
  return {
    lengthBytes: pieces.reduce((sum, piece) => sum + piece.length, 0),
    async *chunks(signal) {
      for (const piece of pieces) {
        signal.throwIfAborted()
        yield piece
      }
    },
  }
}

const chunkOf = (...pieces: readonly Uint8Array[]) => ({ body: bodyOf(...pieces), range: null })

async function open(database: Db = db): Promise<Uploads> {
  return new Uploads({ db: database, stores, settings: await openSettings(db) })
}

async function start(uploads: Uploads) {
  const { id } = await uploads.start({ feed, repository, by: 'test' })
  const row = await db.read
    .selectFrom('uploads')
    .select('repository_id')
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  return { id, repositoryId: row.repository_id }
}

async function readBlob(digest: string): Promise<Buffer> {
  const log = { error: () => undefined }
  const target = { feed, repository, digest: parseDigest(digest) }
  await using reader = await openBlob({ db, stores, log }, target)
  const pieces: Buffer[] = []
  for await (const piece of reader.read(0, reader.sizeBytes - 1)) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces)
}

const blobDigest = (bytes: Uint8Array) => contentOf(bytes).digest

async function writeAt(file: string, position: number, bytes: Uint8Array) {
  await using handle = await openFile(file, 'r+')
  await handle.write(bytes, 0, bytes.length, position)
}

/** The same database; around the first write of this name something else happens. */
function around(
  name: string,
  { before, after }: { before?: () => Promise<unknown>; after?: () => Promise<unknown> },
): Db {
  let isFirst = true
  const surround = async <T>(work: () => Promise<T>): Promise<T> => {
    await before?.()
    const output = await work()
    await after?.()
    return output
  }
  const write: Db['write'] = (run, input) => {
    if (!isFirst || run.name !== name) return db.write(run, input)
    isFirst = false
    return surround(() => db.write(run, input))
  }
  return {
    ...{ dialect: db.dialect, read: db.read, write },
    copyTo: (file) => db.copyTo(file),
    examine: (order) => db.examine(order),
    check: () => db.check(),
    [Symbol.asyncDispose]: async () => {},
  }
}

test('a claim that is answered late does not touch what a newer one has written', async () => {
  const content = blob('late claim', 300_000)
  const key = await start(await open())
  // As with a pool of connections: answers come in another order than claims were made in.
  const uploads = await open(around('claimUpload', { after: () => sleep(200) }))
  const late = uploads.append(key, chunkOf(seededBytes('stale', 250_000)))
  const refused = expect(late).rejects.toMatchObject({ code: 'BLOB_UPLOAD_INVALID' })
  await sleep(50)
  await uploads.append(key, chunkOf(content.bytes))
  await refused
  await uploads.commit(key, parseDigest(content.digest), chunkOf())
  expect((await readBlob(content.digest)).equals(content.bytes)).toBe(true)
})

describe('an upload that this process has begun', () => {
  test('goes on here after another process has written to it', async () => {
    const content = blob('elsewhere in between', 300_000)
    const here = await open()
    const key = await start(here)
    await (await open()).append(key, chunkOf(content.bytes.subarray(0, 200_000)))
    expect(await here.append(key, chunkOf(content.bytes.subarray(200_000)))).toMatchObject({
      offsetBytes: content.size,
    })
    await here.commit(key, parseDigest(content.digest), chunkOf())
    expect((await readBlob(content.digest)).equals(content.bytes)).toBe(true)
  })

  test('has one first writer: a second request overtakes it', async () => {
    const content = blob('second of two', 300_000)
    const uploads = await open()
    const key = await start(uploads)
    const first = uploads.append(key, {
      body: {
        lengthBytes: null,
        async *chunks(signal) {
          yield seededBytes('first', 100_000)
          await sleep(10_000, undefined, { signal }).catch(() => signal.throwIfAborted())
        },
      },
      range: null,
    })
    const refused = expect(first).rejects.toMatchObject({ code: 'BLOB_UPLOAD_INVALID' })
    await uploads.commit(key, parseDigest(content.digest), chunkOf(content.bytes))
    await refused
    expect((await readBlob(content.digest)).equals(content.bytes)).toBe(true)
  })
})

test('overtaken between rename and commit: the newcomer finds the bytes and commits', async () => {
  const content = blob('overtaken after the rename', 300_000)
  const plain = await open()
  const key = await start(plain)
  await plain.append(key, chunkOf(content.bytes))
  // A process died, or was overtaken, right after the rename.
  const { location } = await db.read
    .selectFrom('uploads')
    .select('location')
    .where('id', '=', key.id)
    .executeTakeFirstOrThrow()
  await stores.get(stores.defaultStoreId).finish(location)
  const newcomer = await open()
  expect(await newcomer.status(key)).toMatchObject({ offsetBytes: content.size })
  const more = seededBytes('more', 1000)
  const whole = Buffer.concat([content.bytes, more])
  await newcomer.append(key, chunkOf(more))
  const digest = blobDigest(whole)
  await newcomer.commit(key, parseDigest(digest), chunkOf())
  expect((await readBlob(digest)).equals(whole)).toBe(true)
})

test('a commit that was overtaken while its rename ran does not end the upload', async () => {
  const content = blob('overtaken at commit', 200_000)
  const key = await start(await open())
  const slow = await open(around('commitUpload', { before: () => db.write(claimUpload, key) }))
  await slow.append(key, chunkOf(content.bytes))
  await expect(slow.commit(key, parseDigest(content.digest), chunkOf())).rejects.toMatchObject({
    code: 'BLOB_UPLOAD_INVALID',
  })
  const next = await open()
  await next.commit(key, parseDigest(content.digest), chunkOf())
  expect((await readBlob(content.digest)).equals(content.bytes)).toBe(true)
})

test('eight commits of one upload at once: each hears success or that it was overtaken', async () => {
  const content = blob('commits at once', 200_000)
  const uploads = await open()
  const key = await start(uploads)
  await uploads.append(key, chunkOf(content.bytes))
  const results = await Promise.allSettled(
    Array.from({ length: 8 }, () => uploads.commit(key, parseDigest(content.digest), chunkOf())),
  )
  expect(results.filter((result) => result.status === 'fulfilled').length).toBeGreaterThan(0)
  for (const result of results) {
    if (result.status === 'rejected') {
      expect(result.reason).toMatchObject({ code: 'BLOB_UPLOAD_INVALID' })
    }
  }
  expect((await readBlob(content.digest)).equals(content.bytes)).toBe(true)
  expect(await db.read.selectFrom('uploads').selectAll().execute()).toEqual([])
})

test('a newcomer does not wait while its predecessor reads the bytes again', async () => {
  const content = blob('read again', 64 * 1024 * 1024)
  const warm = await open()
  const key = await start(warm)
  await warm.append(key, chunkOf(content.bytes))
  // Cold: both have to read the 64 MiB, but the first stops when the second comes.
  const cold = await open()
  const tail = seededBytes('tail', 10)
  const first = cold.append(key, chunkOf(tail))
  const refused = expect(first).rejects.toMatchObject({ code: 'BLOB_UPLOAD_INVALID' })
  await sleep(1)
  await cold.append(key, chunkOf(tail))
  await refused
  const whole = Buffer.concat([content.bytes, tail])
  await cold.commit(key, parseDigest(blobDigest(whole)), chunkOf())
})

test('bytes that changed on the disk meanwhile are noticed before they are gone on with', async () => {
  const content = blob('changed', 300_000)
  const key = await start(await open())
  const warm = await open()
  await warm.append(key, chunkOf(content.bytes))
  const { location } = await db.read
    .selectFrom('uploads')
    .select('location')
    .where('id', '=', key.id)
    .executeTakeFirstOrThrow()
  await writeAt(path.join(folder.path, 'store', 'uploads', location), 1000, Buffer.from('oops'))
  const cold = await open()
  await expect(cold.append(key, chunkOf(Buffer.from('x')))).rejects.toMatchObject({
    code: 'BLOB_UPLOAD_UNKNOWN',
  })
})

test('an overtaken writer does not hear that the upload is gone', async () => {
  const content = blob('overtaken at its checkpoint', 100_000)
  const key = await start(await open())
  const slow = await open(around('advanceUpload', { before: () => db.write(claimUpload, key) }))
  await expect(slow.append(key, chunkOf(content.bytes))).rejects.toMatchObject({
    code: 'BLOB_UPLOAD_INVALID',
  })
  expect(await (await open()).status(key)).toMatchObject({ offsetBytes: 0 })
})

describe('a rest that was taken for the whole', () => {
  const first = Buffer.alloc(100_000)
  const rest = Buffer.concat([Buffer.alloc(200_000), seededBytes('its end', 2_000_000)])
  const whole = Buffer.concat([first, rest])
  const digest = parseDigest(blobDigest(whole))
  const locations = async () =>
    (await stores.get(stores.defaultStoreId).list(null, 10)).map(({ state }) => state)

  test('is a blob, on a process that did not see its start too, and nothing else is left', async () => {
    const key = await start(await open())
    await (await open()).append(key, chunkOf(first))
    await (await open()).commit(
      key,
      digest,
      chunkOf(rest.subarray(0, 50_000), rest.subarray(50_000)),
    )
    expect((await readBlob(digest)).equals(whole)).toBe(true)
    expect(await db.read.selectFrom('uploads').selectAll().execute()).toEqual([])
    expect(await locations()).toEqual(['finished'])
  })

  test.each(['forkUpload', 'commitUpload'])(
    'leaves the upload as it was when %s fails',
    async (name) => {
      const failing = around(name, { before: () => Promise.reject(new Error('no database')) })
      const uploads = new Uploads({
        ...{ db: failing, stores, settings: await openSettings(db) },
        checkpointMs: 1,
      })
      const key = await start(uploads)
      await uploads.append(key, chunkOf(first))
      await expect(uploads.commit(key, digest, slowly(rest))).rejects.toThrow('no database')
      expect(await uploads.status(key)).toMatchObject({ offsetBytes: first.length })
      expect(await locations()).toEqual(['staged'])
      await uploads.commit(key, digest, slowly(rest))
      expect((await readBlob(digest)).equals(whole)).toBe(true)
    },
  )

  test('does not commit once it was overtaken', async () => {
    const key = await start(await open())
    const slow = await open(around('forkUpload', { before: () => db.write(claimUpload, key) }))
    await slow.append(key, chunkOf(first))
    await expect(slow.commit(key, digest, chunkOf(rest))).rejects.toMatchObject({
      code: 'BLOB_UPLOAD_INVALID',
    })
    expect(await db.read.selectFrom('blobs').selectAll().execute()).toEqual([])
    await (await open()).commit(key, digest, chunkOf(rest))
    expect((await readBlob(digest)).equals(whole)).toBe(true)
  })
})

/** In pieces, with time for checkpoints in between. */
function slowly(bytes: Buffer) {
  const body: RequestBody = {
    lengthBytes: bytes.length,
    async *chunks() {
      for (let at = 0; at < bytes.length; at += 300_000) {
        await sleep(5)
        yield bytes.subarray(at, at + 300_000)
      }
    },
  }
  return { body, range: null }
}

describe('a write that fails', () => {
  const broken = new RegistryError('UNAVAILABLE', 'The blob store cannot be used now.')
  const content = blob('torn', 300_000)
  const [first, second, last] = [
    content.bytes.subarray(0, 100_000),
    content.bytes.subarray(100_000, 200_000),
    content.bytes.subarray(200_000),
  ]

  /** From now on the first writer's second write fails, when it has taken so much. */
  function failOnce(takenBytes: number) {
    const openUpload = disk.openUpload.bind(disk)
    let isFirst = true
    disk.openUpload = async (location, offsetBytes) => {
      const writer = await openUpload(location, offsetBytes)
      if (writer === undefined || !isFirst) return writer
      isFirst = false
      let writes = 0
      return writingBy(writer, async (chunk) => {
        writes += 1
        if (writes === 1) return writer.write(chunk)
        await writer.write(chunk.subarray(0, takenBytes))
        throw broken
      })
    }
  }

  test.each([
    ['nothing', 0],
    ['some', 40_000],
    ['all', 100_000],
  ])('having taken %s of a piece does not spoil the upload', async (_name, takenBytes) => {
    const uploads = await open()
    const key = await start(uploads)
    failOnce(takenBytes)
    await expect(uploads.append(key, chunkOf(first, second))).rejects.toBe(broken)
    const { offsetBytes } = await uploads.status(key)
    expect([0, first.length]).toContain(offsetBytes)
    await uploads.append(key, chunkOf(content.bytes.subarray(offsetBytes, 200_000)))
    await uploads.commit(key, parseDigest(content.digest), chunkOf(last))
    expect((await readBlob(content.digest)).equals(content.bytes)).toBe(true)
  })

  test('is not taken for done by a client that goes on as if it were', async () => {
    const uploads = await open()
    const key = await start(uploads)
    failOnce(0)
    await expect(uploads.append(key, chunkOf(first, second))).rejects.toBe(broken)
    const wanted = contentOf(content.bytes.subarray(0, 200_000)).digest
    await expect(uploads.commit(key, parseDigest(wanted), chunkOf())).rejects.toMatchObject({
      code: 'DIGEST_INVALID',
    })
  })
})

/** The writer, but for how it writes. */
function writingBy(writer: UploadWriter, write: UploadWriter['write']): UploadWriter {
  return {
    write,
    sync: () => writer.sync(),
    syncBytes: () => writer.syncBytes(),
    get writtenBytes() {
      return writer.writtenBytes
    },
    get offsetBytes() {
      return writer.offsetBytes
    },
    [Symbol.asyncDispose]: () => writer[Symbol.asyncDispose](),
  }
}
