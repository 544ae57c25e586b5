import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { exportNow } from '../../server/administration/export.ts'
import type { Config } from '../../server/config.ts'
import { parseRepositoryName } from '../../server/domain/reference.ts'
import { listen, serve, tableOf } from '../backup/backups.ts'
import { runSuccessfully } from '../support/command.ts'
import { type Containerd, startContainerd } from '../support/containerd.ts'
import { artifact, descriptor, digestOf, image, index } from '../support/content.ts'
import { describeWith } from '../support/describe-with.ts'
import { formatDockerArchive } from '../support/docker-archive.ts'
import { startDockerEngine } from '../support/docker-engine.ts'
import { tarOf } from '../support/layers.ts'
import { makeOciLayout, type OciLayout } from '../support/oci-layout.ts'
import { pushImage, pushManifest } from '../support/push.ts'
import { needs } from '../support/require.ts'
import { formatTar } from '../support/tar.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { send } from '../support/wire.ts'
import { expectPulled, makeDataFolder, nothingCopied, runImport, skippedOf } from './imports.ts'

const folder = makeTemporaryFolder('import-archives')
const below = (name: string) => path.join(folder.path, name)
const skopeo = needs({ program: 'skopeo', package: 'skopeo' })
const containerdFound = needs({ program: 'containerd', package: 'containerd' })
const ctrFound = needs({ program: 'ctr', package: 'containerd' })
let config: Config
let layout: OciLayout

beforeAll(async () => {
  config = await makeDataFolder(below('data'), ['round', 'docker', 'podman'])
  mkdirSync(below('layout'))
  layout = await makeOciLayout(below('layout'), '1.0')
})
afterAll(() => folder[Symbol.asyncDispose]())

async function digestOfTag(name: string, tag: string): Promise<string | undefined> {
  await using server = await serve(config.dataDir)
  const headers = { authorization: server.admin, accept: '*/*' }
  const target = `/v2/${name}/manifests/${tag}`
  return (await send(server.url, { method: 'GET', target, headers })).headers[
    'docker-content-digest'
  ]
}

function copy(from: string, to: string, ...flags: readonly string[]) {
  const env = { ...process.env, XDG_RUNTIME_DIR: folder.path, HOME: folder.path }
  return runSuccessfully(skopeo.file, ['--insecure-policy', 'copy', ...flags, from, to], { env })
}

describeWith('layouts and archives of skopeo', [skopeo.reason], () => {
  test('a layout has a tag for a name: --as says which repository', async () => {
    await copy(layout.reference, `oci:${below('made')}:2.0`, '--all')
    const nameless = await runImport(config, { from: below('made') })
    expect(skippedOf(nameless)).toEqual([`name: 2.0 (${layout.indexDigest})`])
    const done = await runImport(config, { from: below('made'), source: { as: 'team/made' } })
    expect([skippedOf(done), done.counts]).toMatchObject([[], { manifests: 3, tags: 1, linked: 5 }])
    expect(await digestOfTag('main/team/made', '2.0')).toBe(layout.indexDigest)
    const again = await runImport(config, { from: below('made'), source: { as: 'team/made' } })
    expect(again.counts).toMatchObject({ ...nothingCopied, manifestsThere: 3 })
  })

  test('an archive of one with a whole name', async () => {
    const name = 'registry.example.test:5000/team/archived:3.0'
    await copy(layout.reference, `oci-archive:${below('made.tar')}:${name}`, '--all')
    const done = await runImport(config, { from: below('made.tar'), mayLink: false })
    expect([skippedOf(done), done.counts]).toMatchObject([[], { manifests: 3, shared: 5 }])
    expect(await digestOfTag('main/team/archived', '3.0')).toBe(layout.indexDigest)
  })

  test("docker's old format, whose manifests are always the same", async () => {
    const name = 'docker.io/library/app:1'
    const from = below('docker.tar')
    await copy(layout.reference, `docker-archive:${from}:${name}`, '--override-arch', 'amd64')
    const done = await runImport(config, { from, order: { feed: 'podman' } })
    expect([skippedOf(done), done.counts]).toMatchObject([
      [],
      { manifests: 1, copied: 2, shared: 1 },
    ])
    const again = await runImport(config, { from, order: { feed: 'podman' } })
    expect(again.counts).toMatchObject(nothingCopied)
    await using server = await serve(config.dataDir)
    const pulled = below('pulled')
    const creds = ['--src-creds', `Admin:${server.adminPassword}`, '--src-tls-verify=false']
    const target = `docker://${new URL(server.url).host}/podman/app:1`
    await copy(target, `dir:${pulled}`, ...creds, '--override-arch', 'amd64')
    const manifest = JSON.parse(readFileSync(path.join(pulled, 'manifest.json'), 'utf8'))
    // Skopeo has checked that the layers are those that the configuration names.
    expect(manifest.layers).toHaveLength(2)
  })
})

test('what export has written comes back under its name, with what refers to it', async () => {
  const each = image('exported')
  const list = index([descriptor(each.manifest)])
  const signature = artifact('signature', 'application/x-signature', { subject: descriptor(list) })
  const server = await serve(config.dataDir)
  const table = tableOf(server)
  await pushImage(table, 'main/team/exported', each)
  await pushManifest(table, 'main/team/exported', list, '1')
  await pushImage(table, 'main/team/exported', signature)
  await server[Symbol.asyncDispose]()
  const repository = parseRepositoryName('team/exported')
  const order = { feed: 'main', repository, reference: null, folder: below('exported') }
  await exportNow(config, { ...order, report: listen() })
  const selection = { tags: ['1'] }
  const done = await runImport(config, {
    ...{ from: below('exported'), selection, order: { feed: 'round' } },
  })
  expect([skippedOf(done), done.counts]).toMatchObject([[], { manifests: 3, tags: 1, shared: 5 }])
  await using again = await serve(config.dataDir)
  const name = 'round/team/exported'
  await expectPulled(again, [
    { name, reference: '1', manifest: list },
    { name, reference: signature.manifest.digest, manifest: signature.manifest },
  ])
})

test('docker save of a real engine', { timeout: 120_000 }, async ({ skip }) => {
  const { engine, reason } = await startDockerEngine()
  if (engine === undefined) return skip(reason)
  await using docker = engine
  const shared = { 'shared.txt': 'the same in both' }
  await docker.load({
    'team/first:1': { layers: [shared, { 'a.txt': 'a' }], main: 'true' },
    'registry.example.test/team/second:2': { layers: [shared, { 'b.txt': 'b' }], main: 'true' },
  })
  const from = below('saved.tar')
  const names = ['team/first:1', 'registry.example.test/team/second:2']
  const saved = await docker.docker('save', '--output', from, ...names)
  expect(saved.code, saved.output).toBe(0)
  const done = await runImport(config, { from, order: { feed: 'docker' } })
  expect([skippedOf(done), done.counts]).toMatchObject([[], { manifests: 2, tags: 2 }])
  // Busybox and the shared layer once, one of each image's own, two configurations.
  expect(done.counts.copied).toBe(6)
  const again = await runImport(config, { from, order: { feed: 'docker' } })
  expect(again.counts).toMatchObject({ ...nothingCopied, manifestsThere: 2 })
  const ids = await docker.docker('image', 'inspect', '--format', '{{.Id}}', ...names)
  await using server = await serve(config.dataDir)
  const headers = { authorization: server.admin, accept: '*/*' }
  for (const [at, name] of ['team/first/manifests/1', 'team/second/manifests/2'].entries()) {
    const got = await send(server.url, { method: 'GET', target: `/v2/docker/${name}`, headers })
    expect(JSON.parse(got.body.toString()).config.digest).toBe(ids.stdout.split('\n')[at])
  }
})

describeWith(
  'the newer format, which is a layout too, of containerd',
  [containerdFound.reason, ctrFound.reason, skopeo.reason],
  () => {
    let containerd: Containerd
    beforeAll(async () => {
      const programs = { containerd: containerdFound.file, ctr: ctrFound.file }
      containerd = await startContainerd(programs, below('containerd'))
    })
    afterAll(() => containerd?.[Symbol.asyncDispose]())

    test('comes with its names and all its platforms, digest by digest', async () => {
      const name = 'docker.io/library/app:5'
      await copy(layout.reference, `oci-archive:${below('in.tar')}:5`, '--all')
      const must = async (...args: readonly string[]) => {
        const done = await containerd.ctr(...args)
        expect(done.code, done.output).toBe(0)
      }
      const load = ['--no-unpack', '--all-platforms', '--base-name', 'docker.io/library/app']
      await must('images', 'import', ...load, below('in.tar'))
      await must('images', 'export', '--all-platforms', below('out.tar'), name)
      const listed = await runSuccessfully('tar', ['-tf', below('out.tar')])
      expect(listed).toMatch(/oci-layout/)
      const done = await runImport(config, { from: below('out.tar'), order: { feed: 'docker' } })
      expect([skippedOf(done), done.counts]).toMatchObject([[], { manifests: 3, tags: 1 }])
      expect(await digestOfTag('docker/app', '5')).toBe(layout.indexDigest)
    })
  },
)

test('names as Docker 25 and others write them; an index of which only one platform was saved', async () => {
  const [one, two] = [image('saved one'), image('saved two')]
  const partly = index([descriptor(one.manifest), descriptor(two.manifest)])
  const key = 'io.containerd.image.name'
  const ref = 'org.opencontainers.image.ref.name'
  const entries = [
    { ...descriptor(one.manifest), annotations: { [key]: 'docker.io/team/a:1', [ref]: '1' } },
    { ...descriptor(one.manifest), annotations: { [key]: 'docker.io/library/b', [ref]: '2' } },
    { ...descriptor(partly), annotations: { [key]: 'docker.io/team/partly:3', [ref]: '3' } },
  ]
  const blobs = [...one.blobs, one.manifest, partly]
  const file = (digest: string) => `blobs/sha256/${digest.slice(7)}`
  const archive = tarOf([
    ...blobs.map(({ digest, bytes }) => ({ name: file(digest), content: bytes })),
    { name: 'index.json', content: JSON.stringify({ schemaVersion: 2, manifests: entries }) },
    { name: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' },
    { name: 'manifest.json', content: '[]' },
  ])
  writeFileSync(below('docker25.tar'), archive)
  const done = await runImport(config, { from: below('docker25.tar') })
  expect(skippedOf(done)).toEqual([
    `incomplete: team/partly:3`,
    `incomplete: team/partly@${partly.digest}`,
    `missing: team/partly@${two.manifest.digest}`,
  ])
  expect(done.counts).toMatchObject({ tags: 2, manifests: 3 })
  expect(await digestOfTag('main/team/a', '1')).toBe(one.manifest.digest)
  expect(await digestOfTag('main/b', '2')).toBe(one.manifest.digest)
})

test('an archive whose layers are packed, named twice or lead nowhere', async () => {
  const files = formatTar({ 'etc/motd': 'hello' })
  const packed = gzipSync(files)
  const configs = ['a', 'b', 'c'].map((name) =>
    JSON.stringify({ name, rootfs: { type: 'layers', diff_ids: [digestOf(files)] } }),
  )
  const [a = '', b = '', c = ''] = configs
  const list = [
    { Config: 'a.json', RepoTags: ['localhost:5000/packed:1'], Layers: ['x/layer.tar.gz'] },
    { Config: 'b.json', RepoTags: ['linked:1'], Layers: ['y/layer.tar'] },
    { Config: 'c.json', RepoTags: ['gone:1'], Layers: ['z/layer.tar'] },
    { Config: '../../etc/passwd', RepoTags: ['out:1'], Layers: [] },
    { Config: 'a.json', RepoTags: null, Layers: ['x/layer.tar.gz'] },
  ]
  const archive = tarOf([
    { name: 'manifest.json', content: JSON.stringify(list) },
    ...[a, b, c].map((content, at) => ({ name: `${'abc'[at]}.json`, content })),
    { name: 'x/layer.tar.gz', content: packed },
    { name: 'plain', content: files },
    { name: 'y/layer.tar', type: '2', link: '../plain' },
    { name: 'z/layer.tar', type: '2', link: '../../../etc/passwd' },
  ])
  writeFileSync(below('odd.tar'), archive)
  const done = await runImport(config, { from: below('odd.tar') })
  expect(skippedOf(done)).toEqual(['missing: gone:1', 'missing: out:1', 'name: a.json'])
  expect(done.counts).toMatchObject({ manifests: 2, tags: 2, copied: 4 })
  await using server = await serve(config.dataDir)
  const headers = { authorization: server.admin }
  const target = `/v2/main/packed/blobs/${digestOf(packed)}`
  expect((await send(server.url, { method: 'GET', target, headers })).body.equals(packed)).toBe(
    true,
  )
})

test('of two images that differ by their host only, the second one is named', async () => {
  const hosts = ['one.example.test', 'two.example.test']
  const images = hosts.map((host) => ({ name: `${host}/same/app:1`, layers: [], command: [host] }))
  writeFileSync(below('hosts.tar'), formatDockerArchive(images))
  const done = await runImport(config, { from: below('hosts.tar') })
  expect(done.counts).toMatchObject({ manifests: 1, tags: 1 })
  expect(skippedOf(done)).toEqual(['tag exists: two.example.test/same/app:1'])
})

test('a layer that is not what the configuration says is refused', async () => {
  const [right, wrong] = [formatTar({ a: 'a' }), formatTar({ a: 'b' })]
  const archive = formatDockerArchive([{ name: 'wrong:1', layers: [right], command: ['a'] }])
  const at = archive.indexOf(right)
  wrong.copy(archive, at)
  writeFileSync(below('wrong.tar'), archive)
  const done = await runImport(config, { from: below('wrong.tar') })
  expect(done.reasons).toEqual({ damaged: 1, incomplete: 2 })
})

test('what is packed, cut off or something else is said to be so', async () => {
  const archive = formatDockerArchive([{ name: 'a:1', layers: [], command: ['a'] }])
  writeFileSync(below('packed.tar.gz'), gzipSync(archive))
  writeFileSync(below('cut.tar'), archive)
  truncateSync(below('cut.tar'), 700)
  writeFileSync(below('text'), 'hello'.repeat(200))
  writeFileSync(below('other.tar'), formatTar({ a: 'a' }))
  const refused = async (name: string) =>
    await runImport(config, { from: below(name) }).then(
      () => 'imported',
      (error: Error) => error.message,
    )
  expect(await refused('packed.tar.gz')).toContain('is packed by gzip: unpack it first')
  expect(await refused('cut.tar')).toContain('is cut off')
  expect(await refused('text')).toContain('is no tar archive that can be read')
  expect(await refused('other.tar')).toContain('nor what docker save writes')
})
