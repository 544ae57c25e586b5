import {
  appendFileSync,
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { serve, tableOf } from '../backup/backups.ts'
import { fileOf, storedFiles } from '../cleanup/stored-files.ts'
import {
  contentOf,
  descriptor,
  digestOf,
  type Image,
  image,
  index,
  type ManifestContent,
  manifestOf,
  mediaTypes,
} from '../support/content.ts'
import { pushImage } from '../support/push.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { send } from '../support/wire.ts'
import { DistributionLayout } from './distribution-layout.ts'
import {
  expectBlobs,
  expectPulled,
  expectSound,
  makeDataFolder,
  nothingCopied,
  runImport,
  skippedOf,
} from './imports.ts'

const folder = makeTemporaryFolder('import-folder')
let source: DistributionLayout
let from = ''
let count = 0

beforeEach(() => {
  count += 1
  from = path.join(folder.path, `registry${count}`)
  source = new DistributionLayout(from)
})
afterAll(() => folder[Symbol.asyncDispose]())

const dataDir = () => path.join(folder.path, `data${count}`)

const pulled = (name: string, reference: string, { manifest }: { manifest: ManifestContent }) => ({
  ...{ name: `main/${name}`, reference, manifest },
})

test('all manifests come, with tags and without, sha512 and indexes whose types are left out', async () => {
  const [one, two] = [image('one'), image('two', { algorithm: 'sha512' })]
  const bare = image('bare', { fields: { mediaType: undefined } })
  const list = index([descriptor(one.manifest), descriptor(two.manifest)], { mediaType: undefined })
  source.putImage('team/app', one, ['1.0', 'latest'])
  source.putImage('team/app', two)
  source.putImage('bare', bare, ['1'])
  source.putManifest('team/app', list, ['all'])
  const config = await makeDataFolder(dataDir())
  const done = await runImport(config, { from, order: { prefix: 'old' } })
  expect([skippedOf(done), done.counts]).toMatchObject([[], { manifests: 4, tags: 4, linked: 9 }])
  expect((await runImport(config, { from, order: { prefix: 'old' } })).counts).toMatchObject({
    ...{ ...nothingCopied, manifestsThere: 4, tagsThere: 4 },
  })
  await using server = await serve(dataDir())
  await expectPulled(server, [
    pulled('old/team/app', 'latest', one),
    pulled('old/team/app', two.manifest.digest, two),
    pulled('old/team/app', 'all', { manifest: list }),
    pulled('old/bare', '1', bare),
  ])
  await expectBlobs(server, 'main/old/team/app', [...one.blobs, ...two.blobs])
})

test('what is missing, damaged or broken is named with the reason; the rest comes', async () => {
  const images = Object.fromEntries(
    ['good', 'flipped', 'short', 'lost', 'unlinked', 'broken'].map((name) => [name, image(name)]),
  ) as Record<string, Image>
  for (const [name, each] of Object.entries(images)) source.putImage('team/app', each, [name])
  const layer = (name: string) => images[name]?.layers[0]?.digest ?? ''
  const bytes = readFileSync(source.dataOf(layer('flipped')))
  bytes[5] = (bytes[5] ?? 0) ^ 1
  writeFileSync(source.dataOf(layer('flipped')), bytes)
  writeFileSync(source.dataOf(layer('short')), bytes.subarray(0, 10))
  rmSync(source.dataOf(layer('lost')))
  const tags = path.join(source.manifestsOf('team/app'), 'tags')
  rmSync(path.join(tags, 'unlinked/current/link'))
  writeFileSync(path.join(tags, 'broken/current/link'), 'sha256:../../../../etc/passwd')
  const schema1 = contentOf(JSON.stringify({ schemaVersion: 1, fsLayers: [], name: 'old' }))
  source.putManifest('team/app', schema1, ['schema1'])
  source.putManifest('team/app', contentOf('not JSON'), ['text'])
  source.putUpload('team/app', '1234')
  source.putUpload('half', '5678')
  source.putImage('Upper/case', images.good ?? image('x'), ['1'])
  const config = await makeDataFolder(dataDir())
  const done = await runImport(config, { from })
  const of = (name: string) => images[name]?.manifest.digest
  expect(done.failure).toBe(null)
  expect(skippedOf(done)).toEqual(
    [
      ...[`damaged: team/app@${layer('flipped')}`, `damaged: team/app@${layer('short')}`],
      `missing: team/app@${layer('lost')}`,
      ...['flipped', 'short', 'lost'].map((name) => `incomplete: team/app@${of(name)}`),
      ...['flipped', 'short', 'lost'].map((name) => `incomplete: team/app:${name}`),
      ...['missing: team/app:unlinked', 'unreadable: team/app:broken'],
      `unsupported: team/app@${schema1.digest}`,
      ...['incomplete: team/app:schema1', 'incomplete: team/app:text'],
      `unsupported: team/app@${digestOf(Buffer.from('not JSON'))}`,
      ...['unfinished: team/app _uploads/1234', 'unfinished: half _uploads/5678'],
      'name: Upper/case',
    ].sort(),
  )
  expect(done.reasons).toMatchObject({ damaged: 2, missing: 2, unfinished: 2, name: 1 })
  expect(done.faults.join('\n')).toContain('Docker schema 1, which is not supported')
  await expectSound(dataDir())
  await using server = await serve(dataDir())
  const { good = image('x'), unlinked = image('x'), broken = image('x') } = images
  await expectPulled(server, [
    pulled('team/app', 'good', good),
    ...[unlinked, broken].map((each) => pulled('team/app', each.manifest.digest, each)),
  ])
  // Nothing is left of what was not right.
  expect(storedFiles(dataDir()).map((file) => digestOf(readFileSync(file)))).not.toContain(
    digestOf(bytes),
  )
})

test('symlinks lead nowhere outside', async () => {
  const outside = path.join(folder.path, 'outside')
  const secret = contentOf('a secret of this machine')
  mkdirSync(outside)
  writeFileSync(path.join(outside, 'data'), secret.bytes)
  const [inside, planted] = [image('inside'), image('planted')]
  source.putImage('app', inside, ['1'])
  source.putImage('app', planted, ['planted'])
  const [layer] = planted.layers
  rmSync(source.dataOf(layer?.digest ?? ''))
  symlinkSync(path.join(outside, 'data'), source.dataOf(layer?.digest ?? ''))
  symlinkSync('/', path.join(source.root, 'repositories/root'))
  const tags = path.join(source.manifestsOf('app'), 'tags')
  mkdirSync(path.join(tags, 'fifo/current'), { recursive: true })
  mkdirSync(path.join(tags, 'fifo/current/link'))
  mkdirSync(path.join(tags, 'linked/current'), { recursive: true })
  symlinkSync('/etc/hostname', path.join(tags, 'linked/current/link'))
  symlinkSync(outside, path.join(tags, 'away'))
  const config = await makeDataFolder(dataDir())
  const done = await runImport(config, { from })
  expect(skippedOf(done)).toEqual(
    [
      `unreadable: app@${layer?.digest}`,
      `incomplete: app@${planted.manifest.digest}`,
      'incomplete: app:planted',
      ...['unreadable: app:fifo', 'unreadable: app:linked', 'unreadable: root'],
      'unreadable: app/_manifests/tags/away',
    ].sort(),
  )
  expect(done.faults.join('\n')).not.toContain(secret.bytes.toString())
  await using server = await serve(dataDir())
  await expectPulled(server, [pulled('app', '1', inside)])
})

test('files are linked; what removes them here leaves them there', async () => {
  const each = image('linked')
  source.putImage('app', each, ['1'])
  const before = await serve(dataDir())
  const target = '/api/settings/set?name=Cleanup.GraceSeconds&value=1'
  const auth = { authorization: before.admin }
  expect((await send(before.url, { method: 'POST', target, headers: auth })).status).toBe(200)
  await before[Symbol.asyncDispose]()
  const { config } = before
  expect((await runImport(config, { from })).counts).toMatchObject({ linked: 3, copied: 0 })
  const [layer] = each.layers
  if (layer === undefined) throw new Error('an image without layers')
  const here = fileOf(dataDir(), layer.digest)
  expect(statSync(here).ino).toBe(statSync(source.dataOf(layer.digest)).ino)
  await using server = await serve(dataDir())
  const headers = { authorization: server.admin }
  await send(server.url, {
    ...{ method: 'DELETE', target: `/v2/main/app/manifests/${each.manifest.digest}`, headers },
  })
  const post = (target: string) => send(server.url, { method: 'POST', target, headers })
  for (let turn = 0; turn < 40 && storedFiles(dataDir()).length > 0; turn += 1) {
    await post('/api/jobs/run?job=FeedCleanup&feed=main')
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
  expect(storedFiles(dataDir())).toEqual([])
  for (const { digest, bytes } of each.blobs) {
    expect(readFileSync(source.dataOf(digest)).equals(bytes)).toBe(true)
  }
})

test('what is damaged here later is mended by a new file, and the linked one is not written', async () => {
  const each = image('mended')
  source.putImage('app', each, ['1'])
  const config = await makeDataFolder(dataDir())
  await runImport(config, { from })
  const [layer] = each.layers
  if (layer === undefined) throw new Error('an image without layers')
  // Somebody writes into the file, which two now share.
  appendFileSync(source.dataOf(layer.digest), 'more')
  const damaged = readFileSync(source.dataOf(layer.digest))
  await using server = await serve(dataDir())
  const headers = { authorization: server.admin }
  const target = `/v2/main/app/blobs/${layer.digest}`
  expect((await send(server.url, { method: 'GET', target, headers })).status).toBe(404)
  await pushImage(tableOf(server), 'main/app', each, ['1'])
  await expectBlobs(server, 'main/app', each.blobs)
  expect(readFileSync(source.dataOf(layer.digest)).equals(damaged)).toBe(true)
})

test('what could be written by others, or is to be, is copied; the reason is told', async () => {
  const each = image('copied')
  source.putImage('app', each, ['1'])
  const [config, first, second] = each.blobs.map(({ digest }) => source.dataOf(digest))
  chmodSync(config ?? '', 0o666)
  const told: string[] = []
  const data = await makeDataFolder(dataDir(), ['other', 'third'])
  const report = () => ({
    ...{ signal: new AbortController().signal, faults: [], infos: [], counts: new Map() },
    ...{ info: (text: string) => void told.push(text), fault() {}, count() {}, progress() {} },
  })
  const isRoot = process.getuid?.() === 0
  if (isRoot) chownSync(first ?? '', 65534, 65534)
  const done = await runImport(data, { from, report: report() })
  expect(done.counts).toMatchObject({ copied: isRoot ? 2 : 1, linked: isRoot ? 1 : 2 })
  expect(told.join('\n')).toContain('Copied, not linked: others may write it')
  if (isRoot) expect(told.join('\n')).toContain('its owner is the user 65534')
  expect(statSync(second ?? '').nlink).toBe(2)
  // The same store has them: they are shared, not copied again.
  const shared = await runImport(data, { from, order: { feed: 'other' }, mayLink: false })
  expect(shared.counts).toMatchObject({ copied: 0, linked: 0, shared: 3 })
})

test('--copy makes files of our own', async () => {
  const each = image('own')
  source.putImage('app', each, ['1'])
  const config = await makeDataFolder(dataDir())
  const done = await runImport(config, { from, mayLink: false })
  expect(done.counts).toMatchObject({ copied: 3, linked: 0 })
  for (const { digest } of each.blobs) expect(statSync(source.dataOf(digest)).nlink).toBe(1)
})

test('tags that are there stay, or are moved when that is asked for; a registry may forbid it', async () => {
  const [old, fresh] = [image('old'), image('fresh')]
  source.putImage('app', old, ['1', '2'])
  const config = await makeDataFolder(dataDir())
  await runImport(config, { from })
  source.putImage('app', fresh, ['1'])
  const kept = await runImport(config, { from })
  expect(skippedOf(kept)).toEqual(['tag exists: app:1'])
  expect(kept.counts).toMatchObject({ manifests: 1, tags: 0, tagsThere: 1 })
  const moved = await runImport(config, { from, order: { overwriteTags: true } })
  expect([skippedOf(moved), moved.counts.tags]).toEqual([[], 1])
  const server = await serve(dataDir())
  await expectPulled(server, [pulled('app', '1', fresh), pulled('app', '2', old)])
  await server.setFeed('main', { overwrite: 'never' })
  await server[Symbol.asyncDispose]()
  source.putImage('app', old, ['1'])
  const refused = await runImport(config, { from, order: { overwriteTags: true } })
  expect(skippedOf(refused)).toEqual(['refused: app:1'])
})

test('layers that are elsewhere are not missed, and come where they are there', async () => {
  const [base, own] = [contentOf('base'), contentOf('own')]
  const config = contentOf('{}')
  const layers = [
    { ...descriptor(base, mediaTypes.foreignGzipLayer), urls: ['https://example.test/base'] },
    descriptor(own, mediaTypes.gzipLayer),
  ]
  const value = { schemaVersion: 2, mediaType: mediaTypes.image, layers }
  const manifest = manifestOf({ ...value, config: descriptor(config, mediaTypes.config) })
  source.putImage('win', { manifest, config, layers: [own], blobs: [config, own] }, ['1'])
  const data = await makeDataFolder(dataDir())
  const done = await runImport(data, { from })
  expect([skippedOf(done), done.counts]).toMatchObject([[], { elsewhere: 1, linked: 2, tags: 1 }])
  const again = manifestOf({ ...value, config: descriptor(config), annotations: { again: 'yes' } })
  source.putBlob(base)
  source.putManifest('win', again, ['2'])
  expect((await runImport(data, { from })).counts).toMatchObject({ elsewhere: 0, linked: 1 })
})

test('a manifest that was deleted stays deleted; an index without it comes only where that is allowed', async () => {
  const [kept, gone] = [image('kept'), image('gone')]
  for (const each of [kept, gone]) source.putImage('app', each)
  source.putManifest('app', index([descriptor(kept.manifest), descriptor(gone.manifest)]), ['all'])
  const revisions = path.join(source.manifestsOf('app'), 'revisions')
  rmSync(path.join(revisions, gone.manifest.digest.replace(':', '/'), 'link'))
  const config = await makeDataFolder(dataDir(), ['sparse'])
  const done = await runImport(config, { from })
  expect(done.reasons).toEqual({ missing: 1, incomplete: 2 })
  const server = await serve(dataDir())
  await server.setFeed('sparse', { sparseIndexes: true })
  await server[Symbol.asyncDispose]()
  const sparse = await runImport(config, { from, order: { feed: 'sparse' } })
  expect([skippedOf(sparse), sparse.counts.tags]).toEqual([
    [`missing: app@${gone.manifest.digest}`],
    1,
  ])
})

test('only what is asked for comes, with the tags that belong to it', async () => {
  const [wanted, other] = [image('wanted'), image('other')]
  source.putImage('team/app', wanted, ['1.0'])
  source.putImage('team/app', other, ['2.0'])
  const about = (each: Image, ending: string) => each.manifest.digest.replace(':', '-') + ending
  const signature = image('cosign')
  source.putImage('team/app', signature, [about(wanted, '.sig'), about(other, '.sig')])
  source.putImage('team/deep/er', other, ['1.0'])
  source.putImage('lib', other, ['1.0'])
  const config = await makeDataFolder(dataDir())
  const done = await runImport(config, {
    from,
    selection: { include: ['team/*'], exclude: ['team/x*'], tags: ['1.*'] },
  })
  expect(skippedOf(done)).toEqual([])
  expect(done.counts).toMatchObject({
    ...{ repositories: 1, repositoriesLeftOut: 2, tags: 2, manifests: 2, tagsLeftOut: 3 },
  })
  const named = await runImport(config, { from, selection: { repositories: ['lib', 'none'] } })
  expect(named.counts).toMatchObject({ repositories: 2, tags: 1 })
  await expect(runImport(config, { from, selection: { tags: ['a b'] } })).rejects.toThrow(
    'is no pattern of tags',
  )
})

test('a dry run says what would come, and changes nothing', async () => {
  const [one, two] = [image('dry one'), image('dry two')]
  source.putImage('app', one, ['1'])
  source.putImage('app', two, ['2'])
  rmSync(source.dataOf(two.config.digest))
  const config = await makeDataFolder(dataDir())
  const dry = await runImport(config, { from, isDryRun: true })
  expect(dry.counts).toMatchObject({ manifests: 2, tags: 2, copied: 5 })
  expect(skippedOf(dry)).toEqual([`missing: app@${two.config.digest}`])
  expect(readdirSync(path.join(dataDir(), 'store/blobs'))).toEqual([])
  expect((await runImport(config, { from })).counts).toMatchObject({ manifests: 1, linked: 5 })
})

test('what is no registry is said to be none', async () => {
  const config = await makeDataFolder(dataDir())
  rmSync(path.join(source.root, 'repositories'), { recursive: true })
  await expect(runImport(config, { from })).rejects.toThrow('is neither the folder of a registry')
  await expect(runImport(config, { from: `${from}/none` })).rejects.toThrow('There is no')
  source.putImage('app', image('x'), ['1'])
  await expect(runImport(config, { from, order: { feed: 'none' } })).rejects.toThrow('none')
})
