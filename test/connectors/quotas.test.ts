import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { clientOf } from '../support/api-call.ts'
import { descriptor, type Image, index } from '../support/content.ts'
import { describeWith } from '../support/describe-with.ts'
import { imageOf } from '../support/layers.ts'
import { needs } from '../support/require.ts'
import { errorsOf } from '../support/rows.ts'
import { send } from '../support/wire.ts'
import { expectWhole, openStage, type Stage, seed } from './stage.ts'

const registry = needs({ program: 'docker-registry', package: 'docker-registry' })

describeWith('a full registry with a connector', [registry.reason], () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage(registry.file, { freshnessSeconds: 1 })
  }, 60_000)
  afterAll(() => stage?.[Symbol.asyncDispose]())

  const client = () => clientOf(stage.server.url, stage.server.admin)
  const newImage = (bytes: number): Image => imageOf([{ bytes: randomBytes(bytes) }])
  const used = async () => {
    await sleep(5100)
    const { sizes } = await call(client(), api.registries.get, { query: { feed: 'hub' } })
    return (sizes?.deduplicatedBytes ?? 0) + (sizes?.manifestBytes ?? 0)
  }

  test('passes on what does not fit, verified, time and again, and keeps what fits', async () => {
    const { server, upstream, pull, countOf } = stage
    const [large, small] = [newImage(3_000_000), newImage(1000)]
    await seed(upstream.url, 'large', { image: large, tags: ['1'] })
    await seed(upstream.url, 'small', { image: small, tags: ['1'] })
    await server.setFeed('hub', { quotaBytes: 10_000 })
    for (let time = 0; time < 2; time += 1) {
      await expectWhole(pull, { name: 'hub/large' }, large)
      const all = large.blobs.map((blob) => pull('GET', `/v2/hub/large/blobs/${blob.digest}`, true))
      for (const { status, complete } of await Promise.all(all)) {
        expect([status, complete]).toEqual([200, true])
      }
    }
    await expectWhole(pull, { name: 'hub/small' }, small)
    expect(await used()).toBeLessThanOrEqual(10_000)
    const asked = countOf(/GET .*\/small\/blobs/)
    await expectWhole(pull, { name: 'hub/small' }, small)
    expect(countOf(/GET .*\/small\/blobs/)).toBe(asked)
    await server.setFeed('hub', { quotaBytes: 0 })
    const other = newImage(50_000)
    await seed(upstream.url, 'other', { image: other, tags: ['1'] })
    await expectWhole(pull, { name: 'hub/other' }, other)
    await expectWhole(pull, { name: 'hub/other', reference: other.manifest.digest }, other)
  }, 60_000)

  test('refuses a push that needs more of it than fits', async () => {
    const { server, upstream, pull } = stage
    const image = newImage(2_000_000)
    await seed(upstream.url, 'base', { image, tags: ['1'] })
    await server.setFeed('hub', { quotaBytes: 1_000_000 })
    const listing = index([descriptor(image.manifest, image.manifest.mediaType)])
    const put = () =>
      send(server.url, {
        ...{ method: 'PUT', target: '/v2/hub/base/manifests/all', body: listing.bytes },
        headers: { authorization: server.admin, 'content-type': listing.mediaType },
      })
    const refused = await put()
    expect([refused.status, errorsOf(refused)[0]?.code]).toEqual([403, 'DENIED'])
    expect(errorsOf(refused)[0]?.message).toMatch(/^The quota of this registry is 1.00 MB/)
    expect((await pull('HEAD', '/v2/hub/base/manifests/1')).status).toBe(200)
    await server.setFeed('hub', { quotaBytes: 10_000_000 })
    expect((await put()).status).toBe(201)
    await expectWhole(pull, { name: 'hub/base' }, image)
  }, 60_000)
})
