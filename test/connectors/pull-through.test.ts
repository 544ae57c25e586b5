import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { clientOf, problemOf } from '../support/api-call.ts'
import { changeRows } from '../support/change-rows.ts'
import { descriptor, type Image, manifestOf, mediaTypes } from '../support/content.ts'
import { describeWith } from '../support/describe-with.ts'
import { imageOf } from '../support/layers.ts'
import { pushImage, pushManifest } from '../support/push.ts'
import { needs } from '../support/require.ts'
import { send } from '../support/wire.ts'
import { connect, expectWhole, openStage, puller, type Stage, seed } from './stage.ts'

const registry = needs({ program: 'docker-registry', package: 'docker-registry' })

describeWith('a registry with a connector', [registry.reason], () => {
  let stage: Stage
  let upstream: Stage['upstream']
  let proxy: Stage['proxy']
  let server: Stage['server']
  let pull: Stage['pull']

  beforeAll(async () => {
    const filters = ['*', '!secret/*']
    stage = await openStage(registry.file, { filters, freshnessSeconds: 1, libraryPrefix: true })
    ;({ upstream, proxy, server, pull } = stage)
  }, 60_000)
  afterAll(() => stage?.[Symbol.asyncDispose]())

  const client = () => clientOf(server.url, server.admin)
  const newImage = (bytes = 100_000): Image => imageOf([{ bytes: randomBytes(bytes) }])
  const table = () => ({ url: server.url, callers: { admin: server.admin } })
  const countOf = (pattern: RegExp) => stage.countOf(pattern)

  test('serves an image that it never saw, and again without the other registry', async () => {
    const image = newImage()
    await seed(upstream.url, 'team/app', { image, tags: ['1'] })
    await expectWhole(pull, { name: 'hub/team/app' }, image)
    proxy.setFault({ kind: 'status', status: 503 })
    await sleep(1100)
    const stale = await expectWhole(pull, { name: 'hub/team/app' }, image)
    expect(stale.headers.warning).toMatch(/^299 - "the connector upstream cannot be asked now/)
    await expectWhole(pull, { name: 'hub/team/app', reference: image.manifest.digest }, image)
    const absent = await pull('GET', '/v2/hub/team/app/manifests/never-seen')
    expect([absent.status, JSON.parse(absent.body.toString()).errors[0].code]).toEqual([
      ...[502, 'UNAVAILABLE'],
    ])
    proxy.setFault(null)
    expect((await pull('GET', '/v2/hub/team/app/manifests/never-seen')).status).toBe(404)
  })

  test('serves an index and only those of its images that are asked for', async () => {
    const images = [newImage(), newImage()]
    for (const image of images) await seed(upstream.url, 'multi', { image, tags: [] })
    const index = manifestOf(
      {
        ...{ schemaVersion: 2, mediaType: mediaTypes.index },
        manifests: images.map(({ manifest }, at) => ({
          ...descriptor(manifest, manifest.mediaType),
          platform: { os: 'linux', architecture: at === 0 ? 'amd64' : 'arm64' },
        })),
      },
      mediaTypes.index,
    )
    await seed(upstream.url, 'multi', { image: { manifest: index, blobs: [] }, tags: ['latest'] })
    const got = await pull('GET', '/v2/hub/multi/manifests/latest')
    expect(got.body.equals(index.bytes)).toBe(true)
    const [first, second] = images
    if (first === undefined || second === undefined) throw new Error('two images')
    await expectWhole(pull, { name: 'hub/multi', reference: first.manifest.digest }, first)
    expect(countOf(new RegExp(`${second.manifest.digest}`))).toBe(0)
    const info = await call(client(), api.images.get, {
      query: { feed: 'hub', repo: 'multi', digest: 'latest' },
    })
    expect(info.children.map(({ isHere }) => isHere)).toEqual([true, false])
    expect(info.cachedFrom).toMatchObject({ connector: 'upstream' })
  })

  test('sees a changed tag after the freshness time and not before, and keeps a deleted one', {
    timeout: 60_000,
  }, async () => {
    await server.createFeed('calm')
    await connect(server, 'calm', { name: 'calm', url: proxy.url, freshnessSeconds: 3600 })
    const anHourLater = () =>
      changeRows(server, 'update tags set checked_at = checked_at - 3600000')
    const latest = async () => {
      const got = await pull('GET', '/v2/calm/moving/manifests/latest')
      return { digest: got.headers['docker-content-digest'], warning: got.headers.warning }
    }
    const [before, after] = [newImage(), newImage()]
    await seed(upstream.url, 'moving', { image: before, tags: ['latest'] })
    expect(await latest()).toEqual({ digest: before.manifest.digest })
    const asked = countOf(/moving/)
    await seed(upstream.url, 'moving', { image: after, tags: ['latest'] })
    expect(await latest()).toEqual({ digest: before.manifest.digest })
    expect(countOf(/moving/)).toBe(asked)
    anHourLater()
    expect(await latest()).toEqual({ digest: after.manifest.digest })
    anHourLater()
    const heads = countOf(/HEAD \/v2\/moving/)
    const gets = countOf(/GET \/v2\/moving\/manifests/)
    expect(await latest()).toEqual({ digest: after.manifest.digest })
    expect(countOf(/HEAD \/v2\/moving/)).toBe(heads + 1)
    expect(countOf(/GET \/v2\/moving\/manifests/)).toBe(gets)
    await fetch(`${upstream.url}/v2/moving/manifests/${after.manifest.digest}`, {
      method: 'DELETE',
    })
    anHourLater()
    const kept = await latest()
    expect(kept.digest).toBe(after.manifest.digest)
    expect(kept.warning).toContain('does not have this tag any more')
  })

  test('asks nobody for a blocked name, or for who may not see the registry', async () => {
    const stranger = await server.createKey('main')
    const before = proxy.requests.length
    for (const path of ['manifests/1', `blobs/sha256:${'0'.repeat(64)}`, 'tags/list']) {
      const blocked = await pull('GET', `/v2/hub/secret/app/${path}`)
      expect([blocked.status, path]).toEqual([404, path])
      const hidden = await puller(server, stranger.authorization)('GET', `/v2/hub/team/app/${path}`)
      expect(hidden.status).toBe(404)
      expect((await puller(server, null)('GET', `/v2/hub/team/app/${path}`)).status).toBe(401)
    }
    expect(proxy.requests.slice(before)).toEqual([])
  })

  test('remembers for a while what is not known, and looks below library/', async () => {
    const image = newImage()
    await seed(upstream.url, 'library/alpine', { image, tags: ['3'] })
    await expectWhole(pull, { name: 'hub/alpine', reference: '3' }, image)
    expect((await pull('GET', '/v2/hub/nothing/manifests/1')).status).toBe(404)
    const before = proxy.requests.length
    expect((await pull('GET', '/v2/hub/nothing/manifests/1')).status).toBe(404)
    expect(proxy.requests.length).toBe(before)
  })

  test('lists tags and referrers of both', async () => {
    const [far, near] = [newImage(), newImage()]
    await seed(upstream.url, 'listed', { image: far, tags: ['b', 'd'] })
    await pushImage(table(), 'hub/listed', near, ['a', 'c'])
    const signature = manifestOf({
      ...{ schemaVersion: 2, mediaType: mediaTypes.image, artifactType: 'application/vnd.sig' },
      config: descriptor(far.config, mediaTypes.config),
      layers: [],
      subject: descriptor(far.manifest, far.manifest.mediaType),
    })
    const fallback = manifestOf(
      {
        ...{ schemaVersion: 2, mediaType: mediaTypes.index },
        manifests: [
          { ...descriptor(signature, mediaTypes.image), artifactType: 'application/vnd.sig' },
        ],
      },
      mediaTypes.index,
    )
    await seed(upstream.url, 'listed', { image: { manifest: signature, blobs: [] }, tags: [] })
    const tag = far.manifest.digest.replace(':', '-')
    await seed(upstream.url, 'listed', { image: { manifest: fallback, blobs: [] }, tags: [tag] })
    const list = await pull('GET', '/v2/hub/listed/tags/list?n=3')
    expect(JSON.parse(list.body.toString()).tags).toEqual(['a', 'b', 'c'])
    expect(list.headers.link).toContain('last=c')
    const rest = await pull('GET', '/v2/hub/listed/tags/list?n=3&last=c')
    expect(JSON.parse(rest.body.toString()).tags).toEqual(['d', tag])
    const referrers = await pull('GET', `/v2/hub/listed/referrers/${far.manifest.digest}`)
    expect(JSON.parse(referrers.body.toString()).manifests).toMatchObject([
      { digest: signature.digest, artifactType: 'application/vnd.sig' },
    ])
  })

  test('takes a pushed manifest only with all that it needs', async () => {
    const base = newImage()
    await seed(upstream.url, 'based', { image: base, tags: ['base'] })
    const [layer] = base.layers
    if (layer === undefined) throw new Error('an image has a layer')
    const head = await pull('HEAD', `/v2/hub/based/blobs/${layer.digest}`)
    expect([head.status, head.headers['content-length']]).toEqual([200, String(layer.size)])
    const own = imageOf([{ bytes: layer.bytes }, { bytes: randomBytes(50) }])
    const sent = own.blobs.filter((blob) => blob.digest !== layer.digest)
    const manifest = { ...own, blobs: sent }
    await pushImage(table(), 'hub/based', manifest, ['own'])
    const index = manifestOf(
      {
        ...{ schemaVersion: 2, mediaType: mediaTypes.index },
        manifests: [descriptor(base.manifest, base.manifest.mediaType)],
      },
      mediaTypes.index,
    )
    await pushManifest(table(), 'hub/based', index, 'index')
    proxy.setFault({ kind: 'status', status: 500 })
    for (const blob of [...base.blobs, ...own.blobs]) {
      const got = await pull('GET', `/v2/hub/based/blobs/${blob.digest}`)
      expect([got.status, got.body.equals(blob.bytes)]).toEqual([200, true])
    }
    const lost = imageOf([{ bytes: randomBytes(10) }])
    const refused = await send(server.url, {
      ...{ method: 'PUT', target: '/v2/hub/based/manifests/lost', body: lost.manifest.bytes },
      headers: { authorization: server.admin, 'content-type': lost.manifest.mediaType },
    })
    expect(refused.status).toBe(502)
    proxy.setFault(null)
    const missing = await send(server.url, {
      ...{ method: 'PUT', target: '/v2/hub/based/manifests/lost', body: lost.manifest.bytes },
      headers: { authorization: server.admin, 'content-type': lost.manifest.mediaType },
    })
    expect([missing.status, missing.body.toString()]).toEqual([
      400,
      expect.stringContaining('MANIFEST_BLOB_UNKNOWN'),
    ])
  })

  test('serves what was pushed there, and nothing else under its tag', async () => {
    const [far, near] = [newImage(), newImage()]
    await seed(upstream.url, 'both', { image: far, tags: ['1'] })
    await pushImage(table(), 'hub/both', near, ['1'])
    const before = countOf(/both\/manifests/)
    await expectWhole(pull, { name: 'hub/both' }, near)
    expect(countOf(/both\/manifests/)).toBe(before)
    const tags = await call(client(), api.tags.list, { query: { feed: 'hub', repo: 'both' } })
    expect(tags).toMatchObject([{ name: '1', cachedFrom: null }])
  })

  test('refreshes a tag when somebody asks for it', async () => {
    const [before, after] = [newImage(), newImage()]
    await seed(upstream.url, 'asked', { image: before, tags: ['1'] })
    await expectWhole(pull, { name: 'hub/asked' }, before)
    await seed(upstream.url, 'asked', { image: after, tags: ['1'] })
    const query = { feed: 'hub', repo: 'asked', tag: '1' }
    expect(await call(client(), api.tags.refresh, { query })).toEqual({
      ...{ digest: after.manifest.digest, previousDigest: before.manifest.digest, warning: null },
    })
    const [tag] = await call(client(), api.tags.list, { query: { feed: 'hub', repo: 'asked' } })
    expect(tag?.cachedFrom).toEqual({
      ...{ connector: 'upstream', checked: expect.any(String), failure: null, isAsked: true },
    })
  })

  test('says of a tag and of its image that the last check failed, and when', async () => {
    const image = newImage()
    await seed(upstream.url, 'unsure', { image, tags: ['1'] })
    await expectWhole(pull, { name: 'hub/unsure' }, image)
    await sleep(1100)
    proxy.setFault({ kind: 'html' })
    expect((await pull('GET', '/v2/hub/unsure/manifests/1')).headers.warning).toContain('299')
    const place = { feed: 'hub', repo: 'unsure' }
    const known = async () => {
      const [tag] = await call(client(), api.tags.list, { query: place })
      const of = (digest: string) => call(client(), api.images.get, { query: { ...place, digest } })
      const images = [await of('1'), await of(image.manifest.digest)]
      return [tag?.cachedFrom, ...images.map(({ cachedFrom }) => cachedFrom)]
    }
    for (const cachedFrom of await known()) {
      expect(cachedFrom).toMatchObject({ connector: 'upstream', isAsked: true })
      expect(cachedFrom?.failure?.message).toContain('HTML page')
      expect(cachedFrom?.failure?.at.localeCompare(cachedFrom.checked ?? '')).toBe(1)
    }
    // Nobody asks again at once.
    const before = countOf(/unsure/)
    await pull('GET', '/v2/hub/unsure/manifests/1')
    expect(countOf(/unsure/)).toBe(before)
    proxy.setFault({ kind: 'status', status: 404 })
    const query = { ...place, tag: '1' }
    expect((await call(client(), api.tags.refresh, { query })).warning).toContain('any more')
    const gone = await pull('GET', '/v2/hub/unsure/manifests/1')
    expect(gone.headers.warning).toContain('does not have this tag any more')
    proxy.setFault(null)
    await call(client(), api.tags.refresh, { query })
    for (const cachedFrom of await known()) expect(cachedFrom).toMatchObject({ failure: null })
    const params = { name: 'hub' }
    await call(client(), api.feeds.update, { params, body: { connectors: [] } })
    for (const cachedFrom of await known()) expect(cachedFrom).toMatchObject({ isAsked: false })
    expect(await problemOf(call(client(), api.tags.refresh, { query }))).toMatchObject({
      status: 409,
    })
    await call(client(), api.feeds.update, { params, body: { connectors: ['upstream'] } })
  })

  test('keeps nothing where it is told so', async () => {
    const image = newImage(3_000_000)
    await seed(upstream.url, 'passed', { image, tags: ['1'] })
    await server.createFeed('passing', { cacheConnectors: false })
    await call(client(), api.feeds.update, {
      params: { name: 'passing' },
      body: { connectors: ['upstream'] },
    })
    for (const _ of [1, 2]) {
      const manifest = await pull('GET', '/v2/passing/passed/manifests/1')
      expect(manifest.body.equals(image.manifest.bytes)).toBe(true)
      const [layer] = image.layers
      const got = await pull('GET', `/v2/passing/passed/blobs/${layer?.digest}`)
      expect([got.complete, got.body.equals(layer?.bytes ?? Buffer.alloc(0))]).toEqual([true, true])
    }
    expect(countOf(/GET \/v2\/passed\/blobs/)).toBe(2)
  })

  test.each(['passing', 'hub'])('serves a blob whose length nobody says, in %s', async (feed) => {
    const image = newImage(3_000_000)
    await seed(upstream.url, `unsaid/${feed}`, { image, tags: ['1'] })
    const [layer] = image.layers
    proxy.setFault({ kind: 'noLength' }, /blobs/)
    const path = `/v2/${feed}/unsaid/${feed}/blobs/${layer?.digest}`
    const head = await pull('HEAD', path)
    expect([head.status, head.headers['content-length']]).toEqual([200, String(layer?.size)])
    const replies = await Promise.all([1, 2, 3].map(() => pull('GET', path)))
    for (const { status, complete, body } of replies) {
      expect([status, complete, body.equals(layer?.bytes ?? Buffer.alloc(0))]).toEqual([
        ...[200, true, true],
      ])
    }
    proxy.setFault(null)
  })
})
