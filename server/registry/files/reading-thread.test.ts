import { execFileSync } from 'node:child_process'
import { gzipSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { headerOf, paxOf, tarOf } from '../../../test/support/layers.ts'
import { seededRandom } from '../../../test/support/random.ts'
import { needs } from '../../../test/support/require.ts'
import type { LayerEntry } from '../../domain/archive/entry.ts'
import { entryAt } from '../../domain/archive/entry-table.ts'
import { ArchiveError } from '../../domain/archive/limits.ts'
import { fileLimits } from './file-limits.ts'
import { ReadingThread, type ThreadLimits } from './reading-thread.ts'
import type { LayerIndex } from './thread-messages.ts'

const zstd = needs({ program: 'zstd', package: 'zstd' })
const mib = 1024 * 1024

function openThread(limits: Partial<ThreadLimits> = {}): ReadingThread {
  const thread = new ReadingThread({ ...fileLimits, ...limits })
  onTestFinished(() => thread[Symbol.asyncDispose]())
  return thread
}

function indexOf(thread: ReadingThread, ...pieces: readonly Uint8Array[]): Promise<LayerIndex> {
  const storedBytes = pieces.reduce((sum, { length }) => sum + length, 0)
  return thread.run('index', { input: { storedBytes }, stored: inTurn(pieces) })
}

async function* inTurn(pieces: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* pieces
}

function pathsOf({ table }: LayerIndex): string[] {
  return Array.from({ length: table.count }, (_, at) => entryAt<LayerEntry>(table, at).path)
}

const packed = (bytes: Uint8Array, ...options: string[]) =>
  execFileSync('zstd', ['-q', '-c', ...options], { input: bytes, maxBuffer: 2 ** 30 })
const tar = tarOf([
  { name: 'a', content: 'x'.repeat(200_000) },
  { name: 'b', content: 'y' },
])
const halves = (bytes: Uint8Array) => [bytes.subarray(0, 300), bytes.subarray(300)]

test('plain and gzipped archives are read, in any pieces and in several members', async () => {
  const thread = openThread()
  const members = [tar.subarray(0, 777), tar.subarray(777)].map((part) => gzipSync(part))
  for (const stored of [[tar], halves(tar), halves(gzipSync(tar)), members]) {
    expect(pathsOf(await indexOf(thread, ...stored))).toEqual(['a', 'b'])
  }
})

test.skipIf(zstd.skip)(
  `zstd is read, skippable frames and several too ${zstd.reason}`,
  async () => {
    const thread = openThread()
    const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3])
    const frames = Buffer.concat([
      skippable,
      packed(tar.subarray(0, 777)),
      skippable,
      packed(tar.subarray(777), '--check'),
    ])
    for (const stored of [[packed(tar)], halves(packed(tar, '-19')), [frames], halves(frames)]) {
      const index = await indexOf(thread, ...stored)
      expect([index.packing, ...pathsOf(index)]).toEqual(['zstd', 'a', 'b'])
    }
  },
)

test('a part of a file is read, and a broken layer says so', async () => {
  const thread = openThread()
  const index = await indexOf(thread, gzipSync(tar))
  const { offsetBytes } = entryAt<LayerEntry>(index.table, 1)
  const read = async (stored: Uint8Array, lengthBytes: number) => {
    const pieces: Buffer[] = []
    await thread.run('read', {
      input: { storedBytes: stored.length, offsetBytes, lengthBytes },
      stored: inTurn([stored]),
      take: async (piece) => void pieces.push(Buffer.from(piece)),
    })
    return Buffer.concat(pieces).toString()
  }
  expect(await read(gzipSync(tar), 1)).toBe('y')
  await expect(read(gzipSync(tar), 10_000_000)).rejects.toThrow(/cut off/)
})

const noise = seededRandom(1).bytes(5000)
const gz = gzipSync(tarOf([{ name: 'a', content: noise }]))
const broken: readonly (readonly [what: string, stored: Uint8Array, says: RegExp])[] = [
  ['gzip that is cut off', gz.subarray(0, gz.length - 100), /unexpected end/],
  ['gzip with a wrong byte', flipped(gz, 2000), /broken/],
  ['noise behind a gzip header', Buffer.concat([gz.subarray(0, 10), noise]), /broken/],
  ['xz', Buffer.from('fd377a585a000000', 'hex'), /xz/],
  ['bzip2', Buffer.from('BZh91AY&SY'), /bzip2/],
  ['JSON', Buffer.from('{"spdxVersion": "SPDX-2.3"}'), /JSON/],
  ['noise', noise, /broken/],
  ['noise behind a zstd header', Buffer.concat([Buffer.from('28b52ffd', 'hex'), noise]), /zstd/],
  // Window_Descriptor 0xff: the largest that a frame may ask for, 3.75 TiB.
  ['zstd with a huge window', Buffer.from('28b52ffd00ff0100000000', 'hex'), /128 MiB/],
]

test.for(broken)('%s is refused, and the next layer is read', async ([, stored, says]) => {
  const thread = openThread()
  await expect(indexOf(thread, stored)).rejects.toThrow(ArchiveError)
  await expect(indexOf(thread, stored)).rejects.toThrow(says)
  expect(pathsOf(await indexOf(thread, tar))).toEqual(['a', 'b'])
})

test.skipIf(zstd.skip)(`zstd that is cut off or wrong is refused ${zstd.reason}`, async () => {
  const thread = openThread()
  const whole = packed(tarOf([{ name: 'a', content: noise }]), '--check')
  for (const stored of [whole.subarray(0, whole.length - 500), flipped(whole, 3000)]) {
    await expect(indexOf(thread, stored)).rejects.toThrow(/zstd|cut off/)
  }
})

const zeros = Buffer.alloc(64 * mib)
/** A file of 10 GiB of zeros: one member a 64 MiB, so that it is quickly made. */
const header = headerOf({ name: 'zeros' }, 10 * 1024 * mib)
const members = (pack: (bytes: Uint8Array) => Uint8Array) => {
  const member = pack(zeros)
  return Buffer.concat([pack(header), ...Array.from({ length: 160 }, () => member)])
}

test('10 GiB of zeros in 10 MB of gzip are refused', async () => {
  const bomb = members((bytes) => gzipSync(bytes))
  expect(bomb.length).toBeLessThan(12 * mib)
  const before = process.memoryUsage().rss
  await expect(indexOf(openThread(), bomb)).rejects.toThrow(/200 times/)
  expect(process.memoryUsage().rss - before).toBeLessThan(400 * mib)
}, 120_000)

test.skipIf(zstd.skip)(
  `the same of zstd ${zstd.reason}`,
  async () => {
    const bomb = members((bytes) => packed(bytes))
    await expect(indexOf(openThread(), bomb)).rejects.toThrow(/200 times/)
  },
  120_000,
)

test('10,000,000 entries are refused', async () => {
  const headers = Buffer.concat(
    Array.from({ length: 10_000 }, (_, at) => headerOf({ name: `${'d/'.repeat(20)}${at}` }, 0)),
  )
  const member = gzipSync(headers)
  function* thousand() {
    for (let at = 0; at < 1000; at += 1) yield member
  }
  const thread = openThread({ maxEntries: 50_000 })
  const input = { storedBytes: 1000 * member.length }
  const reading = thread.run('index', { input, stored: inTurn(thousand()) })
  await expect(reading).rejects.toThrow(/50000 entries/)
}, 120_000)

test('claims of sizes that nothing stands behind cost nothing', async () => {
  const thread = openThread()
  const sparse = Array.from({ length: 1000 }, (_, at) => [
    paxOf({
      ...{ 'GNU.sparse.major': '0', 'GNU.sparse.minor': '1', 'GNU.sparse.name': `s${at}` },
      ...{ 'GNU.sparse.realsize': String(2 ** 50), 'GNU.sparse.map': '0,0' },
    }),
    { name: 'x' },
  ])
  const index = await indexOf(thread, gzipSync(tarOf(sparse.flat())))
  expect(index.table.count).toBe(1000)
  expect(entryAt<LayerEntry>(index.table, 0)).toMatchObject({ sparse: true, sizeBytes: 2 ** 50 })
  const lie = tarOf([paxOf({ size: String(2 ** 50) }), { name: 'a' }])
  await expect(indexOf(thread, gzipSync(lie))).rejects.toThrow(/cut off/)
})

test('what takes too long is ended, also while it waits, and so is what takes too much memory', async () => {
  async function* endless() {
    for (;;) yield zeros.subarray(0, mib)
  }
  const slow = openThread({ maxJobMs: 300, maxUnpackedBytes: 2 ** 50, maxRatio: 2 ** 40 })
  const input = { storedBytes: 1 }
  const stored = (async function* () {
    yield headerOf({ name: 'a' }, 8 ** 11 - 1)
    yield* endless()
  })()
  await expect(slow.run('index', { input, stored })).rejects.toThrow(/0\.3 seconds/)
  expect(pathsOf(await indexOf(openThread(), tar))).toEqual(['a', 'b'])
  const many = tarOf(Array.from({ length: 60_000 }, (_, at) => ({ name: `${at % 300}/${at}` })))
  const small = openThread({ maxHeapMiB: 24 })
  const index = await indexOf(openThread(), many)
  const view = small.run('view', { input: { layers: [index.table] } })
  await expect(view).rejects.toThrow(/memory/)
}, 60_000)

test('what the store says, and what whoever takes the pieces says, is passed on', async () => {
  const thread = openThread()
  async function* failing() {
    yield tar.subarray(0, 1000)
    throw new Error('the disk is gone')
  }
  const input = { storedBytes: tar.length }
  await expect(thread.run('index', { input, stored: failing() })).rejects.toThrow('disk is gone')
  const part = { ...input, offsetBytes: 512, lengthBytes: 100_000 }
  const take = () => Promise.reject(new Error('the client is gone'))
  const read = thread.run('read', { input: part, stored: inTurn([gzipSync(tar)]), take })
  await expect(read).rejects.toThrow('client is gone')
  expect(pathsOf(await indexOf(thread, tar))).toEqual(['a', 'b'])
})

const seed = Number(process.env.ENTREPOT_TEST_SEED ?? Date.now() % 1_000_000)

test(`whatever is changed in a packed layer, there is an answer, seed ${seed}`, async () => {
  const random = seededRandom(seed)
  const thread = openThread({ maxJobMs: 20_000 })
  const whole = [gz, ...(zstd.skip ? [] : [packed(tarOf([{ name: 'a', content: noise }]))])]
  let refused = 0
  for (let turn = 0; turn < 25; turn += 1) {
    const bytes = Buffer.from(random.pick(whole))
    for (let left = random.between(1, 4); left > 0; left -= 1) {
      bytes[random.between(0, bytes.length - 1)] = random.between(0, 255)
    }
    try {
      await indexOf(thread, ...(random.chance(0.5) ? halves(bytes) : [bytes]))
    } catch (error) {
      expect(error, `turn ${turn} of seed ${seed}`).toBeInstanceOf(ArchiveError)
      refused += 1
    }
  }
  expect(refused).toBeGreaterThan(10)
}, 120_000)

function flipped(bytes: Uint8Array, at: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] ?? 0) ^ 0x01
  return copy
}
