import { execFile, execFileSync } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { rmdirSync } from 'node:fs'
import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { makeTemporaryFolder } from '../../test/support/temporary-folder.ts'
import { blobStoreSuite } from './blob-store.suite.ts'
import type { BlobStore } from './blob-store.ts'
import { type FileStoreOptions, openFileStore } from './file-store.ts'

const markerName = 'entrepot-store.json'

blobStoreSuite('a store on disk', async () => {
  const root = newRoot()
  return {
    store: await openFileStore({ root, reserveBytes: 0 }),
    reopen: () => openFileStore({ root, reserveBytes: 0 }),
  }
})

describe('the layout', () => {
  test('staged and finished files are where it says, for nobody else to read', async () => {
    const { root, store } = await openStore()
    const location = 'ab12cdef-0000'
    await store.startUpload(location)
    await append(store, location, Buffer.from('content'))
    expect(await readFile(path.join(root, 'uploads', location), 'utf8')).toBe('content')
    expect(await modeOf(path.join(root, 'uploads', location))).toBe(0o600)
    await store.finish(location)
    expect(await readdir(path.join(root, 'uploads'))).toEqual([])
    expect(await readFile(path.join(root, 'blobs', 'ab', location), 'utf8')).toBe('content')
    expect(await modeOf(path.join(root, 'blobs', 'ab', location))).toBe(0o600)
    for (const folder of ['.', 'uploads', 'blobs', 'blobs/ab']) {
      expect(await modeOf(path.join(root, folder)), folder).toBe(0o700)
    }
    expect(await modeOf(path.join(root, markerName))).toBe(0o600)
    expect((await readdir(root)).sort()).toEqual(['blobs', markerName, 'uploads'])
  })

  test('makes the folders above the store', async () => {
    const root = path.join(newRoot(), 'a', 'b')
    const store = await openFileStore({ root, reserveBytes: 0 })
    await storeBlob(store, 'content')
    await store.check()
  })

  test('a location is not started twice while its bytes are there', async () => {
    const { store } = await openStore()
    const location = randomUUID()
    await store.startUpload(location)
    await append(store, location, Buffer.from('precious'))
    await expect(store.startUpload(location)).rejects.toMatchObject({ code: 'INTERNAL' })
    await store.finish(location)
    await expect(store.startUpload(location)).rejects.toMatchObject({ code: 'INTERNAL' })
    expect(await contentOf(store, location)).toBe('precious')
  })

  test('what others left in the folders is not listed', async () => {
    const { root, store } = await openStore()
    const location = await storeBlob(store, 'content')
    await writeFile(path.join(root, 'uploads', 'Thumbs.db'), '')
    await mkdir(path.join(root, 'uploads', 'a-folder-of-somebody'))
    await mkdir(path.join(root, 'blobs', 'lost+found'))
    await writeFile(path.join(root, 'blobs', 'zz'), 'a file named like a shard')
    await writeFile(path.join(root, 'blobs', location.slice(0, 2), '.nfs0000'), '')
    await mkdir(path.join(root, 'blobs', '00'), { recursive: true })
    await writeFile(path.join(root, 'blobs', '00', 'ff-in-the-wrong-shard'), '')
    expect(await store.list(null, 10)).toEqual([{ location, sizeBytes: 7, state: 'finished' }])
  })

  test('finishes although somebody removed the empty folders', async () => {
    const { root, store } = await openStore()
    const [one, other] = ['ab000000-1', 'ab000000-2']
    await storeBlob(store, 'one', one)
    await store.remove([one])
    await rm(path.join(root, 'blobs', 'ab'), { recursive: true })
    await storeBlob(store, 'other', other)
    expect(await contentOf(store, other)).toBe('other')
  })

  test('a reader that is open goes on when the bytes are removed', async () => {
    const { store } = await openStore()
    const content = randomBytes(3_000_000)
    const location = await storeBlob(store, content)
    await using reader = await store.open(location)
    await store.remove([location])
    expect(await store.open(location)).toBeUndefined()
    const pieces: Buffer[] = []
    for await (const piece of reader?.read(0, content.length - 1) ?? []) {
      pieces.push(Buffer.from(piece))
    }
    expect(Buffer.concat(pieces).equals(content)).toBe(true)
  })

  test('a file that is cut short while it is read is an error, not an end', async () => {
    const { root, store } = await openStore()
    const location = await storeBlob(store, randomBytes(5_000_000))
    await using reader = await store.open(location)
    await truncate(path.join(root, 'blobs', location.slice(0, 2), location), 4_000_000)
    await expect(drain(reader?.read(0, 4_999_999))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(drain(reader?.read(0, 3_999_999))).resolves.toBe(4_000_000)
  })

  test('reading ahead may fail while nobody is asking', async () => {
    const { root, store } = await openStore()
    const location = await storeBlob(store, randomBytes(3_000_000))
    await using reader = await store.open(location)
    await truncate(path.join(root, 'blobs', location.slice(0, 2), location), 1024 * 1024)
    // Were that failure handled by nobody, it would end the process: the test run notices.
    for await (const piece of reader?.read(0, 2_999_999) ?? []) {
      expect(piece.length).toBe(1024 * 1024)
      await sleep(50)
      break
    }
  })

  test('buffers go back however a range ends', async () => {
    const { store } = await openStore()
    const location = await storeBlob(store, randomBytes(3_000_000))
    await using reader = await store.open(location)
    // More rounds than there are buffers: were they kept, the pieces would become small.
    for (let round = 0; round < 60; round++) {
      for await (const piece of reader?.read(0, 2_999_999) ?? []) {
        expect(piece.length).toBe(1024 * 1024)
        break
      }
      await expect(drain(reader?.read(1_000_000, 9_999_999))).rejects.toThrow()
    }
  })

  test('a thousand readers at once share what memory there is', async () => {
    const { store } = await openStore()
    const content = randomBytes(2_500_000)
    const location = await storeBlob(store, content)
    await using reader = await store.open(location)
    const before = process.memoryUsage().arrayBuffers
    const streams = Array.from({ length: 1_000 }, () =>
      reader?.read(0, content.length - 1)[Symbol.asyncIterator](),
    )
    await Promise.all(streams.map((stream) => stream?.next()))
    const grownMebibytes = (process.memoryUsage().arrayBuffers - before) / 1024 / 1024
    await Promise.all(streams.map((stream) => stream?.return?.()))
    // 48 large buffers, and two of 64 KiB for each of the others.
    expect(grownMebibytes).toBeLessThan(48 + 125 + 10)
  })
})

describe('a file of somebody else', () => {
  async function linked() {
    const { root, store } = await openStore()
    const file = path.join(root, '..', `${randomUUID()}-theirs`)
    await writeFile(file, 'theirs', { mode: 0o644 })
    const location = randomUUID()
    await store.link?.(location, file)
    return { root, store, file, location }
  }

  test('gets a second name, which is all that removing takes', async () => {
    const { root, store, file, location } = await linked()
    expect(await contentOf(store, location)).toBe('theirs')
    const place = path.join(root, 'blobs', location.slice(0, 2), location)
    expect((await stat(place)).ino).toBe((await stat(file)).ino)
    await store.remove([location])
    expect(await store.open(location)).toBe(undefined)
    expect(await readFile(file, 'utf8')).toBe('theirs')
    const again = randomUUID()
    await store.link?.(again, file)
    await store.abort(again)
    expect(await readFile(file, 'utf8')).toBe('theirs')
    await rm(file)
  })

  test('is never opened for writing', async () => {
    const { store, file, location } = await linked()
    expect(await store.openUpload(location, 0)).toBe(undefined)
    expect(await store.openUpload(location, 3)).toBe(undefined)
    expect(await readFile(file, 'utf8')).toBe('theirs')
    expect(await contentOf(store, location)).toBe('theirs')
    await rm(file)
  })

  test('stays as it is where it cannot be shared, with the reason', async () => {
    const { root, store, file, location } = await linked()
    expect(await store.whyNotLinked?.(file)).toBe(null)
    await chmod(file, 0o664)
    expect(await store.whyNotLinked?.(file)).toContain('others may write it')
    expect(await store.whyNotLinked?.(`${file}-none`)).toContain('has gone')
    expect(await store.whyNotLinked?.(root)).toBe('it is no plain file.')
    await symlink(file, `${file}-link`)
    expect(await store.whyNotLinked?.(`${file}-link`)).toBe('it is no plain file.')
    expect(await store.whyNotLinked?.('/proc/version')).toContain('another file system')
    await expect(store.link?.(randomUUID(), '/proc/version')).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    })
    await expect(store.link?.(location, file)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    // Somebody may put another file there after it was looked at.
    for (const other of [file, `${file}-link`, `${file}-gone`]) {
      const swapped = randomUUID()
      await expect(store.link?.(swapped, other)).rejects.toMatchObject({ code: 'UNSUPPORTED' })
      const place = path.join(root, 'blobs', swapped.slice(0, 2), swapped)
      await expect(lstat(place)).rejects.toMatchObject({ code: 'ENOENT' })
    }
    await rm(file)
    await rm(`${file}-link`)
  })
})

describe('the marker', () => {
  test('names the store, and stays', async () => {
    const { root, store } = await openStore()
    const marker = await readFile(path.join(root, markerName), 'utf8')
    expect(JSON.parse(marker)).toEqual({ kind: 'entrepot blob store', version: 1, id: store.id })
    const again = await openFileStore({ root, reserveBytes: 0, expectedId: store.id })
    expect(again.id).toBe(store.id)
    expect(await readFile(path.join(root, markerName), 'utf8')).toBe(marker)
  })

  test('a folder without the expected store does not become a new one', async () => {
    const root = newRoot()
    const options = { root, reserveBytes: 0, expectedId: randomUUID() }
    await expect(openFileStore(options)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await mkdir(root)
    await expect(openFileStore(options)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(await readdir(root)).toEqual([])
    await openFileStore({ root, reserveBytes: 0 })
    await expect(openFileStore(options)).rejects.toThrow('another blob store')
  })

  test('blobs without a marker are not adopted', async () => {
    const { root, store } = await openStore()
    await storeBlob(store, 'content')
    await rm(path.join(root, markerName))
    await expect(openFileStore({ root, reserveBytes: 0 })).rejects.toThrow('marker')
  })

  test.each(['', '{}', 'nonsense', '{"version":2,"id":"x"}', 'null', '{"version":1,"id":""}'])(
    'a marker %j is refused',
    async (text) => {
      const { root, store } = await openStore()
      await writeFile(path.join(root, markerName), text)
      const refused = expect.objectContaining({ code: 'UNAVAILABLE' })
      await expect(store.check()).rejects.toEqual(refused)
      await expect(openFileStore({ root, reserveBytes: 0 })).rejects.toEqual(refused)
    },
  )

  test('two processes that make the store at the same time end up in one', async () => {
    const root = newRoot()
    const opened = await Promise.allSettled(
      Array.from({ length: 5 }, () => openFileStore({ root, reserveBytes: 0 })),
    )
    const { id } = JSON.parse(await readFile(path.join(root, markerName), 'utf8'))
    const survivors = opened.flatMap((result) =>
      result.status === 'fulfilled' ? [result.value] : [],
    )
    expect(survivors.some((store) => store.id === id)).toBe(true)
    // Who lost notices; nobody goes on in a store that is not there.
    for (const store of survivors.filter((other) => other.id !== id)) {
      await expect(store.check()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    }
  })
})

describe('a store that is not mounted', () => {
  test.each(['gone', 'an empty folder', 'another store'])(
    'is unavailable, its blobs are not missing: the folder is %s',
    async (instead) => {
      const { root, store } = await openStore()
      const finished = await storeBlob(store, 'content')
      const staged = randomUUID()
      await store.startUpload(staged)
      await append(store, staged, Buffer.from('staged'))
      await rename(root, `${root}.away`)
      if (instead === 'an empty folder') {
        await mkdir(root)
      } else if (instead === 'another store') {
        await openFileStore({ root, reserveBytes: 0 })
      }
      const unavailable = expect.objectContaining({ code: 'UNAVAILABLE' })
      await expect(store.open(finished)).rejects.toEqual(unavailable)
      await expect(store.finish(finished)).rejects.toEqual(unavailable)
      await expect(store.finish(staged)).rejects.toEqual(unavailable)
      await expect(store.openUpload(staged, 0)).rejects.toEqual(unavailable)
      await expect(drain(store.readStaged(staged, 1))).rejects.toEqual(unavailable)
      await expect(store.remove([finished])).rejects.toEqual(unavailable)
      await expect(store.abort(staged)).rejects.toEqual(unavailable)
      await expect(store.list(null, 10)).rejects.toEqual(unavailable)
      await expect(store.check()).rejects.toEqual(unavailable)

      await rm(root, { recursive: true, force: true })
      await rename(`${root}.away`, root)
      expect(await contentOf(store, finished)).toBe('content')
      expect(await store.finish(staged)).toEqual({ sizeBytes: 6 })
      await store.check()
    },
  )

  test('takes no upload into a folder that is not the store', async () => {
    const { root, store } = await openStore()
    await rename(root, `${root}.away`)
    await openFileStore({ root, reserveBytes: 0 })
    // The marker is trusted for a second.
    await expect
      .poll(
        () =>
          store.startUpload(randomUUID()).then(
            () => 'taken',
            (error) => error.code,
          ),
        {
          timeout: 5_000,
          interval: 200,
        },
      )
      .toBe('UNAVAILABLE')
  })
})

describe('a store without permission', () => {
  test('is unavailable, and works again once it is given', async () => {
    const script = path.resolve('test/support/store-without-permission.ts')
    const command = [process.execPath, '--import', 'tsx', script, newRoot()]
    // Permissions stop root too once it has given up the right to pass them by.
    const isRoot = process.getuid?.() === 0
    const asOthers = ['setpriv', '--bounding-set', '-dac_override,-dac_read_search']
    const [program = '', ...args] = isRoot ? [...asOthers, ...command] : command
    const { stdout } = await promisify(execFile)(program, args)
    expect(JSON.parse(stdout)).toEqual(['UNAVAILABLE', 'UNAVAILABLE', 'UNAVAILABLE', 'none'])
  })

  test('is unavailable when a folder is not one', async () => {
    const { root, store } = await openStore()
    await rm(path.join(root, 'uploads'), { recursive: true })
    await writeFile(path.join(root, 'uploads'), 'not a folder')
    const unavailable = expect.objectContaining({ code: 'UNAVAILABLE' })
    await expect(store.startUpload(randomUUID())).rejects.toEqual(unavailable)
    await expect(store.check()).rejects.toEqual(unavailable)
  })
})

describe('the reserve', () => {
  test('uploads are refused while less than the reserve is free, pulls are not', async () => {
    const { root, store } = await openStore()
    const location = await storeBlob(store, 'content')
    const staged = randomUUID()
    await store.startUpload(staged)
    await append(store, staged, Buffer.from('staged'))
    const full = await openFileStore({ root, reserveBytes: Number.MAX_SAFE_INTEGER })
    // Opening drops bytes: that must go when there is no room.
    const writer = await full.openUpload(staged, 3)
    await writer?.write(Buffer.from('more'))
    await expect(writer?.sync()).rejects.toMatchObject({
      code: 'STORAGE_FULL',
      message: expect.stringMatching(/has [\d.]+ MiB free and must keep [\d.]+ MiB/),
      detail: { freeBytes: expect.any(Number), neededBytes: Number.MAX_SAFE_INTEGER },
    })
    await expect(full.check()).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('free'),
    })
    expect(await contentOf(full, location)).toBe('content')
    await writer?.[Symbol.asyncDispose]()
    expect(await full.finish(staged)).toEqual({ sizeBytes: 3 })
    await full.abort(staged)
  })
})

const smallDisk = mountSmallDisk()

describe.skipIf(smallDisk === undefined)(
  `a disk of 8 MiB${smallDisk === undefined ? ' (needs root, to mount a tmpfs)' : ''}`,
  () => {
    test('an upload that does not fit is STORAGE_FULL, and nothing else is lost', async () => {
      const root = await newDisk()
      const store = await openFileStore({ root, reserveBytes: 0 })
      const location = await storeBlob(store, 'content')
      const staged = randomUUID()
      await store.startUpload(staged)
      await append(store, staged, Buffer.alloc(1_000_000, 1))
      const writer = await openWriter(store, staged, 1_000_000)
      const full = expect.objectContaining({ code: 'STORAGE_FULL' })
      await expect(writeMebibytes(writer, 20)).rejects.toEqual(full)
      await expect(writer.write(Buffer.alloc(1))).rejects.toEqual(full)
      await expect(writer.sync()).rejects.toEqual(full)
      await writer[Symbol.asyncDispose]()
      expect(await contentOf(store, location)).toBe('content')
      // What was vouched for is still there, and goes on once there is room.
      await using again = await openWriter(store, staged, 1_000_000)
      await again.write(Buffer.from('!'))
      expect(await again.sync()).toBe(1_000_001)
      await again[Symbol.asyncDispose]()
      expect(await store.finish(staged)).toEqual({ sizeBytes: 1_000_001 })
    })

    test('a disk that others filled up says so', async () => {
      const root = await newDisk()
      const store = await openFileStore({ root, reserveBytes: 0 })
      const staged = randomUUID()
      await store.startUpload(staged)
      const writer = await openWriter(store, staged, 0)
      // Free space is measured with the first bytes, and trusted for a second.
      await writer.write(Buffer.from('first'))
      await writer.sync()
      await writeFile(path.join(root, 'filler'), Buffer.alloc(16_000_000)).catch(() => undefined)
      await writer.write(Buffer.alloc(2_000_000))
      await expect(writer.sync()).rejects.toMatchObject({
        code: 'STORAGE_FULL',
        message: expect.stringContaining('ENOSPC'),
        cause: expect.objectContaining({ code: 'ENOSPC' }),
      })
      await writer[Symbol.asyncDispose]()
      await rm(path.join(root, 'filler'))
      await append(store, staged, Buffer.alloc(2_000_000))
      expect(await store.finish(staged)).toEqual({ sizeBytes: 2_000_000 })
    })

    test('the reserve stays free while bytes are written', async () => {
      const root = await newDisk()
      const store = await openFileStore({ root, reserveBytes: 5 * 1024 * 1024 })
      const staged = randomUUID()
      await store.startUpload(staged)
      const writer = await openWriter(store, staged, 0)
      await expect(writeMebibytes(writer, 7)).rejects.toMatchObject({ code: 'STORAGE_FULL' })
      await writer[Symbol.asyncDispose]()
      const { size } = await stat(path.join(root, 'uploads', staged))
      expect(size).toBeGreaterThan(1024 * 1024)
      expect(size).toBeLessThanOrEqual(3 * 1024 * 1024)
      await store.abort(staged)
      await store.check()
    })

    test('blobs on another disk than the uploads are refused at the start', async () => {
      const root = newRoot()
      await openFileStore({ root, reserveBytes: 0 })
      mount(path.join(root, 'blobs'))
      await expect(openFileStore({ root, reserveBytes: 0 })).rejects.toThrow('file systems')
    })
  },
)

/** Whether this user may mount a small disk: tried once. */
function mountSmallDisk(): true | undefined {
  const folder = makeTemporaryFolder('mount')
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', folder.path], {
      stdio: 'ignore',
    })
    execFileSync('umount', [folder.path], { stdio: 'ignore' })
    return true
  } catch (error) {
    if (process.env.ENTREPOT_TEST_REQUIRE === 'all') {
      throw error
    }
    return undefined
  } finally {
    rmdirSync(folder.path)
  }
}

async function newDisk(): Promise<string> {
  const root = newRoot()
  await mkdir(root)
  mount(root)
  return root
}

function mount(folder: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m,mode=0700', 'tmpfs', folder])
  onTestFinished(() => {
    execFileSync('umount', ['-l', folder])
  })
}

function newRoot(): string {
  const folder = makeTemporaryFolder('store')
  onTestFinished(() => folder[Symbol.asyncDispose]())
  return path.join(folder.path, 'store')
}

async function openStore(options: Partial<FileStoreOptions> = {}) {
  const root = newRoot()
  return { root, store: await openFileStore({ root, reserveBytes: 0, ...options }) }
}

async function modeOf(file: string): Promise<number> {
  return (await stat(file)).mode & 0o777
}

async function openWriter(store: BlobStore, location: string, offsetBytes: number) {
  const writer = await store.openUpload(location, offsetBytes)
  if (writer === undefined) {
    throw new Error(`there is no upload at ${location}`)
  }
  return writer
}

async function append(store: BlobStore, location: string, bytes: Buffer): Promise<void> {
  await using writer = await openWriter(store, location, 0)
  await writer.write(bytes)
  await writer.sync()
}

async function writeMebibytes(
  writer: { write(chunk: Uint8Array): Promise<void>; sync(): Promise<number> },
  count: number,
) {
  for (let index = 0; index < count; index++) {
    await writer.write(Buffer.alloc(1024 * 1024, index))
  }
  await writer.sync()
}

async function storeBlob(
  store: BlobStore,
  content: Buffer | string,
  location: string = randomUUID(),
) {
  await store.startUpload(location)
  await append(store, location, Buffer.from(content))
  await store.finish(location)
  return location
}

async function contentOf(store: BlobStore, location: string): Promise<string | undefined> {
  await using reader = await store.open(location)
  if (reader === undefined) {
    return undefined
  }
  const pieces: Buffer[] = []
  for await (const piece of reader.read(0, reader.sizeBytes - 1)) {
    pieces.push(Buffer.from(piece))
  }
  return Buffer.concat(pieces).toString()
}

/** Reads to the end. Returns the number of bytes. */
async function drain(stream: AsyncIterable<Uint8Array> | undefined): Promise<number> {
  let bytes = 0
  for await (const piece of stream ?? []) {
    bytes += piece.length
  }
  return bytes
}
