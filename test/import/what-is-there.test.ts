import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { openDatabase } from '../../server/db/database.ts'
import { serve, tableOf } from '../backup/backups.ts'
import { connect, puller } from '../connectors/stage.ts'
import { clientOf } from '../support/api-call.ts'
import {
  blob,
  contentOf,
  descriptor,
  image,
  index,
  manifestOf,
  mediaTypes,
} from '../support/content.ts'
import { pushImage, pushManifest } from '../support/push.ts'
import { startServer } from '../support/server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { send } from '../support/wire.ts'
import { DistributionLayout } from './distribution-layout.ts'
import { makeDataFolder, runImport, skippedOf } from './imports.ts'

const folder = makeTemporaryFolder('import-there')
const below = (name: string) => path.join(folder.path, name)

afterAll(() => folder[Symbol.asyncDispose]())

const openData = (dataDir: string) => openDatabase({ url: `sqlite:${dataDir}/entrepot.db` })

test('what a connector brought becomes the own of the registry, with its tags; others stay', async () => {
  const [same, other, here] = [image('same'), image('other'), image('here')]
  const source = new DistributionLayout(below('cached'))
  source.putImage('main/app', same, ['1'])
  source.putImage('main/app', here, ['2'])
  const server = await serve(below('cached-data'))
  const upstream = await startServer()
  await pushImage(tableOf(upstream), 'main/app', same, ['1'])
  await pushImage(tableOf(upstream), 'main/app', other, ['2'])
  const login = { username: 'Admin', password: upstream.adminPassword }
  await connect(server, 'main', { name: 'old', url: upstream.url, ...login })
  for (const tag of ['1', '2']) {
    const { status } = await puller(server)('GET', `/v2/main/main/app/manifests/${tag}`)
    expect(status).toBe(200)
  }
  for (const each of [server, upstream]) await each[Symbol.asyncDispose]()
  const done = await runImport(server.config, { from: source.folder })
  expect(skippedOf(done)).toEqual(['tag exists: main/app:2'])
  await using db = await openData(below('cached-data'))
  const tags = await db.read
    .selectFrom('tags')
    .innerJoin('manifests', 'manifests.id', 'tags.manifest_id')
    .select(['name', 'digest', 'tags.connector_id as connectorId'])
    .orderBy('name')
    .execute()
  expect(tags).toMatchObject([
    { name: '1', digest: same.manifest.digest, connectorId: null },
    { name: '2', digest: other.manifest.digest, connectorId: expect.any(Number) },
  ])
})

test('a full repository is refused its images, and leaves nothing behind; others get theirs', async () => {
  const large = blob('large', 9 * 1024 * 1024)
  const { config } = image('large')
  const layers = [descriptor(large, mediaTypes.layer)]
  const manifest = manifestOf({
    ...{ schemaVersion: 2, mediaType: mediaTypes.image, layers },
    config: descriptor(config, mediaTypes.config),
  })
  const source = new DistributionLayout(below('quota'))
  source.putImage('large', { manifest, config, layers: [large], blobs: [config, large] }, ['1'])
  source.putImage('small', image('small'), ['1'])
  const server = await serve(below('quota-data'))
  await call(clientOf(server.url, server.admin), api.feeds.update, {
    ...{ params: { name: 'main' }, body: { repositoryQuotaBytes: 1_000_000 } },
  })
  await server[Symbol.asyncDispose]()
  for (const mayLink of [false, true]) {
    const done = await runImport(server.config, { from: source.folder, mayLink })
    expect(done.failure).toBe(null)
    expect(skippedOf(done)).toEqual([
      ...['incomplete: large:1', `incomplete: large@${manifest.digest}`],
      `refused: large@${large.digest}`,
    ])
  }
  await using db = await openData(below('quota-data'))
  expect(await db.read.selectFrom('uploads').select('id').execute()).toEqual([])
  expect(await db.read.selectFrom('tags').select('name').execute()).toEqual([{ name: '1' }])
})

test("an index over blobs, as BuildKit's cache is, comes from a layout too", async () => {
  const [small, large] = [blob('small'), blob('large', 5 * 1024 * 1024)]
  const config = contentOf('{"layers":[]}')
  const entries = [small, large].map((each) => descriptor(each, mediaTypes.gzipLayer))
  const list = index([...entries, descriptor(config, mediaTypes.buildkitConfig)])
  mkdirSync(below('layout/blobs/sha256'), { recursive: true })
  for (const { digest, bytes } of [small, large, config, list]) {
    writeFileSync(below(`layout/blobs/${digest.replace(':', '/')}`), bytes)
  }
  const annotations = { 'org.opencontainers.image.ref.name': '1' }
  const manifests = [{ ...descriptor(list), annotations }]
  writeFileSync(below('layout/oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  writeFileSync(below('layout/index.json'), JSON.stringify({ schemaVersion: 2, manifests }))
  const place = await makeDataFolder(below('layout-data'))
  const done = await runImport(place, { from: below('layout'), source: { as: 'cache' } })
  expect([skippedOf(done), done.counts]).toMatchObject([[], { manifests: 1, tags: 1, linked: 3 }])
})

test('what clean-up is about to take is put again', async () => {
  const one = image('orphan')
  const list = index([descriptor(one.manifest)])
  const source = new DistributionLayout(below('orphan'))
  source.putImage('app', one)
  const server = await serve(below('orphan-data'))
  await pushImage(tableOf(server), 'main/app', one)
  await pushManifest(tableOf(server), 'main/app', list, '1')
  const target = `/v2/main/app/manifests/${list.digest}`
  const headers = { authorization: server.admin }
  expect((await send(server.url, { method: 'DELETE', target, headers })).status).toBe(202)
  await server[Symbol.asyncDispose]()
  const orphans = async () => {
    await using db = await openData(below('orphan-data'))
    const query = db.read.selectFrom('manifests').select('digest')
    return await query.where('orphaned_since', 'is not', null).execute()
  }
  expect(await orphans()).toEqual([{ digest: one.manifest.digest }])
  const done = await runImport(server.config, { from: source.folder })
  expect([skippedOf(done), done.counts]).toMatchObject([[], { manifests: 1, copied: 0, linked: 0 }])
  expect(await orphans()).toEqual([])
})
