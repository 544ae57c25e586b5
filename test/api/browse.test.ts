import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { type Client, call, callPage } from '../../contract/call.ts'
import { askApi, clientOf, problemOf } from '../support/api-call.ts'
import { artifact, descriptor, image, index, mediaTypes, platform } from '../support/content.ts'
import { pushBlob, pushImage, pushManifest } from '../support/push.ts'
import type { Table } from '../support/rows.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { send } from '../support/wire.ts'

const configBytes = JSON.stringify({
  architecture: 'arm64',
  os: 'linux',
  variant: 'v8',
  created: '2026-01-02T03:04:05Z',
  config: {
    Env: ['PATH=/bin', 'MODE=a'],
    Entrypoint: ['/app'],
    Cmd: ['--serve'],
    Labels: { 'org.opencontainers.image.version': '1.4' },
    ExposedPorts: { '8080/tcp': {} },
    User: '1000',
    WorkingDir: '/srv',
  },
  rootfs: { type: 'layers' },
  history: [
    { created_by: 'ADD rootfs /' },
    { created_by: 'ENV MODE=a', empty_layer: true },
    { created_by: 'COPY app /app' },
  ],
})
const arm = image('browse arm', { configBytes })
const amd = image('browse amd')
const both = index([
  descriptor(arm.manifest, undefined, {
    platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
  }),
  descriptor(amd.manifest, undefined, platform('amd64')),
])
const place = { feed: 'main', repo: 'team/app' }

describe('browsing', () => {
  let server: TestServer
  let admin: Client
  let table: Table
  beforeAll(async () => {
    server = await startServer()
    admin = clientOf(server.url, server.admin)
    table = { url: server.url, callers: { admin: server.admin } }
    await pushImage(table, 'main/team/app', arm, ['1.9', '1.10', 'v1.4-rc.1', '1.4'])
    await pushImage(table, 'main/team/app', amd)
    await pushManifest(table, 'main/team/app', both, 'latest')
    const sbom = artifact('browse sbom', 'application/spdx+json', {
      subject: descriptor(arm.manifest),
    })
    await pushImage(table, 'main/team/app', sbom)
    await pushImage(table, 'main/other', image('browse other'), ['1'])
  })
  afterAll(() => server[Symbol.asyncDispose]())

  test('lists repositories with what is in them', async () => {
    const found = await call(admin, api.repositories.list, { query: { feed: 'MAIN' } })
    expect(found).toMatchObject([
      { feed: 'main', name: 'other', tags: 1, images: 1, lastPush: { by: 'Admin' } },
      { feed: 'main', name: 'team/app', tags: 5, images: 4, lastPush: { by: 'Admin' } },
    ])
    const newest = await call(admin, api.repositories.list, {
      query: { feed: 'main', sort: 'pushed' },
    })
    expect(newest.map(({ name }) => name)).toEqual(['other', 'team/app'])
    const search = { feed: 'main', search: 'EAM' }
    const some = await call(admin, api.repositories.list, { query: search })
    expect(some.map(({ name }) => name)).toEqual(['team/app'])
  })

  test('pages go on after what the Link header says', async () => {
    for (const sort of ['name', 'pushed'] as const) {
      const names: string[] = []
      let after: string | undefined
      for (let page = 0; page < 3; page += 1) {
        const query = { feed: 'main', sort, count: '1', ...(after !== undefined && { after }) }
        const { items, next } = await callPage(admin, api.repositories.list, { query })
        names.push(...items.map(({ name }) => name))
        if (next === null) break
        after = next
      }
      expect(names).toEqual(['other', 'team/app'])
    }
  })

  test.for([
    ['name', ['1.10', '1.4', '1.9', 'latest', 'v1.4-rc.1']],
    ['version', ['latest', '1.10', '1.9', '1.4', 'v1.4-rc.1']],
    ['pushed', ['latest', '1.4', 'v1.4-rc.1', '1.10', '1.9']],
  ] as const)('tags by %s, a page at a time', async ([sort, names]) => {
    const found: string[] = []
    let after: string | undefined
    for (let page = 0; page < 9; page += 1) {
      const query = { ...place, sort, count: '2', ...(after !== undefined && { after }) }
      const { items, next } = await callPage(admin, api.tags.list, { query })
      found.push(...items.map(({ name }) => name))
      if (next === null) break
      after = next
    }
    expect(found).toEqual(names)
  })

  test('a tag says digest, platforms and size', async () => {
    const [tag] = await call(admin, api.tags.list, { query: { ...place, search: '1.10' } })
    expect(tag).toMatchObject({
      name: '1.10',
      digest: arm.manifest.digest,
      mediaType: mediaTypes.image,
      platforms: ['linux/arm64/v8'],
      pushedBy: 'Admin',
    })
    const own = [arm.manifest, ...arm.blobs].reduce((sum, { size }) => sum + size, 0)
    expect(tag?.sizeBytes).toBe(own)
    const [latest] = await call(admin, api.tags.list, { query: { ...place, search: 'late' } })
    expect(latest?.platforms).toEqual(['linux/amd64', 'linux/arm64/v8'])
    const all = [both, arm.manifest, amd.manifest, ...arm.blobs, ...amd.blobs]
    expect(latest?.sizeBytes).toBe(all.reduce((sum, { size }) => sum + size, 0))
  })

  test('tags of one platform', async () => {
    const query = { ...place, platform: 'linux/amd64' }
    const found = await call(admin, api.tags.list, { query })
    expect(found.map(({ name }) => name)).toEqual(['latest'])
  })

  test('an unchanged list is a 304', async () => {
    const target = '/api/containers/tags/list?feed=main&repo=team/app'
    const headers = { authorization: server.admin }
    const first = await askApi(server.url, { target, headers })
    const etag = first.headers.etag ?? ''
    const again = await askApi(server.url, {
      target,
      headers: { ...headers, 'if-none-match': etag },
    })
    expect(again.status).toBe(304)
    expect(again.body).toBeUndefined()
  })

  test('an image with its configuration, layers and relatives', async () => {
    const query = { ...place, digest: '1.4' }
    const found = await call(admin, api.images.get, { query })
    expect(found).toMatchObject({
      feed: 'main',
      repository: 'team/app',
      digest: arm.manifest.digest,
      tag: '1.4',
      kind: 'image',
      tags: ['1.10', '1.4', '1.9', 'v1.4-rc.1'],
      parents: [both.digest],
      platforms: ['linux/arm64/v8'],
      referrers: { signature: 0, sbom: 1, attestation: 0, other: 0, isComplete: true },
      config: {
        problem: null,
        platform: 'linux/arm64/v8',
        env: ['PATH=/bin', 'MODE=a'],
        entrypoint: ['/app'],
        cmd: ['--serve'],
        exposedPorts: ['8080/tcp'],
        user: '1000',
        workingDir: '/srv',
        raw: configBytes,
      },
    })
    expect(found.manifest).toBe(arm.manifest.bytes.toString('utf8'))
    expect(found.layers.map(({ digest, command }) => [digest, command])).toEqual([
      [arm.layers[0]?.digest, 'ADD rootfs /'],
      [null, 'ENV MODE=a'],
      [arm.layers[1]?.digest, 'COPY app /app'],
    ])
  })

  test('an index with its children', async () => {
    const found = await call(admin, api.images.get, { query: { ...place, digest: both.digest } })
    expect(found).toMatchObject({ kind: 'index', config: null, layers: [], tags: ['latest'] })
    expect(found.children).toMatchObject([
      { digest: arm.manifest.digest, platform: 'linux/arm64/v8', isHere: true },
      { digest: amd.manifest.digest, platform: 'linux/amd64', isHere: true },
    ])
  })

  test('layers say who else has them', async () => {
    const again = image('browse shared', { layerCount: 0 })
    const shared = {
      ...again,
      manifest: image('browse shared', {
        layerCount: 0,
        fields: { layers: [descriptor(arm.layers[0] ?? arm.config, mediaTypes.gzipLayer)] },
      }).manifest,
    }
    await pushBlob(table, 'main/third', arm.layers[0] ?? arm.config)
    await pushImage(table, 'main/third', { ...shared, blobs: [shared.config] }, ['1'])
    const found = await call(admin, api.images.get, { query: { ...place, digest: '1.4' } })
    expect(found.layers[0]?.otherRepositories).toEqual([{ feed: 'main', repository: 'third' }])
    expect(found.layers[2]?.otherRepositories).toEqual([])
    await call(admin, api.repositories.delete, { query: { feed: 'main', repo: 'third' } })
  })

  test.for([
    ['not JSON', 'nothing like it', /not JSON/],
    ['a list', '[]', /no object/],
    ['wrong types', '{"config":{"Env":7,"Labels":[1]},"history":{}}', null],
  ] as const)('a configuration that is %s is a message', async ([what, bytes, problem]) => {
    const odd = image(`browse odd ${what}`, { configBytes: bytes })
    await pushImage(table, 'main/odd', odd, ['1'])
    const query = { feed: 'main', repo: 'odd', digest: odd.manifest.digest }
    const { config } = await call(admin, api.images.get, { query })
    if (problem === null) expect(config?.problem).toBeNull()
    else expect(config?.problem).toMatch(problem)
  })

  test('untagged manifests, the newest first', async () => {
    const found = await call(admin, api.images.untagged, { query: place })
    expect(found.map(({ artifactType, parents }) => [artifactType, parents])).toEqual([
      ['application/spdx+json', 0],
      [mediaTypes.config, 1],
    ])
  })

  test('referrers by kind', async () => {
    const query = { ...place, digest: arm.manifest.digest }
    const found = await call(admin, api.images.referrers, { query })
    expect(found).toMatchObject([{ kind: 'sbom', artifactType: 'application/spdx+json' }])
  })

  test('what differs between two images', async () => {
    const query = { ...place, left: '1.4', right: amd.manifest.digest }
    const found = await call(admin, api.images.compare, { query })
    expect(found.problem).toBeNull()
    expect(found.env).toContainEqual({ name: 'MODE', left: 'a', right: null })
    expect(found.config).toContainEqual({ name: 'user', left: '1000', right: null })
    expect(found.layers.map(({ state }) => state)).toEqual(['removed', 'removed', 'added', 'added'])
    expect(found.keptBytes).toBe(0)
  })

  test('tags are made, found and moved', async () => {
    const make = (name: string, target: string, force?: string) =>
      send(server.url, {
        method: 'POST',
        target: `/api/containers/tags/create?${new URLSearchParams({ ...place, name, target, ...(force && { force }) })}`,
        headers: { authorization: server.admin },
      })
    const texts = async (...args: Parameters<typeof make>) => {
      const { status, body } = await make(...args)
      return [status, body.toString('utf8')]
    }
    expect(await texts('stable', '1.4')).toEqual([201, 'Created'])
    expect(await texts('stable', arm.manifest.digest)).toEqual([200, 'Exists'])
    expect((await make('stable', amd.manifest.digest)).status).toBe(409)
    expect(await texts('stable', amd.manifest.digest, 'true')).toEqual([200, 'Updated'])
    expect((await make('stable', 'nothing')).status).toBe(404)
    const query = { ...place, tag: 'stable' }
    const moves = await call(admin, api.tags.history, { query })
    expect(moves).toMatchObject([
      { digest: amd.manifest.digest, previousDigest: arm.manifest.digest, previousIsThere: true },
      { digest: arm.manifest.digest, previousDigest: null },
    ])
    const events = await call(admin, api.images.history, {
      query: { ...place, digest: amd.manifest.digest },
    })
    expect(events.map(({ what, tag }) => [what, tag])).toEqual([
      ['tagged', 'stable'],
      ['pushed', null],
    ])
    await call(admin, api.tags.delete, { query })
    expect(await problemOf(call(admin, api.tags.delete, { query }))).toMatchObject({ status: 404 })
  })

  test('what goes is shown before it goes', async () => {
    const body = { ...place, images: [both.digest] }
    const preview = await call(admin, api.deletions.preview, { body })
    expect(preview).toMatchObject({
      tags: [{ name: 'latest', digest: both.digest, asked: false }],
      images: [{ digest: both.digest }],
      orphans: [{ digest: amd.manifest.digest, relation: 'child', of: both.digest }],
      kept: [{ digest: arm.manifest.digest, because: 'tag' }],
      refused: [],
      graceSeconds: 3600,
    })
    const child = { ...place, images: [amd.manifest.digest] }
    const refused = await call(admin, api.deletions.preview, { body: child })
    expect(refused).toMatchObject({
      images: [],
      refused: [{ digest: amd.manifest.digest, usedBy: [both.digest] }],
    })
    const problem = await problemOf(
      call(admin, api.images.delete, { query: { ...place, digest: amd.manifest.digest } }),
    )
    expect(problem).toMatchObject({ status: 409, errors: { usedBy: [both.digest] } })
    const together = { ...place, images: [amd.manifest.digest, both.digest] }
    const done = await call(admin, api.deletions.run, { body: together })
    expect(done).toEqual({
      tags: ['latest'],
      images: [both.digest, amd.manifest.digest],
      refused: [],
      missing: [],
      moved: [],
    })
  })

  test('a tag that was moved after somebody looked stays', async () => {
    const [old, late] = [image('looked at'), image('pushed late')]
    const repo = { feed: 'main', repo: 'moving' }
    await pushImage(table, 'main/moving', old, ['1', '2'])
    await pushImage(table, 'main/moving', late, ['1'])
    const { digest } = old.manifest
    const body = { ...repo, tags: ['1', '2', '3'], pointing: { '1': digest, '2': digest } }
    expect(await call(admin, api.deletions.run, { body })).toEqual({
      ...{ tags: ['2'], moved: ['1'], missing: ['3'], images: [], refused: [] },
    })
    const left = await call(admin, api.tags.list, { query: repo })
    expect(left).toMatchObject([{ name: '1', digest: late.manifest.digest }])
    const odd = { ...repo, tags: ['1'], pointing: { '1': 'nothing' } }
    expect(await problemOf(call(admin, api.deletions.run, { body: odd }))).toMatchObject({
      status: 422,
    })
  })

  test('a child goes by force, and comes back when it is pushed again', async () => {
    const [one, two] = [image('force one'), image('force two')]
    const list = index([descriptor(one.manifest), descriptor(two.manifest)])
    const repo = { feed: 'main', repo: 'forced' }
    await pushImage(table, 'main/forced', one)
    await pushImage(table, 'main/forced', two)
    await pushManifest(table, 'main/forced', list, 'all')
    const query = { ...repo, digest: one.manifest.digest, force: 'true' }
    await call(admin, api.images.delete, { query })
    const get = () => call(admin, api.images.get, { query: { ...repo, digest: 'all' } })
    const holed = await get()
    expect(holed.children.map(({ isHere }) => isHere)).toEqual([false, true])
    await pushImage(table, 'main/forced', one)
    const mended = await get()
    expect(mended.children.map(({ isHere }) => isHere)).toEqual([true, true])
    expect(mended.sizeBytes).toBeGreaterThan(holed.sizeBytes ?? 0)
  })

  test('a whole repository goes, and its name is free', async () => {
    await pushImage(table, 'main/doomed', image('doomed'), ['1', '2'])
    const query = { feed: 'main', repo: 'doomed' }
    const preview = await call(admin, api.repositories.previewDelete, { query })
    expect(preview).toMatchObject({ name: 'doomed', tags: 2, images: 1, uploads: 0 })
    expect(await call(admin, api.repositories.delete, { query })).toMatchObject({ tags: 2 })
    expect(await problemOf(call(admin, api.repositories.get, { query }))).toMatchObject({
      status: 404,
      code: 'NAME_UNKNOWN',
    })
    await pushImage(table, 'main/doomed', image('doomed'), ['3'])
    expect(await call(admin, api.repositories.get, { query })).toMatchObject({ tags: 1, images: 1 })
    const events = await call(admin, api.audit.list, { query: { kind: 'repository.*' } })
    expect(events[0]).toMatchObject({ repository: 'doomed', detail: { tags: 2, images: 1 } })
  })

  test('a registry that takes no external layers', async () => {
    const layer = { mediaType: mediaTypes.gzipLayer, digest: `sha256:${'a'.repeat(64)}`, size: 1 }
    const foreign = image('foreign', {
      fields: { layers: [{ ...layer, urls: ['https://example.com/layer'] }] },
    })
    await pushBlob(table, 'main/foreign', foreign.config)
    await pushManifest(table, 'main/foreign', foreign.manifest, '1')
    const change = (externalLayers: boolean) =>
      call(admin, api.feeds.update, { params: { name: 'main' }, body: { externalLayers } })
    expect(await change(false)).toMatchObject({ externalLayers: false })
    const refused = await send(server.url, {
      method: 'PUT',
      target: '/v2/main/foreign/manifests/2',
      headers: { authorization: server.admin, 'content-type': foreign.manifest.mediaType },
      body: foreign.manifest.bytes,
    })
    expect(refused.status).toBe(403)
    expect(refused.body.toString('utf8')).toContain('takes no external layers')
    await change(true)
  })

  test.for([
    ['app', { repositories: [place] }],
    ['1.1', { tags: [{ ...place, tag: '1.10' }] }],
    ['team/app:1.9', { tags: [{ ...place, tag: '1.9' }] }],
    [arm.manifest.digest.slice(7, 19), { images: [place] }],
    [arm.manifest.digest, { images: [place] }],
    ['mai', { registries: [{ name: 'main' }] }],
  ] as const)('search for %s', async ([q, expected]) => {
    const found = await call(admin, api.search.find, { query: { q } })
    expect(found.isComplete).toBe(true)
    for (const [kind, items] of Object.entries(expected)) {
      const shaped = items.map(({ repo, ...rest }: { repo?: string }) => ({
        ...rest,
        ...(repo !== undefined && { repository: repo }),
      }))
      expect(found[kind as keyof typeof expected & string]).toMatchObject(shaped)
    }
  })

  test('the self-test sees what a client sees', async () => {
    const found = await call(admin, api.health.selfTest)
    expect(found.views).toMatchObject([
      { from: 'own', status: 401, realm: `${server.url}/v2/_auth`, certificate: null },
      { from: 'base', status: 401 },
    ])
    expect(found.status).toBe('warning')
    expect(found.checks.filter(({ status }) => status !== 'ok').map(({ name }) => name)).toEqual([
      'base URL',
    ])
    expect(found.checks.map(({ name }) => name)).toContain('token realm')
  })
})
