import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { parseDigest } from '../../server/domain/digest.ts'
import { parseRepositoryName, parseTag } from '../../server/domain/reference.ts'
import { Pace } from '../../server/registry/backup/pace.ts'
import { importImages } from '../../server/registry/import/import.ts'
import { ImportReport } from '../../server/registry/import/import-report.ts'
import { clientOptions, openSource } from '../../server/registry/import/open-source.ts'
import { RemoteTarget } from '../../server/registry/import/remote-target.ts'
import { readSelection } from '../../server/registry/import/selection.ts'
import { listen, tableOf } from '../backup/backups.ts'
import { fileOf } from '../cleanup/stored-files.ts'
import { blob, image, seededBytes } from '../support/content.ts'
import { postgresDatabases } from '../support/databases.ts'
import { openFaultProxy } from '../support/fault-proxy.ts'
import { imageOf } from '../support/layers.ts'
import { pushImage } from '../support/push.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { DistributionLayout } from './distribution-layout.ts'
import { makeFleet, pulledOf } from './fleet.ts'
import {
  anonymous,
  expectBlobs,
  expectPulled,
  nothingCopied,
  runImport,
  skippedOf,
} from './imports.ts'

const folder = makeTemporaryFolder('import-running')
const layout = new DistributionLayout(path.join(folder.path, 'registry'))
const fleet = makeFleet('running', { singles: 20, indexes: 4, repositories: 3 })
let server: TestServer

beforeAll(async () => {
  for (const [name, blobs] of fleet.blobs) {
    for (const each of blobs) layout.putBlob(each)
    for (const { repository, tag, manifest } of fleet.waves.flat()) {
      if (repository === name) layout.putManifest(name, manifest, tag === null ? [] : [tag])
    }
  }
  server = await startServer()
})
afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

const admin = () => ({ ...anonymous, username: 'Admin', password: server.adminPassword })

test('beside a server that runs it is refused, and says what to do', async () => {
  await expect(runImport(server.config, { from: layout.folder })).rejects.toThrow(
    `A server has the data folder ${server.config.dataDir}: give the address of the server that runs (--url https://…), or stop it first.`,
  )
})

test('it goes to that server over the wire, once', async () => {
  const to = { url: server.url, access: admin() }
  const done = await runImport(server.config, { from: layout.folder, server: to })
  expect([skippedOf(done), done.failure]).toEqual([[], null])
  expect(done.counts).toMatchObject({ manifests: 40, linked: 0 })
  const again = await runImport(server.config, { from: layout.folder, server: to })
  expect(again.counts).toMatchObject({ ...nothingCopied, manifestsThere: 40 })
  await expectPulled(server, pulledOf(fleet, 'main'))
  for (const [name, blobs] of fleet.blobs) await expectBlobs(server, `main/${name}`, blobs)
  // What another repository there has is not sent again.
  const order = { prefix: 'second' }
  const shared = await runImport(server.config, { from: layout.folder, server: to, order })
  expect(shared.counts).toMatchObject({ manifests: 40, copied: 0, bytesCopied: 0 })
})

test('an API key is enough, and who may not push hears so of each thing', async () => {
  await server.createFeed('keyed')
  const { key } = await server.createKey('keyed', ['view', 'add'])
  const access = { ...anonymous, username: 'api', password: key }
  const to = { url: server.url, access }
  const selection = { tags: ['1.1'] }
  const input = { from: layout.folder, server: to, selection }
  const done = await runImport(server.config, { ...input, order: { feed: 'keyed' } })
  expect([skippedOf(done), done.counts.tags]).toEqual([[], 1])
  const elsewhere = await runImport(server.config, { ...input, order: { prefix: 'x' } })
  expect(elsewhere.failure).toBe(null)
  expect(elsewhere.reasons).toEqual({ refused: 4, incomplete: 1 })
  const wrong = { url: server.url, access: { ...access, password: 'wrong' } }
  await expect(runImport(server.config, { ...input, server: wrong })).rejects.toThrow(
    'refuses the user name or the password',
  )
  const gone = { url: 'http://127.0.0.1:9', access }
  await expect(runImport(server.config, { ...input, server: gone })).rejects.toThrow(
    'the connection failed',
  )
})

test('what the server does not take is named in its words', async () => {
  const short = new DistributionLayout(path.join(folder.path, 'short'))
  const [whole, wrong] = [image('whole'), image('wrong')]
  short.putImage('app', whole, ['1'])
  short.putImage('app', wrong, ['2'])
  const [layer] = wrong.layers
  if (layer === undefined) throw new Error('an image without layers')
  short.putBlob({ ...layer, bytes: seededBytes('other', layer.size) })
  const large = imageOf([{ bytes: seededBytes('large', 1_500_000) }])
  const [cut] = large.layers
  short.putImage('app', large, ['3'])
  if (cut !== undefined) short.putBlob({ ...cut, bytes: seededBytes('o', cut.size) })
  const to = { url: server.url, access: admin() }
  const done = await runImport(server.config, { from: short.folder, server: to })
  expect(done.reasons).toEqual({ damaged: 2, incomplete: 4 })
  expect(done.faults.join('\n')).toMatch(/refers to sha256:[0-9a-f]+, not in this repository/)
  expect(done.counts.tags).toBe(1)
})

test('a tag stays where it is although what it points at is damaged', async () => {
  const [here, there] = [image('damaged here'), image('there')]
  await pushImage(tableOf(server), 'main/hurt', here, ['1'])
  const [layer] = here.layers
  rmSync(fileOf(server.config.dataDir, layer?.digest ?? ''))
  const headers = { authorization: server.admin }
  const asked = (name: string) => fetch(`${server.url}/v2/main/hurt/${name}`, { headers })
  expect((await asked(`blobs/${layer?.digest}`)).status).toBe(404)
  const source = new DistributionLayout(path.join(folder.path, 'hurt'))
  source.putImage('hurt', there, ['1'])
  const to = { url: server.url, access: admin() }
  const done = await runImport(server.config, { from: source.folder, server: to })
  expect(skippedOf(done)).toEqual(['tag exists: hurt:1'])
  const tag = await asked('manifests/1')
  expect(tag.headers.get('docker-content-digest')).toBe(here.manifest.digest)
})

test('what clean-up took while other layers were on their way is brought again', async () => {
  const source = new DistributionLayout(path.join(folder.path, 'slow'))
  const each = image('slow')
  source.putImage('slow', each, ['1'])
  const report = new ImportReport(listen())
  const options = clientOptions('--url', server.url, admin())
  await using target = new RemoteTarget({ ...options, feedKey: 'main' }, report)
  const from = { from: source.folder, as: null, access: anonymous }
  await using opened = await openSource(from, report)
  const asked: string[] = []
  const openBlob: typeof opened.openBlob = async (repository, wanted) => {
    // As clean-up does when the lease of the first one has run out.
    if (asked.push(wanted.digest) === 3) {
      const request = { method: 'DELETE', headers: { authorization: server.admin } }
      const gone = await fetch(`${server.url}/v2/main/slow/blobs/${asked[0]}`, request)
      expect(gone.status).toBe(202)
    }
    return await opened.openBlob(repository, wanted)
  }
  const slow = new Proxy(opened, {
    get(of, key) {
      const value = Reflect.get(of, key)
      return key === 'openBlob' ? openBlob : typeof value === 'function' ? value.bind(of) : value
    },
  })
  const nothing = { repositories: [], include: [], exclude: [], tags: [], excludeTags: [] }
  const order = { feed: 'main', prefix: '', overwriteTags: false, atOnce: 1 }
  const done = await importImages(
    { source: slow, target, report, pace: new Pace(0) },
    { ...order, selection: readSelection(nothing) },
  )
  expect([skippedOf(done), done.counts]).toMatchObject([[], { manifests: 1, tags: 1, copied: 4 }])
  await expectBlobs(server, 'main/slow', each.blobs)
})

test('a layer goes in parts, and goes on where the server says that it is', async () => {
  const source = new DistributionLayout(path.join(folder.path, 'parts'))
  const large = imageOf([{ bytes: randomBytes(2_500_000) }, { bytes: blob('s').bytes }])
  source.putImage('large', large, ['1'])
  await using proxy = await openFaultProxy(server.url)
  const report = new ImportReport(listen())
  const access = { ...admin(), realmHosts: [new URL(server.url).host] }
  const options = clientOptions('--url', proxy.url, access)
  const partBytes = 400_000
  await using target = new RemoteTarget({ ...options, feedKey: 'main', partBytes }, report)
  const from = { from: source.folder, as: null, access: anonymous }
  await using opened = await openSource(from, report)
  const nothing = { repositories: [], include: [], exclude: [], tags: [], excludeTags: [] }
  const selection = readSelection(nothing)
  const headers = { 'retry-after': '1' }
  proxy.setFault({ kind: 'status', status: 503, headers }, /^PATCH/)
  const lifted = setInterval(() => {
    if (proxy.requests.some((each) => each.startsWith('PATCH'))) proxy.setFault(null)
  }, 5)
  const done = await importImages(
    { source: opened, target, report, pace: new Pace(0) },
    { feed: 'main', prefix: 'parts', selection, overwriteTags: false, atOnce: 2 },
  )
  clearInterval(lifted)
  expect([done.skipped, done.failure]).toEqual([[], null])
  expect(proxy.requests.filter((each) => each.startsWith('PATCH')).length).toBeGreaterThan(7)
  expect(proxy.requests.filter((each) => /^GET .*uploads/.test(each)).length).toBe(1)
  await expectBlobs(server, 'main/parts/large', large.blobs)
})

test('a tag that is there is moved only when that is asked for', async () => {
  const other = new DistributionLayout(path.join(folder.path, 'other'))
  const [here, there] = [image('here'), image('there')]
  await pushImage(tableOf(server), 'main/moved', here, ['1'])
  other.putImage('moved', there, ['1'])
  const to = { url: server.url, access: admin() }
  const input = { from: other.folder, server: to }
  expect(skippedOf(await runImport(server.config, input))).toEqual(['tag exists: moved:1'])
  const order = { overwriteTags: true }
  expect(skippedOf(await runImport(server.config, { ...input, order }))).toEqual([])
  await expectPulled(server, [{ name: 'main/moved', reference: '1', manifest: there.manifest }])
})

test('a tag comes also when its manifest came long before', async () => {
  const each = image('long before')
  await pushImage(tableOf(server), 'main/before', each)
  const options = clientOptions('--url', server.url, admin())
  await using target = new RemoteTarget({ ...options, feedKey: 'main' }, new ImportReport(listen()))
  const [repository, tag] = [parseRepositoryName('before'), parseTag('1')]
  const { digest } = each.manifest
  const put = { repository, tag, digest: parseDigest(digest), mayMove: false }
  await target.putTag(put)
  await expectPulled(server, [{ name: 'main/before', reference: '1', manifest: each.manifest }])
  const gone = parseDigest(image('never pushed').manifest.digest)
  await expect(target.putTag({ ...put, digest: gone })).rejects.toThrow('has no')
})

test('the address of the server has no path', async () => {
  const to = { url: `${server.url}/main`, access: admin() }
  await expect(runImport(server.config, { from: layout.folder, server: to })).rejects.toThrow(
    'has a path: give the address of the server alone',
  )
})

describe.skipIf(inject('postgresMissing') !== '')(
  `beside a server on PostgreSQL ${inject('postgresMissing')}`,
  () => {
    const { newUrl } = postgresDatabases()

    test('a folder belongs to one process there too; without the server it is imported into', async () => {
      const databaseUrl = await newUrl()
      const dataDir = path.join(folder.path, 'postgres')
      mkdirSync(dataDir)
      const other = await startServer({ dataDir, databaseUrl })
      // A store that nobody has used yet is anybody's.
      await pushImage(tableOf(other), 'main/first', image('first'), ['1'])
      await expect(runImport(other.config, { from: layout.folder })).rejects.toThrow(
        'give the address of the server that runs (--url https://…), or stop it first.',
      )
      await other[Symbol.asyncDispose]()
      const done = await runImport(other.config, { from: layout.folder })
      expect([skippedOf(done), done.failure]).toEqual([[], null])
      expect(done.counts).toMatchObject({ manifests: 40 })
      await using again = await startServer({ dataDir, databaseUrl })
      await expectPulled(again, pulledOf(fleet, 'main'))
    })
  },
)
