import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { askApi } from '../support/api-call.ts'
import { type Cloud, clouds } from '../support/cloud-stores.ts'
import { describeWith } from '../support/describe-with.ts'
import { imageOf } from '../support/layers.ts'
import { needs } from '../support/require.ts'
import { openStage, type Stage, seed } from './stage.ts'

const registry = needs({ program: 'docker-registry', package: 'docker-registry' })
const azurite = clouds.find(({ name }) => name === 'Azurite')
const clients = 8

describeWith(
  'a registry with a connector whose store is in the cloud',
  [registry.reason, azurite?.missing ?? 'needs Azurite'],
  () => {
    let stage: Stage
    let upstream: Stage['upstream']
    let proxy: Stage['proxy']
    let cloud: Cloud | undefined
    let pull: Stage['pull']

    beforeAll(async () => {
      cloud = await azurite?.start()
      stage = await openStage(registry.file, { timeout: 60 })
      ;({ upstream, proxy, pull } = stage)
      const { server } = stage
      const { id, properties } = (await cloud?.newPlace()) ?? {}
      const set = await askApi(server.url, {
        ...{ method: 'POST', target: '/api/storage?feed=hub', json: { id, properties } },
        headers: { authorization: server.admin },
      })
      expect(set.status, JSON.stringify(set.body)).toBe(200)
      // Feeds are looked up anew after a second.
      await sleep(1100)
    }, 120_000)
    afterAll(async () => {
      await stage?.[Symbol.asyncDispose]()
      await cloud?.[Symbol.asyncDispose]()
    })

    const pullLayer = async (name: string, digest: string, bytes: Buffer) => {
      const got = await pull('GET', `/v2/hub/${name}/blobs/${digest}`)
      expect([got.status, got.complete, got.body.equals(bytes)]).toEqual([200, true, true])
    }

    test('gives each client all of a blob that is fetched once, early and late ones', async () => {
      const image = imageOf([{ bytes: randomBytes(30_000_000) }])
      await seed(upstream.url, 'app', { image, tags: ['1'] })
      const [layer] = image.layers
      if (layer === undefined) throw new Error('an image has a layer')
      const { digest, bytes } = layer
      proxy.setFault({ kind: 'slow', bytesPerSecond: 15_000_000 }, /blobs/)
      await Promise.all(
        Array.from({ length: clients }, async (_, number) => {
          await sleep(number * 200)
          await pullLayer('app', digest, bytes)
        }),
      )
      proxy.setFault(null)
      const asked = proxy.requests.filter((each) => each === `GET /v2/app/blobs/${digest}`)
      expect(asked).toHaveLength(1)
      await pullLayer('app', digest, bytes)
      expect((await pull('GET', '/v2/hub/app/manifests/1')).body).toEqual(image.manifest.bytes)
    })
  },
)
