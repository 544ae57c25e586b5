import { createHash } from 'node:crypto'
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { runCommand } from '../../../test/support/command.ts'
import { contentOf } from '../../../test/support/content.ts'
import { indexTar } from '../../../test/support/index-tar.ts'
import { type TarEntry, tarOf } from '../../../test/support/layers.ts'
import { type Random, seededRandom } from '../../../test/support/random.ts'
import { needs } from '../../../test/support/require.ts'
import { makeTemporaryFolder } from '../../../test/support/temporary-folder.ts'
import type { ImageEntry } from '../../domain/archive/entry.ts'
import { entryAt } from '../../domain/archive/entry-table.ts'
import { viewImage } from '../../domain/archive/image-view.ts'
import { archiveLimits } from '../../domain/archive/limits.ts'

const umoci = needs({ program: 'umoci', package: 'umoci' })
const seed = Number(process.env.ENTREPOT_TEST_SEED ?? Date.now() % 1_000_000)
const stacks = 40
let unpacked = 0

describe.skipIf(umoci.skip)(`images as umoci unpacks them, seed ${seed} ${umoci.reason}`, () => {
  test.for(Array.from({ length: stacks }, (_, at) => seed + at))(
    'a stack of layers, seed %d',
    { timeout: 60_000 },
    async (each) => {
      const layers = randomLayers(seededRandom(each))
      const expected = await unpack(layers)
      const { tree, problems } = describeView(layers)
      unpacked += expected === undefined ? 0 : 1
      // What it refuses to unpack has something here that is not shown.
      if (expected === undefined) expect(problems).not.toEqual([])
      else expect({ tree, problems }).toEqual({ tree: expected, problems: [] })
    },
  )

  test('a whiteout behind a symlink that leads to itself is told, as umoci refuses it', async () => {
    const facts = { uid: 0, gid: 0, mtime: 1 }
    const layers: TarEntry[][] = [
      [{ ...facts, name: 'b', type: '2', link: '../b' }],
      [{ ...facts, name: 'b/a/.wh.c' }],
    ]
    expect(await unpack(layers)).toBeUndefined()
    expect(describeView(layers).problems).toMatchObject([{ path: 'b/a/c' }])
  })

  test('most of them can be unpacked', () => {
    expect(unpacked).toBeGreaterThan(stacks / 4)
  })
})

const names = ['a', 'b', 'c', 'd.txt'] as const

function randomLayers(random: Random): TarEntry[][] {
  return Array.from({ length: random.between(1, 6) }, (_, at) => randomLayer(random, at))
}

/** No path twice, since umoci takes some of them another way than containerd. */
function randomLayer(random: Random, at: number): TarEntry[] {
  const entries = new Map<string, TarEntry>()
  for (let left = random.between(1, 12); left > 0; left -= 1) {
    const entry = randomEntry(random, at, entries)
    const key = String(entry.name).replace(/\/$/, '')
    const isTaken = [...entries.keys()].some((other) => isRelated(other, key, entries))
    if (!entries.has(key) && !isTaken) entries.set(key, entry)
  }
  // Whiteouts first: behind what came through a symlink, umoci takes them for less than they are.
  const isWhiteout = ({ name }: TarEntry) => String(name).includes('.wh.')
  return [...entries.values()].sort((a, b) => Number(isWhiteout(b)) - Number(isWhiteout(a)))
}

/** A file in this layer is no folder in it, and what a layer deletes it does not bring. */
function isRelated(other: string, key: string, entries: ReadonlyMap<string, TarEntry>): boolean {
  const bare = (text: string) => text.replace(/(^|\/)\.wh\.(?!\.wh\.)/, '$1')
  if (bare(other) === bare(key)) return true
  const isFolder = (text: string) => entries.get(text)?.type === '5'
  if (key.startsWith(`${bare(other)}/`)) return !isFolder(other)
  return bare(other).startsWith(`${bare(key)}/`)
}

function randomEntry(
  random: Random,
  layer: number,
  entries: ReadonlyMap<string, TarEntry>,
): TarEntry {
  const depth = random.between(0, 2)
  const folder = Array.from({ length: depth }, () => `${random.pick(names)}/`).join('')
  const name = random.pick(names)
  const facts = {
    uid: random.between(0, 3),
    gid: random.between(0, 3),
    mtime: random.between(1, 9e8),
  }
  const kind = random.next()
  if (layer > 0 && kind < 0.2) return { ...facts, name: `${folder}.wh.${name}` }
  if (layer > 0 && kind < 0.25) return { ...facts, name: `${folder}.wh..wh..opq` }
  if (kind < 0.45)
    return { ...facts, name: `${folder}${name}/`, type: '5', mode: random.pick([0o755, 0o700]) }
  if (kind < 0.55) {
    const link = random.pick(['a', '../b', '/c', 'd.txt', 'nowhere'])
    return { ...facts, name: folder + name, type: '2', link }
  }
  const files = [...entries.values()].filter(({ type }) => type === undefined)
  const target = files.length > 0 ? random.pick(files) : undefined
  if (kind < 0.62 && target && !String(target.name).includes('.wh.')) {
    return { ...facts, name: folder + name, type: '1', link: String(target.name) }
  }
  const content = random.bytes(random.between(0, 1500))
  return { ...facts, name: folder + name, content, mode: random.pick([0o644, 0o755, 0o4755]) }
}

/** By path: what is there. */
type Tree = Readonly<Record<string, string>>

function describeView(layers: readonly TarEntry[][]) {
  const tables = layers.map((entries) => indexTar(tarOf(entries)).table)
  const { whole, layers: views } = viewImage(tables, archiveLimits)
  const problems = views.flatMap((view) => view.problems)
  const found = Array.from({ length: whole.count }, (_, at) => entryAt<ImageEntry>(whole, at))
  const tree = Object.fromEntries(
    found.map(({ path: name, type, mode, uid, gid, sha256, linkTarget }) => {
      const owner = `${uid}:${gid}`
      if (type === 'symlink') return [name, `symlink ${linkTarget} ${owner}`]
      return [name, [type, mode.toString(8), owner, sha256 ?? ''].join(' ').trim()]
    }),
  )
  return { tree, problems }
}

/** Undefined: it refuses them. */
async function unpack(layers: readonly TarEntry[][]): Promise<Tree | undefined> {
  const folder = makeTemporaryFolder('stacks')
  onTestFinished(() => folder[Symbol.asyncDispose]())
  const image = path.join(folder.path, 'image')
  writeLayout(
    image,
    layers.map((entries) => tarOf(entries)),
  )
  const bundle = path.join(folder.path, 'bundle')
  const result = await runCommand('umoci', ['unpack', '--image', `${image}:latest`, bundle])
  if (/not a directory|too many levels of symbolic links/.test(result.output)) return undefined
  expect(result.code, result.output).toBe(0)
  const tree: Record<string, string> = {}
  describeFolder(path.join(bundle, 'rootfs'), '', tree)
  return tree
}

function describeFolder(root: string, folder: string, tree: Record<string, string>): void {
  for (const name of readdirSync(path.join(root, folder))) {
    const each = folder === '' ? name : `${folder}/${name}`
    const file = path.join(root, each)
    const stat = lstatSync(file)
    const owner = `${stat.uid}:${stat.gid}`
    const mode = (stat.mode & 0o7777).toString(8)
    if (stat.isSymbolicLink()) tree[each] = `symlink ${readlinkSync(file)} ${owner}`
    else if (stat.isDirectory()) tree[each] = `directory ${mode} ${owner}`
    else {
      const hash = createHash('sha256').update(readFileSync(file)).digest('hex')
      tree[each] = `file ${mode} ${owner} ${hash}`
    }
    if (stat.isDirectory()) describeFolder(root, each, tree)
  }
}

/** OCI image-spec, image-layout.md. */
function writeLayout(folder: string, tars: readonly Buffer[]): void {
  mkdirSync(path.join(folder, 'blobs', 'sha256'), { recursive: true })
  const add = (bytes: Uint8Array | string, mediaType: string) => {
    const { digest, size, bytes: content } = contentOf(bytes)
    writeFileSync(path.join(folder, 'blobs', 'sha256', digest.slice('sha256:'.length)), content)
    return { mediaType, digest, size }
  }
  const layers = tars.map((tar) =>
    add(gzipSync(tar), 'application/vnd.oci.image.layer.v1.tar+gzip'),
  )
  const config = {
    ...{ architecture: 'amd64', os: 'linux', config: {} },
    rootfs: { type: 'layers', diff_ids: tars.map((tar) => contentOf(tar).digest) },
  }
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: add(JSON.stringify(config), 'application/vnd.oci.image.config.v1+json'),
    layers,
  }
  const entry = {
    ...add(JSON.stringify(manifest), manifest.mediaType),
    annotations: { 'org.opencontainers.image.ref.name': 'latest' },
  }
  writeFileSync(path.join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
  writeFileSync(
    path.join(folder, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [entry] }),
  )
}
