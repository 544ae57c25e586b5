import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { askApi, clientOf } from '../support/api-call.ts'
import {
  absentDigest,
  descriptor,
  type Image,
  index,
  type ManifestContent,
  manifestOf,
  mediaTypes,
} from '../support/content.ts'
import { describeWith } from '../support/describe-with.ts'
import { imageOf } from '../support/layers.ts'
import { pushBlob, pushImage } from '../support/push.ts'
import { needs } from '../support/require.ts'
import { errorsOf, fetchToken } from '../support/rows.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { send } from '../support/wire.ts'
import { connect, openStage, puller, type Stage, seed } from './stage.ts'

const registry = needs({ program: 'docker-registry', package: 'docker-registry' })

describeWith('what is pushed into a registry with a connector', [registry.reason], () => {
  const elsewhere = makeTemporaryFolder('connector-store')
  let stage: Stage
  let upstream: Stage['upstream']
  let proxy: Stage['proxy']
  let server: Stage['server']
  let pull: Stage['pull']

  beforeAll(async () => {
    stage = await openStage(registry.file, {}, { storageRoots: [elsewhere.path] })
    ;({ upstream, proxy, server, pull } = stage)
  }, 60_000)
  afterAll(async () => {
    await stage?.[Symbol.asyncDispose]()
    await elsewhere[Symbol.asyncDispose]()
  })

  const client = () => clientOf(server.url, server.admin)
  const table = () => ({ url: server.url, callers: { admin: server.admin } })
  const newImage = (bytes = 1000): Image => imageOf([{ bytes: randomBytes(bytes) }])
  const countOf = (pattern: RegExp) => stage.countOf(pattern)
  const layerOf = ({ layers: [layer] }: Image) => layer ?? expect.fail('it has a layer')

  const put = (name: string, manifest: ManifestContent, reference = 'own') =>
    send(server.url, {
      ...{ method: 'PUT', target: `/v2/${name}/manifests/${reference}`, body: manifest.bytes },
      headers: { authorization: server.admin, 'content-type': manifest.mediaType },
    })

  /** An image of one's own on a layer that is not sent, since HEAD says that it is there. */
  async function putOn(name: string, base: Image): Promise<{ status: number; own: Image }> {
    const layer = layerOf(base)
    expect((await pull('HEAD', `/v2/${name}/blobs/${layer.digest}`)).status).toBe(200)
    const own = imageOf([{ bytes: layer.bytes }, { bytes: randomBytes(50) }])
    for (const blob of own.blobs) {
      if (blob.digest !== layer.digest) await pushBlob(table(), name, blob)
    }
    return { status: (await put(name, own.manifest)).status, own }
  }

  /** Everything is there, though nobody can be asked. */
  async function expectStored(name: string, { blobs }: Pick<Image, 'blobs'>) {
    proxy.setFault({ kind: 'status', status: 500 })
    for (const blob of blobs) {
      const got = await pull('GET', `/v2/${name}/blobs/${blob.digest}`)
      expect([got.status, got.body.equals(blob.bytes)]).toEqual([200, true])
    }
    proxy.setFault(null)
  }

  test('an index whose image came through a connector that is gone is refused while that is incomplete', async () => {
    const image = newImage()
    await seed(upstream.url, 'orphan', { image, tags: ['1'] })
    await server.createFeed('left')
    await connect(server, 'left', { name: 'leaving', url: proxy.url })
    const { digest } = image.manifest
    expect((await pull('GET', `/v2/left/orphan/manifests/${digest}`)).status).toBe(200)
    await call(client(), api.connectors.delete, { params: { name: 'leaving' } })
    const listing = index([descriptor(image.manifest, image.manifest.mediaType)])
    const refused = await put('left/orphan', listing)
    expect([refused.status, errorsOf(refused)[0]?.code]).toEqual([400, 'MANIFEST_BLOB_UNKNOWN'])
    for (const blob of image.blobs) await pushBlob(table(), 'left/orphan', blob)
    expect((await put('left/orphan', listing)).status).toBe(201)
  })

  test('what a connector of a connector has is fetched, however deep', async () => {
    const base = newImage()
    await seed(upstream.url, 'deep', { image: base, tags: ['1'] })
    await server.createFeed('middle')
    await server.createFeed('front')
    await connect(server, 'middle', { name: 'to-hub', feed: 'hub' })
    await connect(server, 'front', { name: 'to-middle', feed: 'middle' })
    await sleep(1100)
    const { status, own } = await putOn('front/deep', base)
    expect(status).toBe(201)
    await expectStored('front/deep', own)
    const image = newImage()
    await seed(upstream.url, 'deep', { image, tags: [] })
    const listing = index([descriptor(image.manifest, image.manifest.mediaType)])
    expect((await put('front/deep', listing, 'index')).status).toBe(201)
    await expectStored('front/deep', image)
  })

  test('what another registry keeps in another store is copied', async () => {
    const base = newImage(3_000_000)
    await server.createFeed('far')
    await server.createFeed('near')
    const storage = await askApi(server.url, {
      ...{ method: 'POST', target: '/api/storage?feed=far' },
      json: { id: 'disk', properties: { StoragePath: path.join(elsewhere.path, 'far') } },
      headers: { authorization: server.admin },
    })
    expect(storage.status, JSON.stringify(storage.body)).toBe(200)
    await connect(server, 'near', { name: 'to-far', feed: 'far' })
    await sleep(1100)
    await pushImage(table(), 'far/app', base, ['1'])
    const { status, own } = await putOn('near/app', base)
    expect(status).toBe(201)
    await send(server.url, {
      ...{ method: 'DELETE', target: `/v2/far/app/manifests/${base.manifest.digest}` },
      headers: { authorization: server.admin },
    })
    await call(client(), api.connectors.delete, { params: { name: 'to-far' } })
    await expectStored('near/app', own)
  })

  test('a manifest of many layers that nobody has asks the other registry little', async () => {
    const image = newImage()
    const layers = Array.from({ length: 200 }, (_, at) => ({
      ...{ mediaType: mediaTypes.gzipLayer, digest: absentDigest(`made up ${at}`), size: 10 },
    }))
    const config = descriptor(image.config, mediaTypes.config)
    const made = { schemaVersion: 2, mediaType: mediaTypes.image, config, layers }
    await pushBlob(table(), 'hub/made-up', image.config)
    const refused = await put('hub/made-up', manifestOf(made))
    expect([refused.status, errorsOf(refused)[0]?.code]).toEqual([400, 'MANIFEST_BLOB_UNKNOWN'])
    expect(countOf(/made-up/)).toBeLessThan(20)
  })

  test('who is about to push hears that a cached image is there only when all of it is', async () => {
    const image = newImage()
    await seed(upstream.url, 'headed', { image, tags: ['1'] })
    const target = '/v2/hub/headed/manifests/1'
    const tokenFor = async (actions: string) =>
      `Bearer ${await fetchToken(server.url, server.admin, [`repository:hub/headed:${actions}`])}`
    const pulling = puller(server, await tokenFor('pull'))
    const pushing = puller(server, await tokenFor('pull,push'))
    expect((await pulling('HEAD', target)).status).toBe(200)
    expect(countOf(/headed\/blobs/)).toBe(0)
    proxy.setFault({ kind: 'status', status: 500 }, /blobs/)
    expect((await pushing('HEAD', target)).status).toBe(502)
    expect((await pulling('HEAD', target)).status).toBe(200)
    proxy.setFault(null)
    expect((await pushing('HEAD', target)).status).toBe(200)
    await expectStored('hub/headed', image)
  })

  test('with an image of which a layer is lost everywhere, who is about to push is told to send it', async () => {
    const image = newImage()
    await seed(upstream.url, 'lossy', { image, tags: ['1'] })
    expect((await pull('GET', '/v2/hub/lossy/manifests/1')).status).toBe(200)
    proxy.setFault({ kind: 'status', status: 404 }, /blobs/)
    const scope = 'repository:hub/lossy:pull,push'
    const token = await fetchToken(server.url, server.admin, [scope])
    const pushing = puller(server, `Bearer ${token}`)
    expect((await pushing('HEAD', '/v2/hub/lossy/manifests/1')).status).toBe(404)
    await pushImage(table(), 'hub/lossy', image, ['1'])
    expect((await pushing('HEAD', '/v2/hub/lossy/manifests/1')).status).toBe(200)
    proxy.setFault(null)
  })
})
