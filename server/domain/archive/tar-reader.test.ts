import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { linkSync, mkdirSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { indexTar } from '../../../test/support/index-tar.ts'
import { paxOf, type TarEntry, tarOf } from '../../../test/support/layers.ts'
import { seededRandom } from '../../../test/support/random.ts'
import { needs } from '../../../test/support/require.ts'
import {
  makeTemporaryFolder,
  type TemporaryFolder,
} from '../../../test/support/temporary-folder.ts'
import type { LayerEntry } from './entry.ts'
import { ArchiveError, archiveLimits } from './limits.ts'
import { TarReader } from './tar-reader.ts'

const tar = needs({ program: 'tar', package: 'tar' })
const long = `${'deep/'.repeat(30)}${'n'.repeat(120)}`

describe.skipIf(tar.skip)(`archives that tar writes ${tar.reason}`, () => {
  let folder: TemporaryFolder
  beforeAll(() => {
    folder = makeTemporaryFolder('tar')
    const at = (name: string) => path.join(folder.path, name)
    mkdirSync(path.dirname(at(long)), { recursive: true })
    writeFileSync(at(long), 'far down')
    writeFileSync(at('file'), 'x'.repeat(1000), { mode: 0o640 })
    utimesSync(at('file'), 1_600_000_000, 1_600_000_000)
    writeFileSync(at('ünïcødé 日本'), 'name')
    writeFileSync(at('empty'), '')
    linkSync(at('file'), at('hard'))
    symlinkSync('../somewhere', at('soft'))
    symlinkSync(`/${long}`, at('long-link'))
    execFileSync('mkfifo', [at('pipe')])
    writeFileSync(at('holes'), 'begin')
    truncateSync(at('holes'), 5_000_000)
  })
  afterAll(() => folder[Symbol.asyncDispose]())

  const formats: readonly (readonly string[])[] = [
    ['--format=gnu'],
    ['--format=gnu', '--sparse'],
    ['--format=oldgnu', '--sparse'],
    ['--format=posix'],
    ['--format=posix', '--sparse', '--sparse-version=0.0'],
    ['--format=posix', '--sparse', '--sparse-version=0.1'],
    ['--format=posix', '--sparse', '--sparse-version=1.0'],
    ['--format=gnu', '--blocking-factor=1'],
  ]

  test.for(formats)('%s', (options) => {
    const archive = execFileSync(
      'tar',
      [...options, '--sort=name', '--owner=7:1007', '--group=8:1008', '-c', '.'],
      { cwd: folder.path, maxBuffer: 64 * 1024 * 1024 },
    )
    const { entries, problems } = indexTar(archive, archiveLimits, 1000)
    expect(problems).toEqual([])
    const found = new Map(entries.map((entry) => [entry.path, entry]))
    const isSparse = options.includes('--sparse')
    const owned = { uid: 1007, gid: 1008 }
    expect(found.get('file')).toMatchObject({
      ...{ ...owned, type: 'file', sizeBytes: 1000, mode: 0o640, mtime: 1_600_000_000 },
      sha256: sha256Of('x'.repeat(1000)),
    })
    expect(found.get(long)).toMatchObject({ type: 'file', sha256: sha256Of('far down') })
    expect(found.get('ünïcødé 日本')).toMatchObject({ sizeBytes: 4, sha256: sha256Of('name') })
    expect(found.get('empty')).toMatchObject({ sizeBytes: 0, sha256: sha256Of('') })
    expect(found.get('hard')).toMatchObject({ type: 'hard link', linkTarget: 'file' })
    expect(found.get('soft')).toMatchObject({ type: 'symlink', linkTarget: '../somewhere' })
    expect(found.get('long-link')).toMatchObject({ type: 'symlink', linkTarget: `/${long}` })
    expect(found.get('pipe')).toMatchObject({ type: 'fifo', sizeBytes: 0 })
    expect(found.get('holes')).toMatchObject({
      ...{ type: 'file', sizeBytes: 5_000_000, sparse: isSparse },
    })
    expect(found.get('holes')?.sha256 === null).toBe(isSparse)
    // Contents are where the entries say.
    const { offsetBytes, sizeBytes } = found.get(long) as LayerEntry
    expect(archive.subarray(offsetBytes, offsetBytes + sizeBytes).toString()).toBe('far down')
  })

  test('of the first kind, without a magic word', () => {
    const archive = execFileSync('tar', ['--format=v7', '-c', 'file', 'empty'], {
      cwd: folder.path,
    })
    expect(indexTar(archive).entries.map((entry) => entry.path)).toEqual(['file', 'empty'])
  })
})

function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

test('numbers in base 256 and times before 1970 are read', () => {
  const { entries } = indexTar(
    tarOf([
      paxOf({ mtime: '-12.5', uid: '3000000000', gid: '4000000000' }),
      { name: 'a', content: 'x' },
      { name: 'dev', type: '3', device: [1, 3] },
    ]),
  )
  expect(entries).toMatchObject([
    { path: 'a', mtime: -12.5, uid: 3_000_000_000, gid: 4_000_000_000 },
    { path: 'dev', type: 'character-device', device: '1:3' },
  ])
})

test('whiteouts say what they take away', () => {
  const names = ['a/.wh.b', '.wh.c', 'd/.wh..wh..opq', '.wh..wh.plnk/12.34', '.wh..wh.aufs']
  const { entries, problems } = indexTar(tarOf(names.map((name) => ({ name }))))
  expect(problems).toEqual([])
  expect(entries).toMatchObject([
    { path: 'a/b', type: 'whiteout' },
    { path: 'c', type: 'whiteout' },
    { path: 'd', type: 'opaque' },
  ])
})

const skipped: readonly (readonly [what: string, entries: readonly TarEntry[], says: RegExp])[] = [
  ['leads out', [{ name: 'a/../../etc/passwd' }], /\.\./],
  ['leads out at once', [{ name: '../x' }], /\.\./],
  ['has a NUL', [paxOf({ path: 'a\0b' }), { name: 'x' }], /NUL/],
  ['is no UTF-8', [{ name: Buffer.from([0x61, 0xff, 0xfe]) }], /UTF-8/],
  ['is overlong UTF-8', [{ name: Buffer.from([0xc0, 0xae, 0xc0, 0xae, 0x2f, 0x78]) }], /UTF-8/],
  ['is too long', [paxOf({ path: 'a/'.repeat(2100) }), { name: 'x' }], /4096/],
  ['is too deep', [paxOf({ path: 'a/'.repeat(300) }), { name: 'x' }], /256/],
  ['is in a whiteout', [{ name: '.wh.a/b' }], /\.wh\./],
  ['deletes its folder', [{ name: 'a/.wh..' }], /nothing/],
  ['deletes the folder above', [{ name: 'a/.wh...' }], /nothing/],
  ['deletes nothing', [{ name: 'a/.wh.' }], /nothing/],
  ['is a hard link that leads out', [{ name: 'a', type: '1', link: '../../x' }], /nowhere/],
  ['is a symlink to nothing', [{ name: 'a', type: '2', link: '' }], /nowhere/],
  ['is of an unknown type', [{ name: 'a', type: 'V', content: 'label' }], /"V"/],
]

test.for(skipped)('an entry that %s is skipped and told', ([, entries, says]) => {
  const found = indexTar(tarOf([{ name: 'before' }, ...entries, { name: 'after', content: 'x' }]))
  expect(found.entries.map((entry) => entry.path)).toEqual(['before', 'after'])
  expect(found.problems).toEqual([
    { path: expect.any(String), message: expect.stringMatching(says) },
  ])
})

test('an absolute path is one from the root of the image', () => {
  const names = ['/etc/passwd', './/a/./b', '///']
  const { entries } = indexTar(tarOf(names.map((name) => ({ name, type: '5' }))))
  expect(entries.map((entry) => entry.path)).toEqual(['etc/passwd', 'a/b', ''])
})

const file = tarOf([{ name: 'a', content: 'x'.repeat(700) }])
const broken: readonly (readonly [what: string, bytes: Uint8Array, says: RegExp])[] = [
  ['is cut off in a header', file.subarray(0, 300), /cut off/],
  ['is cut off in a file', file.subarray(0, 800), /cut off/],
  ['is cut off behind a file', file.subarray(0, 512 + 700), /cut off/],
  ['has a wrong checksum', flipped(file, 3), /checksum/],
  ['is noise', Buffer.alloc(2048, 0x5a), /no number/],
  ['goes on behind its end', Buffer.concat([Buffer.alloc(512), file]), /follow/],
  ['claims more than there is', tarOf([{ name: 'a', claimedSize: 8 ** 11 - 1 }]), /cut off/],
  ['claims more than can be', tarOf([{ name: 'a', claimedSize: 2 ** 60 }]), /no number/],
  ['lies in PAX', tarOf([paxOf({ size: '99999999999' }), { name: 'a', content: 'x' }]), /cut off/],
  ['lies more', tarOf([paxOf({ size: '9'.repeat(30) }), { name: 'a' }]), /no number/],
  ['lies below zero', tarOf([paxOf({ size: '-5' }), { name: 'a' }]), /no number/],
  ['has a huge PAX header', tarOf([{ name: 'x', type: 'x', claimedSize: 8 ** 10 }]), /header of/],
  ['has a huge long name', tarOf([{ name: 'x', type: 'L', claimedSize: 8 ** 10 }]), /header of/],
  ['has no PAX record', tarOf([{ name: 'x', type: 'x', content: 'hello' }]), /PAX/],
  ['has a PAX record without end', tarOf([{ name: 'x', type: 'x', content: '99 a=b\n' }]), /PAX/],
  ['has an empty PAX record', tarOf([{ name: 'x', type: 'x', content: '0 a=b\n' }]), /PAX/],
]

test.for(broken)('an archive that %s is refused', ([, bytes, says]) => {
  for (const pieceBytes of [1, 100, 65_536]) {
    expect(() => indexTar(bytes, archiveLimits, pieceBytes)).toThrow(ArchiveError)
    expect(() => indexTar(bytes, archiveLimits, pieceBytes)).toThrow(says)
  }
})

test('content that nobody wants is passed over', () => {
  const big = 'x'.repeat(5000)
  const archive = tarOf([
    { name: 'a', content: big },
    { name: 'b', content: 'b' },
    { name: 'c', content: big },
  ])
  const found: (readonly [string, number])[] = []
  const nothing = () => {}
  const entry = ({ path, offsetBytes }: LayerEntry) => void found.push([path, offsetBytes])
  const reader = new TarReader(archiveLimits, {
    ...{ entry, content: nothing, contentEnd: nothing, problem: nothing },
  })
  let read = 0
  for (let at = 0; at < archive.length && !reader.isDone; ) {
    reader.push(archive.subarray(at, at + 512))
    read += 512
    at += 512
    const passed = reader.passableBytes
    reader.pass(passed)
    at += passed
  }
  reader.end()
  expect(found.map(([path]) => path)).toEqual(['a', 'b', 'c'])
  for (const [path, at] of found)
    expect(archive.toString('latin1', at, at + 1)).toBe(path === 'b' ? 'b' : 'x')
  expect(read).toBeLessThan(archive.length - 9000)
})

test('limits are kept', () => {
  const many = tarOf(Array.from({ length: 11 }, (_, at) => ({ name: `f${at}` })))
  expect(() => indexTar(many, { ...archiveLimits, maxEntries: 10 })).toThrow(/10 entries/)
  expect(() => indexTar(many, { ...archiveLimits, maxIndexBytes: 500 })).toThrow(/500 bytes/)
  expect(() => indexTar(many, { ...archiveLimits, maxUnpackedBytes: 2000 })).toThrow(/2000 bytes/)
})

test('an empty archive, and one without the blocks that should end it, are read', () => {
  expect(indexTar(new Uint8Array(0)).entries).toEqual([])
  expect(indexTar(Buffer.alloc(1024)).entries).toEqual([])
  expect(indexTar(tarOf([{ name: 'a', content: 'x' }], false)).entries).toHaveLength(1)
})

const seed = Number(process.env.ENTREPOT_TEST_SEED ?? Date.now() % 1_000_000)
const mutations = 3000

test(`whatever is changed in an archive, it is read or refused, seed ${seed}`, () => {
  const random = seededRandom(seed)
  const whole = tarOf([
    { name: 'etc/', type: '5' },
    paxOf({ path: 'etc/long', size: '5', mtime: '1.5' }),
    { name: 'x', content: 'hello' },
    { name: 'long', type: 'L', content: `${'n'.repeat(200)}\0` },
    { name: 'y', content: 'y'.repeat(600) },
    { name: 'h', type: '1', link: 'etc/long' },
    { name: '.wh.z' },
    paxOf({ 'GNU.sparse.major': '1', 'GNU.sparse.name': 's', 'GNU.sparse.realsize': '9' }),
    { name: 'z', content: '0\n'.padEnd(512, '\0') },
  ])
  let refused = 0
  for (let turn = 0; turn < mutations; turn += 1) {
    const bytes = mutate(Buffer.from(whole), random)
    try {
      indexTar(bytes, archiveLimits, random.between(1, 2000))
    } catch (error) {
      expect(error, `turn ${turn} of seed ${seed}`).toBeInstanceOf(ArchiveError)
      refused += 1
    }
  }
  expect(refused).toBeGreaterThan(mutations / 10)
  expect(refused).toBeLessThan(mutations)
})

/** Bytes, numbers and blocks change; half of the time checksums are mended, so that more is read. */
function mutate(bytes: Buffer, random: ReturnType<typeof seededRandom>): Buffer {
  for (let left = random.between(1, 6); left > 0; left -= 1) {
    const at = random.between(0, bytes.length - 1)
    const kind = random.between(0, 3)
    if (kind === 0) bytes[at] = random.between(0, 255)
    if (kind === 1)
      bytes.write(random.pick(['7', ' ', '\0', '/', '.', '\x80', '99999999']), at, 'latin1')
    if (kind === 2 && bytes.length > 512 * 6)
      bytes.copy(bytes, at - (at % 512), 512 * random.between(0, 5), 512 * 6)
    if (kind === 3 && random.chance(0.3)) bytes = bytes.subarray(0, at + 1)
  }
  return random.chance(0.5) ? mended(bytes) : bytes
}

function mended(bytes: Buffer): Buffer {
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    const block = bytes.subarray(at, at + 512)
    if (!block.subarray(257, 262).equals(Buffer.from('ustar'))) continue
    block.write('        ', 148)
    const sum = block.reduce((total, byte) => total + byte, 0)
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  }
  return bytes
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] ?? 0) ^ 0x01
  return copy
}
