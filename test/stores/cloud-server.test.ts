import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { RunInfo } from '../../contract/jobs.ts'
import type { FeedStorage } from '../../contract/storage.ts'
import type { Bucket } from '../../server/blobs/bucket.ts'
import { askApi } from '../support/api-call.ts'
import { switchOffCleanup } from '../support/cleanup-switch.ts'
import { type Cloud, type CloudPlace, clouds } from '../support/cloud-stores.ts'
import { digestOf } from '../support/content.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { send } from '../support/wire.ts'

// Only what never ends runs into it.
vi.setConfig({ testTimeout: 600_000 })
afterAll(() => vi.resetConfig())

const mebibyte = 1024 * 1024

describe.each(clouds)('a registry whose store is on $name', ({ missing, start }) => {
  describe.skipIf(missing !== '')(missing || 'and its server', () => {
    let cloud: Cloud
    let place: CloudPlace
    let bucket: Bucket
    let server: TestServer
    beforeAll(async () => {
      cloud = await start()
      place = await cloud.newPlace()
      bucket = place.openBucket()
      server = await startServer({}, { jobTimes: { tickMs: 50, beatMs: 50 } })
      await call('POST', '/api/settings/set?name=Cleanup.GraceSeconds&value=0')
    })
    afterAll(async () => {
      await server?.[Symbol.asyncDispose]()
      await cloud?.[Symbol.asyncDispose]()
    })

    async function call<T>(method: string, target: string, json?: unknown): Promise<T> {
      const answer = await askApi(server.url, {
        ...{ method, target, headers: { authorization: server.admin } },
        ...(json !== undefined && { json }),
      })
      expect(answer.status, `${target}: ${JSON.stringify(answer.body)}`).toBe(200)
      return answer.body as T
    }

    const ask = (method: string, target: string, more: Partial<Parameters<typeof send>[1]> = {}) =>
      send(server.url, {
        ...{ method, target, ...more },
        headers: { authorization: server.admin, ...more.headers },
      })

    async function useStore(feed: string, storage: object): Promise<FeedStorage> {
      const shown = await call<FeedStorage>('POST', `/api/storage?feed=${feed}`, storage)
      // Feeds are looked up anew after a second.
      await sleep(1100)
      return shown
    }

    async function push(name: string, pieces: readonly Buffer[]): Promise<string> {
      const start = await ask('POST', `/v2/${name}/blobs/uploads/`)
      expect(start.status).toBe(202)
      let location = start.headers.location ?? ''
      for (const body of pieces) {
        const answer = await ask('PATCH', location, { body })
        expect(answer.status, answer.body.toString()).toBe(202)
        location = answer.headers.location ?? ''
      }
      const digest = digestOf(Buffer.concat(pieces))
      const end = await ask(
        'PUT',
        `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`,
      )
      expect(end.status, end.body.toString()).toBe(201)
      return digest
    }

    async function pull(name: string, digest: string): Promise<void> {
      const answer = await ask('GET', `/v2/${name}/blobs/${digest}`)
      expect(answer.status, answer.body.toString().slice(0, 300)).toBe(200)
      expect(digestOf(answer.body)).toBe(digest)
    }

    async function ended(job: string, feed?: string): Promise<RunInfo> {
      for (;;) {
        const query = feed === undefined ? '' : `&feed=${feed}`
        const runs = await call<RunInfo[]>('GET', `/api/jobs/runs?count=10&job=${job}${query}`)
        if (runs.length > 0 && runs.every((each) => each.endedAt)) return runs[0] as RunInfo
        await sleep(50)
      }
    }

    test('is tried out before it is set, and the trial leaves nothing', async () => {
      const { id, properties } = place
      const tried = await call('POST', '/api/storage/test', { id, properties })
      expect(tried).toEqual({
        works: true,
        steps: ['write', 'resume', 'finish', 'read', 'list', 'delete'].map((step) => ({
          ...{ step, reason: null },
        })),
      })
      expect(await bucket.list({ prefix: '', after: null, count: 10 })).toEqual([])
      const named = id === 's3' ? 'BucketName' : 'ContainerName'
      const wrong = { ...properties, [named]: 'none-such-as-this' }
      const failed = await call('POST', '/api/storage/test', { id, properties: wrong })
      expect(failed).toMatchObject({ works: false, steps: [{ step: 'open' }] })
      expect(JSON.stringify(failed)).not.toMatch(/TESTSECRET|testing|AccountKey/)
    })

    test('takes pushes in pieces of any size and gives them back', async () => {
      await server.createFeed('cloudy')
      // No manifest refers to what is pushed here: at its time of the night it would go.
      await switchOffCleanup(server, 'cloudy')
      const { id, properties } = place
      const shown = await useStore('cloudy', { id, properties })
      expect(shown.id).toBe(id)
      expect(JSON.stringify(shown)).not.toMatch(/TESTSECRET|"testing"|AccountKey/)
      const small = await push('cloudy/app', [randomBytes(1000)])
      const pieces = [3, 1, 9 * mebibyte, 17 * mebibyte + 5, 100].map((size) => randomBytes(size))
      const large = await push('cloudy/app', pieces)
      const empty = await push('cloudy/app', [Buffer.alloc(0)])
      for (const digest of [small, large, empty]) await pull('cloudy/app', digest)
      const range = { range: `bytes=${9 * mebibyte}-${9 * mebibyte + 99}` }
      const part = await ask('GET', `/v2/cloudy/app/blobs/${large}`, { headers: range })
      expect(part.status).toBe(206)
      const whole = Buffer.concat(pieces)
      expect(part.body.equals(whole.subarray(9 * mebibyte, 9 * mebibyte + 100))).toBe(true)
    })

    test('sends clients to the store, without their login', async () => {
      const digest = await push('cloudy/app', [randomBytes(70_000)])
      const target = `/v2/cloudy/app/blobs/${digest}`
      const { id, properties } = place
      const redirecting = { ...properties, RedirectDownloads: 'true' }
      await useStore('cloudy', { id, properties: redirecting })
      const answer = await ask('GET', target)
      expect(answer.status).toBe(307)
      expect(answer.headers.location).toMatch(cloud.service.url)
      const followed = await fetch(answer.headers.location ?? '')
      expect(digestOf(Buffer.from(await followed.arrayBuffer()))).toBe(digest)
      expect((await ask('HEAD', target)).status).toBe(200)
      expect((await send(server.url, { method: 'GET', target })).status).toBe(401)
      await useStore('cloudy', {
        ...{ id, properties: { ...redirecting, NeverRedirect: '10.0.0.0/8, 127.0.0.0/8' } },
      })
      await pull('cloudy/app', digest)
      await useStore('cloudy', { id, properties })
      await pull('cloudy/app', digest)
    })

    test('goes on with an upload after a restart, and leaves no part of it', async () => {
      const content = randomBytes(21 * mebibyte)
      const start = await ask('POST', '/v2/cloudy/app/blobs/uploads/')
      const cut = 13 * mebibyte + 7
      const first = await ask('PATCH', start.headers.location ?? '', {
        body: content.subarray(0, cut),
      })
      expect(first.status).toBe(202)
      await server.restart()
      const rest = await ask('PATCH', first.headers.location ?? '', { body: content.subarray(cut) })
      expect(rest.status, rest.body.toString()).toBe(202)
      const digest = digestOf(content)
      const end = await ask('PUT', `${rest.headers.location}?digest=${digest}`)
      expect(end.status, end.body.toString()).toBe(201)
      await pull('cloudy/app', digest)
      await expectTidy()
    })

    test('a wrong digest commits nothing, and a cancelled upload leaves nothing', async () => {
      const start = await ask('POST', '/v2/cloudy/app/blobs/uploads/')
      const body = randomBytes(10 * mebibyte)
      const sent = await ask('PATCH', start.headers.location ?? '', { body })
      const wrong = await ask(
        'PUT',
        `${sent.headers.location}?digest=${digestOf(Buffer.from('x'))}`,
      )
      expect(wrong.status).toBe(400)
      expect((await ask('DELETE', sent.headers.location ?? '')).status).toBe(204)
      await expectTidy()
    })

    test('clean-up removes what nothing needs', async () => {
      const digest = await push('cloudy/gone', [randomBytes(5000)])
      const before = await countBlobs()
      expect((await ask('DELETE', `/v2/cloudy/gone/blobs/${digest}`)).status).toBe(202)
      await call('POST', '/api/jobs/run?job=StorageCleanup')
      await ended('StorageCleanup')
      expect(await countBlobs()).toBe(before - 1)
    })

    test('moves to disk and back while it is pulled from, and nothing is left behind', async () => {
      const digests: string[] = []
      for (let at = 0; at < 6; at += 1) {
        digests.push(await push('cloudy/app', [randomBytes(200_000 + at)]))
      }
      let isMoving = true
      const pulling = (async () => {
        let pulls = 0
        while (isMoving) {
          for (const digest of digests) await pull('cloudy/app', digest)
          pulls += digests.length
        }
        return pulls
      })()
      await useStore('cloudy', { id: 'disk', properties: { StoragePath: 'elsewhere' } })
      expect((await ended('FeedMove', 'cloudy')).state).toBe('succeeded')
      await call('POST', '/api/jobs/run?job=StorageCleanup')
      await ended('StorageCleanup')
      expect(await countBlobs()).toBe(0)
      const folder = path.join(server.config.dataDir, 'elsewhere', 'blobs')
      const files = readdirSync(folder, { recursive: true, withFileTypes: true })
      expect(files.filter((file) => file.isFile()).length).toBeGreaterThanOrEqual(6)
      await useStore('cloudy', { id: place.id, properties: place.properties })
      expect((await ended('FeedMove', 'cloudy')).state).toBe('succeeded')
      isMoving = false
      expect(await pulling).toBeGreaterThan(0)
      expect((await call<FeedStorage>('GET', '/api/storage?feed=cloudy')).moving).toBe(false)
      for (const digest of digests) await pull('cloudy/app', digest)
      await expectTidy()
    })

    test('is unavailable alone while its service is, but for its cache, and loses nothing', async () => {
      const digest = await push('cloudy/app', [randomBytes(3000)])
      const { id, properties } = place
      await useStore('cloudy', { id, properties: { ...properties, CacheGiB: '1' } })
      const hot = await push('cloudy/app', [randomBytes(9 * mebibyte)])
      await pull('cloudy/app', hot)
      const cached = path.join(server.config.dataDir, 'cache')
      const kept = () => readdirSync(cached, { recursive: true }).map(String)
      await expect.poll(() => kept().some((name) => name.endsWith(`.${9 * mebibyte}`))).toBe(true)
      await cloud.service[Symbol.asyncDispose]()
      const start = await ask('POST', '/v2/cloudy/app/blobs/uploads/')
      const late = await ask('PATCH', start.headers.location ?? '', { body: randomBytes(100) })
      const got = await ask('GET', `/v2/cloudy/app/blobs/${digest}`)
      for (const answer of [late, got]) {
        expect(answer.status).toBe(503)
        expect(answer.headers['retry-after']).toBe('5')
      }
      expect((await ask('HEAD', `/v2/cloudy/app/blobs/${digest}`)).status).toBe(200)
      // What everybody pulls is here too: whole, in parts, and for nobody else than before.
      await pull('cloudy/app', hot)
      const target = `/v2/cloudy/app/blobs/${hot}`
      const part = await ask('GET', target, { headers: { range: 'bytes=5-104' } })
      expect([part.status, part.body.length]).toEqual([206, 100])
      expect((await send(server.url, { method: 'GET', target })).status).toBe(401)
      expect((await ask('GET', `/v2/cloudy/other/blobs/${hot}`)).status).toBe(404)
      await server.createFeed('local')
      const local = await push('local/app', [randomBytes(3000)])
      await pull('local/app', local)
      expect((await ask('GET', '/health')).status).toBe(200)
    })

    async function countBlobs(): Promise<number> {
      return (await bucket.list({ prefix: 'blobs/', after: null, count: 1000 })).length
    }

    async function expectTidy(): Promise<void> {
      const page = { prefix: '', after: null, count: 1000 }
      expect(await bucket.listIncomplete(page)).toEqual([])
      expect(await bucket.list({ ...page, prefix: 'uploads/' })).toEqual([])
    }
  })
})
