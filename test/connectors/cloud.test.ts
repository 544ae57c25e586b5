import { randomBytes } from 'node:crypto'
import { copyFile, mkdir } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { askApi } from '../support/api-call.ts'
import { type Cloud, clouds } from '../support/cloud-stores.ts'
import { postgresDatabases } from '../support/databases.ts'
import { describeWith } from '../support/describe-with.ts'
import { imageOf } from '../support/layers.ts'
import { needs } from '../support/require.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { openStage, puller, type Stage, seed } from './stage.ts'

const registry = needs({ program: 'docker-registry', package: 'docker-registry' })
const azurite = clouds.find(({ name }) => name === 'Azurite')
const clients = 4

const needed = [registry.reason, azurite?.missing ?? 'needs Azurite', inject('postgresMissing')]

describeWith(
  'a registry with a connector whose store is in the cloud, and two processes that serve it',
  needed,
  () => {
    const databases = postgresDatabases()
    const folder = makeTemporaryFolder('second-process')
    let stage: Stage
    let second: TestServer
    let upstream: Stage['upstream']
    let proxy: Stage['proxy']
    let cloud: Cloud | undefined
    let pull: Stage['pull']

    beforeAll(async () => {
      cloud = await azurite?.start()
      const shared = { databaseUrl: await databases.newUrl(), secretKey: 'k'.repeat(32) }
      stage = await openStage(registry.file, { timeout: 60 }, shared)
      ;({ upstream, proxy, pull } = stage)
      const { server } = stage
      // The disk store that a database begins with has nothing here; each process wants it mounted.
      await mkdir(path.join(folder.path, 'store'))
      const marker = path.join('store', 'entrepot-store.json')
      await copyFile(path.join(server.config.dataDir, marker), path.join(folder.path, marker))
      const { id, properties } = (await cloud?.newPlace()) ?? {}
      const set = await askApi(server.url, {
        ...{ method: 'POST', target: '/api/storage?feed=hub', json: { id, properties } },
        headers: { authorization: server.admin },
      })
      expect(set.status, JSON.stringify(set.body)).toBe(200)
      second = await startServer({ ...shared, dataDir: folder.path })
      // Feeds are looked up anew after a second.
      await sleep(1100)
    }, 120_000)
    afterAll(async () => {
      await second?.[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
      await stage?.[Symbol.asyncDispose]()
      await cloud?.[Symbol.asyncDispose]()
    })

    const pullLayer = async (name: string, digest: string, bytes: Buffer, get = pull) => {
      const got = await get('GET', `/v2/hub/${name}/blobs/${digest}`)
      expect([got.status, got.complete, got.body.equals(bytes)]).toEqual([200, true, true])
    }

    test('gives each client all of a blob that is fetched once, early and late ones', async () => {
      const image = imageOf([{ bytes: randomBytes(12_000_000) }])
      await seed(upstream.url, 'app', { image, tags: ['1'] })
      const [layer] = image.layers
      if (layer === undefined) throw new Error('an image has a layer')
      const { digest, bytes } = layer
      proxy.setFault({ kind: 'slow', bytesPerSecond: 12_000_000 }, /blobs/)
      await Promise.all(
        Array.from({ length: clients }, async (_, number) => {
          await sleep(number * 300)
          await pullLayer('app', digest, bytes)
        }),
      )
      proxy.setFault(null)
      const asked = proxy.requests.filter((each) => each === `GET /v2/app/blobs/${digest}`)
      expect(asked).toHaveLength(1)
      await pullLayer('app', digest, bytes)
      expect((await pull('GET', '/v2/hub/app/manifests/1')).body).toEqual(image.manifest.bytes)
    })

    test('fetched by both at once, it is whole for everybody, and what one fetched is the other’s', async () => {
      const image = imageOf([{ bytes: randomBytes(5_000_000) }])
      await seed(upstream.url, 'twice', { image, tags: ['1'] })
      const [layer] = image.layers
      if (layer === undefined) throw new Error('an image has a layer')
      const { digest, bytes } = layer
      const pullOther = puller(second)
      const both = [pull, pullOther]
      proxy.setFault({ kind: 'slow', bytesPerSecond: 5_000_000 }, /blobs/)
      await Promise.all([...both, ...both].map((get) => pullLayer('twice', digest, bytes, get)))
      proxy.setFault(null)
      const asked = () => proxy.requests.filter((each) => each === `GET /v2/twice/blobs/${digest}`)
      // Once each: transfers are shared within a process.
      expect(asked()).toHaveLength(2)
      for (const get of both) await pullLayer('twice', digest, bytes, get)
      expect(asked()).toHaveLength(2)
      for (const get of [pullOther, pull]) {
        const manifest = await get('GET', '/v2/hub/twice/manifests/1')
        expect(manifest.body.equals(image.manifest.bytes)).toBe(true)
      }
      const asks = proxy.requests.filter((each) => each === 'GET /v2/twice/manifests/1')
      expect(asks).toHaveLength(1)
    })
  },
)
