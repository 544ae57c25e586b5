import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import type { FeedStorage } from '../../contract/storage.ts'
import { openS3Client } from '../../server/blobs/s3-client.ts'
import { secretsOf, showSettings } from '../../server/config/shown-settings.ts'
import type { Config } from '../../server/config.ts'
import { openDatabase } from '../../server/db/database.ts'
import { listStores } from '../../server/db/stores.ts'
import { askApi } from '../support/api-call.ts'
import { type Cloud, clouds } from '../support/cloud-stores.ts'
import { digestOf } from '../support/content.ts'
import { createDatabase } from '../support/postgres.ts'
import { rgwKeys } from '../support/rgw.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { send } from '../support/wire.ts'

type DefaultStore = NonNullable<Config['defaultStore']>

const rgw = clouds.find(({ name }) => name === 'RGW')
const missing = [inject('postgresMissing'), rgw?.missing ?? 'RGW']
  .filter((reason) => reason !== '')
  .join(', ')

describe.skipIf(missing !== '')(`a default store in the cloud ${missing}`, () => {
  let cloud: Cloud
  beforeAll(async () => {
    cloud = (await rgw?.start()) as Cloud
  })
  afterAll(() => cloud?.[Symbol.asyncDispose]())

  test('is where registries are from the first start on, for every process', async () => {
    const place = await cloud.newPlace()
    await using bucket = place.openBucket()
    const start = await startingOnPostgres(place)
    // Together, on a new database: each may be the one that makes it.
    const started = await Promise.all([start(), start(), start()])
    const [one, other, third] = started as [TestServer, TestServer, TestServer]
    try {
      await one.createFeed('by-command')
      await call(other, 'POST', '/api/management/feeds/create', { name: 'by-api' })
      for (const feed of ['main', 'by-command', 'by-api']) {
        const shown = await call<FeedStorage>(third, 'GET', `/api/storage?feed=${feed}`)
        expect(shown).toMatchObject({ id: 's3', moving: false })
        const digest = await push(one, `${feed}/app`)
        for (const server of started) await pull(server, `${feed}/app`, digest)
      }
      const page = { prefix: 'blobs/', after: null, count: 10 }
      expect(await bucket.list(page)).toHaveLength(3)
      for (const { config } of started) {
        expect(existsSync(path.join(config.dataDir, 'store'))).toBe(false)
      }
    } finally {
      for (const server of started) await server[Symbol.asyncDispose]()
    }
  })

  test('is spoken to as the setting says when a process starts', async () => {
    const place = await cloud.newPlace()
    const start = await startingOnPostgres(place)
    await using before = await start()
    const digest = await push(before, 'main/app')
    const cached = { ...place, properties: { ...place.properties, CacheGiB: 1 } }
    await using after = await start({ defaultStore: cached })
    const { properties } = await call<FeedStorage>(after, 'GET', '/api/storage?feed=main')
    expect(properties).toMatchObject({ CacheGiB: '1' })
    await pull(after, 'main/app', digest)
    expect(existsSync(path.join(after.config.dataDir, 'cache'))).toBe(true)
    // What did not change is not written: others need not open it anew.
    await using db = await openDatabase({ url: after.config.databaseUrl })
    const [first] = await listStores(db.read)
    await using _again = await start({ defaultStore: cached })
    expect(await listStores(db.read)).toEqual([first])
  })

  test('that is another server’s is refused, and stays', async () => {
    const place = await cloud.newPlace()
    await using first = await startServer({ defaultStore: place })
    const digest = await push(first, 'main/app')
    await expect(startServer({ defaultStore: place })).rejects.toMatchObject({ code: 'CONFLICT' })
    await pull(first, 'main/app', digest)
  })

  test('that is not there keeps a first start from happening, until it is', async () => {
    const { id, properties } = await cloud.newPlace()
    const name = `later-${randomBytes(6).toString('hex')}`
    const start = await startingOnPostgres({ id, properties: { ...properties, BucketName: name } })
    await expect(start()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const client = openS3Client({
      ...{ bucket: name, prefix: '', region: 'us-east-1', endpoint: cloud.service.url },
      ...{ pathStyle: true, credentials: rgwKeys, encryption: null, uniformPartBytes: null },
      publicEndpoint: null,
    })
    await client.send(new CreateBucketCommand({ Bucket: name }))
    client.destroy()
    await using server = await start()
    await pull(server, 'main/app', await push(server, 'main/app'))
  })

  test('leaves registries where they are that were there before', async () => {
    const place = await cloud.newPlace()
    const start = await startingOnPostgres(null)
    await using before = await start()
    const digest = await push(before, 'main/app')
    await using after = await start({ defaultStore: place })
    const main = await call<FeedStorage>(after, 'GET', '/api/storage?feed=main')
    expect(main.id).toBe('disk')
    await after.createFeed('new')
    expect((await call<FeedStorage>(after, 'GET', '/api/storage?feed=new')).id).toBe('s3')
    await pull(before, 'main/app', digest)
  })

  test.for([
    [{ id: 'disk', properties: { StoragePath: 'x' } }, /is a store in the cloud/],
    [{ id: 's4', properties: {} }, /no kind of store "s4"/],
    [{ id: 's3', properties: { Bucket: 'x' } }, /has no "Bucket".*BucketName is needed/],
  ] as const)('that makes no sense is told of: %j', async ([defaultStore, said]) => {
    const refused = { code: 'REQUEST_INVALID', message: expect.stringMatching(said) }
    await expect(startServer({ defaultStore })).rejects.toMatchObject(refused)
  })

  test('is shown to nobody with its keys', async () => {
    const { id, properties } = await cloud.newPlace()
    await using server = await startServer({ defaultStore: { id, properties } })
    const { SecretAccessKey = '' } = properties
    expect(SecretAccessKey).not.toBe('')
    expect(JSON.stringify(showSettings(server.config))).not.toContain(SecretAccessKey)
    expect(secretsOf(server.config)).toContain(SecretAccessKey)
    await using db = await openDatabase({ url: server.config.databaseUrl })
    expect(JSON.stringify(await listStores(db.read))).not.toContain(SecretAccessKey)
  })
})

/** Servers on one new database. */
async function startingOnPostgres(defaultStore: DefaultStore | null) {
  const name = `default_store_${randomBytes(6).toString('hex')}`
  const databaseUrl = await createDatabase(inject('postgresUrl'), name)
  const secretKey = randomBytes(32).toString('hex')
  return (more: Partial<Config> = {}) =>
    startServer({ databaseUrl, secretKey, defaultStore, ...more })
}

async function call<T>(server: TestServer, method: string, target: string, json?: unknown) {
  const answer = await askApi(server.url, {
    ...{ method, target, headers: { authorization: server.admin } },
    ...(json !== undefined && { json }),
  })
  expect(answer.status, `${target}: ${JSON.stringify(answer.body)}`).toBe(200)
  return answer.body as T
}

async function push(server: TestServer, name: string): Promise<string> {
  const body = randomBytes(3000)
  const digest = digestOf(body)
  const target = `/v2/${name}/blobs/uploads/?digest=${digest}`
  const headers = { authorization: server.admin }
  const sent = await send(server.url, { method: 'POST', target, headers, body })
  expect(sent.status, sent.body.toString()).toBe(201)
  return digest
}

async function pull(server: TestServer, name: string, digest: string): Promise<void> {
  const headers = { authorization: server.admin }
  const target = `/v2/${name}/blobs/${digest}`
  const answer = await send(server.url, { method: 'GET', target, headers })
  expect(answer.status, answer.body.toString().slice(0, 300)).toBe(200)
  expect(digestOf(answer.body)).toBe(digest)
}
