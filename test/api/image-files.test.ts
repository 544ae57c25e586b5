import { createHash } from 'node:crypto'
import { readdirSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { api } from '../../contract/api.ts'
import { addressOf, type Client, call, callPage } from '../../contract/call.ts'
import type { FileEntry } from '../../contract/image-files.ts'
import { problemOf } from '../support/api-call.ts'
import { descriptor, index, mediaTypes } from '../support/content.ts'
import {
  adminOf,
  gzipped,
  imageOf,
  type Layer,
  pushLayers,
  type TarEntry,
  tarOf,
} from '../support/layers.ts'
import { pushBlob, pushManifest } from '../support/push.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { send } from '../support/wire.ts'

// Threads take seconds to start from source on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

let server: TestServer
let admin: Client
beforeAll(async () => {
  server = await startServer()
  admin = adminOf(server)
})
afterAll(async () => {
  vi.resetConfig()
  await server[Symbol.asyncDispose]()
})

const { imageFiles } = api
type Query = Readonly<Record<string, string>>

/** Asks until the layers are read. */
async function untilRead<T extends { readonly state: string }>(
  ask: () => Promise<T>,
): Promise<Exclude<T, { readonly state: 'indexing' }>> {
  for (;;) {
    const answer = await ask()
    if (answer.state !== 'indexing') return answer as Exclude<T, { readonly state: 'indexing' }>
  }
}

function place(digest: string, query: Query = {}) {
  return { feed: 'main', repo: 'app', digest, ...query }
}

async function list(digest: string, query: Query = {}) {
  const ask = () => call(admin, imageFiles.list, { query: place(digest, query) })
  const answer = await untilRead(ask)
  if (answer.state !== 'ready') throw new Error(answer.message)
  return answer
}

async function get(digest: string, path: string, query: Query = {}) {
  const ask = () => call(admin, imageFiles.get, { query: { ...place(digest, query), path } })
  const answer = await untilRead(ask)
  if (answer.state !== 'ready') throw new Error(answer.message)
  return answer
}

/** Also while the layers are read. */
async function download(digest: string, path: string) {
  await get(digest, path)
  const target = addressOf(imageFiles.download, { query: { ...place(digest), path } })
  for (;;) {
    const answer = await send(server.url, {
      ...{ method: 'GET', target, headers: { authorization: server.admin } },
    })
    if (answer.status !== 409) return answer
  }
}

const marks = ({ path, change }: FileEntry) => `${path} ${change}`

const base: readonly TarEntry[] = [
  { name: 'etc/', type: '5', mode: 0o755 },
  { name: 'etc/hosts', content: 'localhost\n', mtime: 1_600_000_000 },
  { name: 'etc/motd', content: 'hello\n' },
  { name: 'usr/bin/tool', content: '\x7fELF\0\x01', mode: 0o4755 },
  { name: 'bin', type: '2', link: 'usr/bin' },
  { name: 'old/a', content: 'a' },
  { name: 'old/b', content: 'b' },
]
const upper: readonly TarEntry[] = [
  { name: 'etc/', type: '5', mode: 0o755 },
  { name: 'etc/.wh.motd' },
  { name: 'etc/hosts', content: 'localhost other\n' },
  { name: 'bin/new', content: 'new' },
  { name: 'old/.wh..wh..opq' },
  { name: 'old/b', content: 'b' },
  { name: 'usr/bin/same', type: '1', link: 'usr/bin/tool' },
]

test('a folder of the whole image, and of what one layer did', async () => {
  const layers = [gzipped(tarOf(base)), { bytes: tarOf(upper), mediaType: mediaTypes.layer }]
  const image = await pushLayers(server, 'main/app', layers)
  const { digest } = image.manifest
  const [lower, higher] = image.layers.map((layer) => layer.digest)
  const root = await list(digest)
  expect(root.entries.map(marks)).toEqual(['bin added', 'etc null', 'old added', 'usr added'])
  expect(root.layers).toMatchObject([
    { digest: lower, added: 10, changed: 0, deleted: 0, absent: false },
    { digest: higher, added: 2, changed: 1, deleted: 2, absent: false },
  ])
  const etc = await list(digest, { path: '/etc/' })
  expect(etc.folder).toMatchObject({ path: 'etc', type: 'directory', layer: higher })
  expect(etc.entries).toEqual([
    {
      ...{ path: 'etc/hosts', name: 'hosts', type: 'file', sizeBytes: 16, mode: 0o644 },
      ...{ uid: 0, gid: 0, modified: '1970-01-01T00:00:00.000Z', linkTarget: null, device: null },
      sparse: false,
      sha256: createHash('sha256').update('localhost other\n').digest('hex'),
      ...{ layer: higher, change: 'changed', hidden: false },
    },
  ])
  const ofLower = await list(digest, { path: 'etc', layer: lower ?? '' })
  expect(ofLower.entries.map(({ name, hidden }) => [name, hidden])).toEqual([
    ['hosts', true],
    ['motd', true],
  ])
  const ofHigher = async (path: string) =>
    (await list(digest, { path, layer: higher ?? '' })).entries.map(marks)
  expect(await ofHigher('')).toEqual(['etc null', 'old null', 'usr null'])
  expect(await ofHigher('etc')).toEqual(['etc/hosts changed', 'etc/motd deleted'])
  expect(await ofHigher('old')).toEqual(['old/a deleted', 'old/b null'])
  expect(await ofHigher('usr/bin')).toEqual(['usr/bin/new added', 'usr/bin/same added'])
  expect((await get(digest, 'usr/bin/same')).entry).toMatchObject({ linkTarget: 'usr/bin/tool' })
  expect((await get(digest, 'etc/motd', { layer: higher ?? '' })).content).toBeNull()
  const former = await get(digest, 'etc/hosts', { layer: lower ?? '' })
  expect(former.content).toEqual({ kind: 'text', text: 'localhost\n', truncated: false })
  expect(former.entry.modified).toBe('2020-09-13T12:26:40.000Z')
})

test('contents: text, cut text, images, binaries; a download is never a page', async () => {
  const png = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(700_000, 7)])
  const text = 'ä'.repeat(400_000)
  const entries: readonly TarEntry[] = [
    { name: 'page.html', content: '<script>alert(1)</script>' },
    { name: 'a "name"\r\nx: ü.svg', content: '<svg onload="alert(1)"/>' },
    { name: 'large.txt', content: text },
    { name: 'logo.png', content: png },
    { name: 'tool', content: '\x7fELF\0' },
    { name: 'latin1.txt', content: Buffer.from('caf\xe9', 'latin1') },
    { name: 'empty', content: '' },
    { name: 'link', type: '2', link: 'empty' },
  ]
  for (const layer of [gzipped(tarOf(entries)), { bytes: tarOf(entries) }]) {
    const image = await pushLayers(server, 'main/app', [layer])
    const { digest } = image.manifest
    const contentOf = async (path: string) => (await get(digest, path)).content
    expect(await contentOf('page.html')).toMatchObject({ kind: 'text', truncated: false })
    const large = await contentOf('large.txt')
    expect(large).toMatchObject({ kind: 'text', truncated: true })
    expect(large?.kind === 'text' && large.text.length).toBe(262_144)
    expect(await contentOf('logo.png')).toEqual({ kind: 'image', mediaType: 'image/png' })
    expect(await contentOf('tool')).toEqual({ kind: 'binary' })
    expect(await contentOf('latin1.txt')).toEqual({ kind: 'binary' })
    expect(await contentOf('empty')).toEqual({ kind: 'text', text: '', truncated: false })
    expect(await contentOf('link')).toBeNull()
    const page = await download(digest, 'page.html')
    expect(page.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="page.html"; filename*=UTF-8''page.html`,
      'content-security-policy': "sandbox; default-src 'none'",
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
    })
    const svg = await download(digest, 'a "name"\r\nx: ü.svg')
    expect(svg.headers['content-type']).toBe('application/octet-stream')
    expect(svg.headers['content-disposition']).toContain('filename="a__name___x___.svg"')
    const logo = await download(digest, 'logo.png')
    expect(logo.headers['content-type']).toBe('image/png')
    expect(logo.body.equals(png)).toBe(true)
    expect((await download(digest, 'large.txt')).body.toString()).toBe(text)
    expect((await download(digest, 'empty')).body.length).toBe(0)
  }
})

test('a folder of 5,000 and a search in it are paged by key', async () => {
  const names = Array.from({ length: 5000 }, (_, at) => `f${String(at).padStart(4, '0')}`)
  const entries = names.map((name) => ({ name: `many/${name}`, content: name }))
  const image = await pushLayers(server, 'main/app', [
    gzipped(tarOf([...entries, { name: 'README.md' }, { name: 'docs/readme.txt' }])),
  ])
  const { digest } = image.manifest
  await list(digest)
  const found: string[] = []
  let after: string | undefined
  do {
    const query = { ...place(digest), path: 'many', count: '1000', ...(after && { after }) }
    const { items, next } = await callPage(admin, imageFiles.list, { query })
    if (items.state !== 'ready') throw new Error(items.state)
    found.push(...items.entries.map(({ name }) => name))
    after = next ?? undefined
  } while (after !== undefined)
  expect(found).toEqual(names)
  const searched = await list(digest, { search: 'ReadMe' })
  expect(searched.entries.map(({ path }) => path)).toEqual(['README.md', 'docs/readme.txt'])
  expect((await list(digest, { search: 'readme', path: 'docs' })).entries).toHaveLength(1)
  // The end of one path and the beginning of the next are no match.
  expect((await list(digest, { search: '0001many' })).entries).toEqual([])
  const query = { ...place(digest), search: 'many/f', count: '3' }
  const first = await callPage(admin, imageFiles.list, { query })
  const second = await callPage(admin, imageFiles.list, {
    query: { ...query, after: first.next ?? '' },
  })
  const pathsOf = ({ items }: typeof first) =>
    items.state === 'ready' ? items.entries.map(({ name }) => name) : []
  expect([...pathsOf(first), ...pathsOf(second)]).toEqual(names.slice(0, 6))
})

test('two images are compared: added, removed and changed, and in what', async () => {
  const before = await pushLayers(server, 'main/app', [gzipped(tarOf(base))])
  const after = await pushLayers(server, 'main/app', [gzipped(tarOf(base)), gzipped(tarOf(upper))])
  const query = {
    ...place(before.manifest.digest),
    otherDigest: after.manifest.digest,
  }
  const compared = await untilRead(() => call(admin, imageFiles.compare, { query }))
  if (compared.state !== 'ready') throw new Error(compared.message)
  expect(compared).toMatchObject({ added: 2, removed: 2, changed: 1, problemCount: 0 })
  const seen = compared.differences.map(({ path, change, differs }) => [path, change, ...differs])
  expect(seen).toEqual([
    ['etc/hosts', 'changed', 'size', 'content'],
    ['etc/motd', 'removed'],
    ['old/a', 'removed'],
    ['usr/bin/new', 'added'],
    ['usr/bin/same', 'added'],
  ])
  const page = await callPage(admin, imageFiles.compare, { query: { ...query, count: '2' } })
  expect(page.next).toBe('etc/motd')
  const same = { ...query, otherDigest: query.digest }
  expect(await untilRead(() => call(admin, imageFiles.compare, { query: same }))).toMatchObject({
    ...{ added: 0, removed: 0, changed: 0, differences: [] },
  })
})

const hostile: readonly (readonly [what: string, layer: Layer, says: RegExp])[] = [
  ['is no archive', { bytes: Buffer.from('{"a": 1}') }, /JSON/],
  ['is cut off', { bytes: tarOf([{ name: 'a', claimedSize: 9999 }]) }, /cut off/],
  ['is noise', gzipped(Buffer.alloc(5000, 0x5a)), /broken/],
]

test.for(hostile)('a layer that %s is told, and which one it is', async ([, layer, says]) => {
  const image = await pushLayers(server, 'main/app', [gzipped(tarOf(base)), layer])
  const query = place(image.manifest.digest)
  const answer = await untilRead(() => call(admin, imageFiles.list, { query }))
  expect(answer).toEqual({
    ...{ state: 'unreadable', layer: image.layers[1]?.digest },
    message: expect.stringMatching(says),
  })
  const problem = await problemOf(
    call(admin, imageFiles.download, { query: { ...query, path: 'a' } }),
  )
  expect(problem.status).toBe(409)
})

test('an image of too many layers is told at once', async () => {
  const layer = gzipped(tarOf([{ name: 'a' }]))
  const { manifest } = await pushLayers(server, 'main/app', Array(501).fill(layer))
  const answer = await call(admin, imageFiles.list, { query: place(manifest.digest) })
  expect(answer).toMatchObject({ state: 'unreadable', layer: null })
  expect(answer).toMatchObject({ message: expect.stringContaining('501 layers') })
})

test('entries with hostile paths are counted and told; the others are shown', async () => {
  const image = await pushLayers(server, 'main/app', [
    gzipped(
      tarOf([
        { name: 'ok' },
        { name: '../../etc/passwd', content: 'x' },
        { name: Buffer.from([0xff, 0xfe]) },
        { name: 'ok/below-a-file' },
      ]),
    ),
  ])
  const { entries, problems, problemCount } = await list(image.manifest.digest)
  expect(entries.map(({ name }) => name)).toEqual(['ok'])
  expect(problemCount).toBe(3)
  expect(problems.map(({ path }) => path)).toEqual([
    '../../etc/passwd',
    '\ufffd\ufffd',
    'ok/below-a-file',
  ])
})

test('a foreign layer that is not here is left out, a lost one is told', async () => {
  const foreign = { bytes: tarOf(base), mediaType: mediaTypes.foreignLayer }
  const image = imageOf([foreign, gzipped(tarOf(upper))])
  const table = { url: server.url, callers: { admin: server.admin } }
  for (const content of [image.config, image.layers[1] ?? image.config]) {
    await pushBlob(table, 'main/app', content)
  }
  await pushManifest(table, 'main/app', image.manifest)
  const listed = await list(image.manifest.digest)
  expect(listed.layers.map(({ absent }) => absent)).toEqual([true, false])
  expect(listed.entries.map(({ name }) => name)).toContain('etc')
  const lost = await pushLayers(server, 'main/lost', [gzipped(tarOf([{ name: 'lost' }]))])
  rmSync(blobFileOf(lost.layers[0]?.size ?? 0))
  const query = { ...place(lost.manifest.digest), repo: 'lost' }
  for (let turn = 0; turn < 2; turn += 1) {
    const answer = await untilRead(() => call(admin, imageFiles.list, { query }))
    expect(answer).toEqual({
      ...{ state: 'unreadable', layer: lost.layers[0]?.digest },
      message: expect.stringContaining('push the image again'),
    })
  }
})

/** The newest file of this size in the store. */
function blobFileOf(sizeBytes: number): string {
  const folder = path.join(server.config.dataDir, 'store', 'blobs')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((file) => path.join(folder, file))
    .filter((file) => statSync(file).size === sizeBytes && statSync(file).isFile())
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)
  return files[0] ?? ''
}

test('what another repository has is not shown through a manifest that only names it', async () => {
  await server.createFeed('sparse', { sparseIndexes: true })
  const secret = await pushLayers(server, 'main/app', [gzipped(tarOf([{ name: 'secret' }]))])
  await list(secret.manifest.digest)
  const table = { url: server.url, callers: { admin: server.admin } }
  await pushManifest(table, 'sparse/thief', secret.manifest)
  const query = { feed: 'sparse', repo: 'thief', digest: secret.manifest.digest }
  const answer = await call(admin, imageFiles.list, { query })
  expect(answer).toMatchObject({ state: 'unreadable', layer: secret.layers[0]?.digest })
  const got = await call(admin, imageFiles.get, { query: { ...query, path: 'secret' } })
  expect(got.state).toBe('unreadable')
})

test('bad questions are refused by field', async () => {
  const image = await pushLayers(server, 'main/app', [gzipped(tarOf(base))])
  const { digest } = image.manifest
  await list(digest)
  const ask = async (query: Query) =>
    problemOf(call(admin, imageFiles.list, { query: { ...place(digest), ...query } }))
  expect(await ask({ digest: 'sha256:1' })).toMatchObject({
    status: 422,
    errors: [{ field: 'digest' }],
  })
  expect(await ask({ repo: 'A B' })).toMatchObject({ status: 422, errors: [{ field: 'repo' }] })
  expect(await ask({ layer: digest })).toMatchObject({ status: 422, errors: [{ field: 'layer' }] })
  expect(await ask({ count: '0' })).toMatchObject({ status: 422 })
  expect(await ask({ path: 'nowhere' })).toMatchObject({ status: 404, code: 'NOT_FOUND' })
  expect(await ask({ path: 'etc/hosts' })).toMatchObject({ status: 404 })
  const absent = digest.replace(/.{4}$/, '0000')
  expect(await ask({ digest: absent })).toMatchObject({ status: 404, code: 'MANIFEST_UNKNOWN' })
  const all = index([descriptor(image.manifest)])
  await pushManifest({ url: server.url, callers: { admin: server.admin } }, 'main/app', all)
  expect(await ask({ digest: all.digest })).toMatchObject({
    status: 422,
    errors: [{ field: 'digest' }],
  })
})
