import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { askApi, clientOf } from '../support/api-call.ts'
import { changeRows } from '../support/change-rows.ts'
import { descriptor, type Image, manifestOf, mediaTypes } from '../support/content.ts'
import { describeWith } from '../support/describe-with.ts'
import { imageOf } from '../support/layers.ts'
import { pushImage } from '../support/push.ts'
import { needs } from '../support/require.ts'
import { fetchToken } from '../support/rows.ts'
import { send } from '../support/wire.ts'
import { connect, expectWhole, openStage, puller, type Stage, seed } from './stage.ts'

const registry = needs({ program: 'docker-registry', package: 'docker-registry' })

describeWith('a connector in everyday use', [registry.reason], () => {
  let stage: Stage
  let upstream: Stage['upstream']
  let proxy: Stage['proxy']
  let server: Stage['server']
  let pull: Stage['pull']

  beforeAll(async () => {
    const times = { tickMs: 50, beatMs: 50 }
    const filters = ['!secret/*']
    stage = await openStage(registry.file, { filters }, {}, { jobTimes: times })
    ;({ upstream, proxy, server, pull } = stage)
    await call(client(), api.feeds.update, {
      params: { name: 'hub' },
      body: { mirrorOf: 'docker.io' },
    })
    await server.createFeed('middle')
    await server.createFeed('front')
    await connect(server, 'middle', { name: 'to-hub', feed: 'hub' })
    await connect(server, 'front', { name: 'to-middle', feed: 'middle' })
    // Feeds are looked up anew after a second.
    await sleep(1100)
  }, 60_000)
  afterAll(() => stage?.[Symbol.asyncDispose]())

  const client = () => clientOf(server.url, server.admin)
  const newImage = (): Image => imageOf([{ bytes: randomBytes(1000) }])
  const countOf = (pattern: RegExp) => stage.countOf(pattern)

  /** What the metrics say of the connector, by the rest of their labels. */
  async function metricsOf(connector: string): Promise<Record<string, number>> {
    const { body } = await send(server.url, {
      ...{ method: 'GET', target: '/metrics', headers: { authorization: server.admin } },
    })
    const lines = body.toString('utf8').split('\n')
    const found = lines.flatMap((line) => {
      const [, name, labels = '', value] =
        /^entrepot_connector_(\w+)\{(.*)\} (\S+)$/.exec(line) ?? []
      if (!labels.includes(`connector="${connector}"`) || labels.includes('le=')) return []
      const rest = labels.replace(/,?connector="[^"]*",?/, '')
      return [[`${name} ${rest}`.trim(), Number(value)] as const]
    })
    return Object.fromEntries(found)
  }

  test('counts hits, misses, bytes, questions and failures, and measures time', async () => {
    const image = newImage()
    await seed(upstream.url, 'measured', { image, tags: ['1'] })
    const before = await metricsOf('upstream')
    await expectWhole(pull, { name: 'hub/measured' }, image)
    await pull('GET', '/v2/hub/measured/manifests/1')
    await pull('GET', '/v2/hub/measured/manifests/none')
    proxy.setFault({ kind: 'status', status: 500 })
    await pull('GET', '/v2/hub/measured/manifests/other')
    proxy.setFault(null)
    const after = await metricsOf('upstream')
    const grown = (key: string) => (after[key] ?? 0) - (before[key] ?? 0)
    const contents = [image.manifest, ...image.blobs]
    expect({
      hits: grown('lookups_total result="hit"'),
      misses: grown('lookups_total result="miss"'),
      bytes: grown('bytes_total'),
      manifests: grown('requests_total operation="manifest",outcome="ok"'),
      blobs: grown('requests_total operation="blob",outcome="ok"'),
      unknown: grown('requests_total operation="manifest",outcome="unknown"'),
      failures: grown('requests_total operation="manifest",outcome="unavailable"'),
      timed: grown('seconds_count operation="blob"'),
    }).toEqual({
      ...{ hits: 1, misses: contents.length, manifests: 1, blobs: image.blobs.length },
      bytes: contents.reduce((sum, { bytes }) => sum + bytes.byteLength, 0),
      ...{ unknown: 1, failures: 1, timed: image.blobs.length },
    })
    expect(grown('seconds_sum operation="blob"')).toBeGreaterThan(0)
  })

  test('nobody is asked for what is blocked, or for who may not see it, in whatever way', async () => {
    const image = newImage()
    const { digest } = image.manifest
    await seed(upstream.url, 'secret/app', { image, tags: ['1'] })
    await seed(upstream.url, 'shown', { image, tags: ['1'] })
    const [layer] = image.layers
    const ways = (name: string) => [
      ...[`manifests/1`, `manifests/${digest}`, `blobs/${layer?.digest}`].flatMap((path) => [
        `GET /v2/hub/${name}/${path}`,
        `HEAD /v2/hub/${name}/${path}`,
        `GET /v2/${name}/${path}?ns=docker.io`,
        `HEAD /v2/${name}/${path}?ns=docker.io`,
        `GET /v2/front/${name}/${path}`,
      ]),
      ...[`GET /v2/hub/${name}/tags/list`, `GET /v2/${name}/tags/list?ns=docker.io`],
      ...[`GET /v2/hub/${name}/referrers/${digest}`, `GET /v2/front/${name}/tags/list`],
      `GET /v2/front/${name}/referrers/${digest}`,
    ]
    const stranger = await server.createKey('main', ['view', 'add'])
    const before = proxy.requests.length
    for (const way of ways('secret/app')) {
      const [method = '', path = ''] = way.split(' ')
      const { status, body } = await pull(method, path)
      const isEmptyList = status === 200 && /"manifests":\[\]/.test(body.toString())
      expect([way, status === 404 || isEmptyList]).toEqual([way, true])
    }
    for (const [authorization, refused] of [
      [stranger.authorization, 404],
      [null, 401],
    ] as const) {
      const get = puller(server, authorization)
      for (const way of ways('shown')) {
        const [method = '', path = ''] = way.split(' ')
        expect([way, (await get(method, path)).status]).toEqual([way, refused])
      }
    }
    // A mount is of what is here.
    const from = `mount=${layer?.digest}&from=hub/shown`
    for (const target of [
      `/v2/main/own/blobs/uploads/?${from}`,
      `/v2/hub/own/blobs/uploads/?${from}`,
    ]) {
      const headers = { authorization: server.admin }
      expect((await send(server.url, { method: 'POST', target, headers })).status).toBe(202)
    }
    expect(proxy.requests.slice(before)).toEqual([])
  })

  test('through several registries of this server, each of which the caller has to see', async () => {
    const image = newImage()
    await seed(upstream.url, 'far', { image, tags: ['1'] })
    const partly = await server.createKey('front')
    const before = countOf(/\/far\//)
    const stranger = puller(server, partly.authorization)
    expect((await stranger('GET', '/v2/front/far/manifests/1')).status).toBe(404)
    const [layer] = image.layers
    expect((await stranger('GET', `/v2/front/far/blobs/${layer?.digest}`)).status).toBe(404)
    expect(countOf(/\/far\//)).toBe(before)
    await expectWhole(pull, { name: 'front/far' }, image)
    // It is the innermost's now, and still not for who may not see that.
    await expectWhole(pull, { name: 'hub/far' }, image)
    expect((await stranger('GET', '/v2/front/far/manifests/1')).status).toBe(404)
    expect((await stranger('GET', `/v2/front/far/blobs/${layer?.digest}`)).status).toBe(404)
    expect((await stranger('GET', '/v2/front/far/tags/list')).status).toBe(404)
    const list = await pull('GET', '/v2/front/far/tags/list')
    expect(JSON.parse(list.body.toString()).tags).toEqual(['1'])
    const signature = manifestOf({
      ...{ schemaVersion: 2, mediaType: mediaTypes.image, artifactType: 'application/vnd.sig' },
      ...{ config: descriptor(image.config, mediaTypes.config), layers: [] },
      subject: descriptor(image.manifest, image.manifest.mediaType),
    })
    const signed = { ...image, blobs: [], manifest: signature }
    await pushImage({ url: server.url, callers: { admin: server.admin } }, 'hub/far', signed)
    const referrers = await pull('GET', `/v2/front/far/referrers/${image.manifest.digest}`)
    expect(JSON.parse(referrers.body.toString()).manifests).toMatchObject([
      { digest: signature.digest },
    ])
    const hidden = await stranger('GET', `/v2/front/far/referrers/${image.manifest.digest}`)
    expect(JSON.parse(hidden.body.toString()).manifests).toEqual([])
  })

  test('a circle of registries, which only another server could have saved, is broken', async () => {
    for (const feed of ['ring-a', 'ring-b']) await server.createFeed(feed)
    await connect(server, 'ring-a', { name: 'to-ring-b', feed: 'ring-b' })
    await connect(server, 'ring-b', { name: 'to-main', feed: 'main' })
    changeRows(
      server,
      `update connectors set feed_id = (select feed_id from feed_names where key = 'ring-a'),
      version = version + 1 where key = 'to-main'`,
    )
    await sleep(1100)
    for (const path of ['manifests/1', `blobs/sha256:${'0'.repeat(64)}`, 'tags/list']) {
      expect((await pull('GET', `/v2/ring-a/app/${path}`)).status).toBe(404)
    }
    const token = await fetchToken(server.url, server.admin, ['repository:ring-a/app:pull,push'])
    const { bytes: body, mediaType } = newImage().manifest
    const put = await send(server.url, {
      ...{ method: 'PUT', target: '/v2/ring-a/app/manifests/1', body },
      headers: { authorization: `Bearer ${token}`, 'content-type': mediaType },
    })
    expect(put.status).toBe(400)
  })

  test('what was cached and not pulled for long is deleted by a rule, and comes again', async () => {
    const [cached, used, own] = [newImage(), newImage(), newImage()]
    await seed(upstream.url, 'aging', { image: cached, tags: ['cached'] })
    await seed(upstream.url, 'aging', { image: used, tags: ['used'] })
    await expectWhole(pull, { name: 'hub/aging', reference: 'cached' }, cached)
    await expectWhole(pull, { name: 'hub/aging', reference: 'used' }, used)
    const table = { url: server.url, callers: { admin: server.admin } }
    await pushImage(table, 'hub/aging', own, ['own'])
    await call(client(), api.retention.create, {
      query: { feed: 'hub' },
      body: { cached: true, notPulledForDays: 30 },
    })
    await expect.poll(pullsOf('used'), { timeout: 20_000 }).toBe(1)
    const days = (count: number) => `${count} * 86400000`
    changeRows(server, `update manifests set pushed_at = pushed_at - ${days(60)}, lease_until = 0`)
    changeRows(server, `update tags set updated_at = updated_at - ${days(60)}`)
    changeRows(
      server,
      `update manifest_pulls set last_pulled_at = last_pulled_at - ${days(60)}
      where manifest_id = (select id from manifests where digest = '${cached.manifest.digest}')`,
    )
    changeRows(server, `update kysely_migration set timestamp = '2020-01-01T00:00:00.000Z'`)
    await cleanUp()
    const tags = await call(client(), api.tags.list, { query: { feed: 'hub', repo: 'aging' } })
    expect(tags.map(({ name }) => name)).toEqual(['own', 'used'])
    const before = countOf(/GET \/v2\/aging\/manifests\/cached/)
    await expectWhole(pull, { name: 'hub/aging', reference: 'cached' }, cached)
    expect(countOf(/GET \/v2\/aging\/manifests\/cached/)).toBe(before + 1)
  })

  const pullsOf = (tag: string) => async () => {
    const query = { feed: 'hub', repo: 'aging', search: tag }
    return (await call(client(), api.tags.list, { query }))[0]?.pulls
  }

  async function cleanUp(): Promise<void> {
    const headers = { authorization: server.admin }
    const target = '/api/jobs/run?job=FeedCleanup&feed=hub'
    const { status, body } = await askApi(server.url, { method: 'POST', target, headers })
    expect(status, JSON.stringify(body)).toBeLessThan(300)
    const runs = async () => {
      const query = { job: 'FeedCleanup', feed: 'hub' }
      return (await call(client(), api.jobs.runs, { query }))[0]?.state
    }
    await expect.poll(runs, { timeout: 20_000 }).toBe('succeeded')
  }
})
