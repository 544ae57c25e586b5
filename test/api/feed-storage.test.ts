import { mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunInfo } from '../../contract/jobs.ts'
import type { FeedStorage } from '../../contract/storage.ts'
import { openEncryption } from '../../server/auth/encrypted.ts'
import { openMemoryStore } from '../../server/blobs/memory-store.ts'
import { openDatabase } from '../../server/db/database.ts'
import { ensureStore, saveStore } from '../../server/db/stores.ts'
import { storeKinds } from '../../server/registry/store-kinds.ts'
import { parseProperties } from '../../server/registry/store-properties.ts'
import { openStores } from '../../server/registry/stores.ts'
import { askApi } from '../support/api-call.ts'
import { changeRows } from '../support/change-rows.ts'
import { blob } from '../support/content.ts'
import { pushBlob } from '../support/push.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { send } from '../support/wire.ts'

const outside = makeTemporaryFolder('roots')
const inside = (...names: string[]) => path.join(outside.path, ...names)
let server: TestServer

beforeAll(async () => {
  for (const name of ['allowed', 'allowed-not', 'forbidden']) mkdirSync(inside(name))
  symlinkSync(inside('allowed'), inside('link-to-allowed'))
  symlinkSync(inside('forbidden'), inside('allowed', 'link-to-forbidden'))
  server = await startServer(
    { storageRoots: [inside('link-to-allowed')] },
    { jobTimes: { tickMs: 50, beatMs: 50 } },
  )
})
afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  await outside[Symbol.asyncDispose]()
})

const call = (target: string, json?: unknown) =>
  askApi(server.url, {
    ...{ target, headers: { authorization: server.admin } },
    ...(json !== undefined && { json }),
  })
const setFolder = (feed: string, StoragePath: string) =>
  call(`/api/storage?feed=${feed}`, { id: 'disk', properties: { StoragePath } })

test('a registry without images moves too: what began before may still end in the old place', async () => {
  await server.createFeed('empty')
  const set = await setFolder('empty', 'new place')
  expect((set.body as FeedStorage).moving).toBe(true)
  await moveToEnd('empty')
  expect(await storageOf('empty')).toMatchObject({ moving: false, elsewhere: [] })
})

const storageOf = async (feed: string) =>
  (await call(`/api/storage?feed=${feed}`)).body as FeedStorage

async function moveToEnd(feed: string): Promise<void> {
  for (;;) {
    const runs = (await call(`/api/jobs/runs?job=FeedMove&feed=${feed}`)).body as RunInfo[]
    expect(runs.length).toBeGreaterThan(0)
    if (runs.every(({ endedAt }) => endedAt)) return
    await sleep(100)
  }
}

test('what ended in a store that was forgotten is shown, and moved by the next run', async () => {
  await server.createFeed('late')
  const table = { url: server.url, callers: { admin: server.admin } }
  const layer = blob('a layer that came late', 5000)
  await pushBlob(table, 'late/app', layer)
  await using db = await openDatabase({ url: server.config.databaseUrl })
  const to = await db.write(ensureStore, { type: 'disk', settings: '{"path":"of late"}' })
  // As an older program did it, beside this one: without a note of where the feed was before.
  changeRows(server, `update feeds set store_id = ${to.id} where name = 'late'`)
  expect(await storageOf('late')).toMatchObject({
    moving: true,
    elsewhere: [{ blobs: 1, bytes: 5000 }],
  })
  expect((await call('/api/jobs/run?job=FeedMove&feed=late', {})).status).toBeLessThan(300)
  await moveToEnd('late')
  expect(await storageOf('late')).toMatchObject({ moving: false, elsewhere: [] })
  const pulled = await send(server.url, {
    ...{ method: 'GET', target: `/v2/late/app/blobs/${layer.digest}` },
    headers: { authorization: server.admin },
  })
  expect(pulled.status).toBe(200)
})

test('a new database does not take a folder with the blobs of another one', async () => {
  await using folder = makeTemporaryFolder('taken')
  const dataDir = path.join(folder.path, 'data')
  const urlOf = (name: string) => `sqlite:${path.join(dataDir, name)}`
  {
    await using first = await startServer({ dataDir, databaseUrl: urlOf('first.db') })
    const table = { url: first.url, callers: { admin: first.admin } }
    await pushBlob(table, 'main/app', blob('kept', 100))
  }
  await expect(startServer({ dataDir, databaseUrl: urlOf('other.db') })).rejects.toThrow(
    /store holds blobs of another database/,
  )
  await using again = await startServer({ dataDir, databaseUrl: urlOf('first.db') })
  expect((await fetch(`${again.url}/health`)).status).toBe(200)
})

describe('a disk store lies below the data folder or an allowed one', () => {
  test.each([
    ['a folder that is allowed', () => inside('allowed', 'team'), 200],
    ['the same through a link', () => inside('link-to-allowed', 'team'), 200],
    ['one that only begins with its name', () => inside('allowed-not', 'team'), 422],
    ['one beside it', () => inside('forbidden', 'team'), 422],
    ['one beside it by dots', () => inside('allowed', '..', 'forbidden', 'team'), 422],
    ['one beside it through a link inside', () => inside('allowed', 'link-to-forbidden', 'x'), 422],
    ['the allowed folder itself', () => inside('allowed'), 422],
    ['below the data folder', () => 'other', 200],
    ['the data folder itself', () => '.', 422],
    ['beside the data folder', () => '../x', 422],
    ['where copies of layers from the cloud are kept', () => 'cache/3', 422],
    ['the root', () => '/', 422],
  ])('%s', async (name, folder, status) => {
    const feed = `f${name.replaceAll(/[^a-z]/g, '')}`
    await server.createFeed(feed)
    const answer = await setFolder(feed, folder())
    expect(answer.status, JSON.stringify(answer.body)).toBe(status)
    const tried = { id: 'disk', properties: { StoragePath: folder() } }
    expect((await call('/api/storage/test', tried)).status).toBe(status)
  })

  test('through a link it is the same store, and nothing is written beside', async () => {
    const stores = (await call('/api/storage/stores')).body as { name: string }[]
    const team = stores.filter(({ name }) => name.endsWith('/team'))
    expect(team.map(({ name }) => name)).toEqual([inside('allowed', 'team')])
    expect(readdirSync(inside('forbidden'))).toEqual([])
    expect(readdirSync(inside('allowed-not'))).toEqual([])
  })

  test('a link that leads elsewhere later is not followed out of it', async () => {
    await server.createFeed('later')
    mkdirSync(inside('allowed', 'real'))
    expect((await setFolder('later', inside('allowed', 'real', 'deep'))).status).toBe(200)
    symlinkSync(inside('forbidden'), inside('allowed', 'turned'))
    expect((await setFolder('later', inside('allowed', 'turned', 'deep'))).status).toBe(422)
  })
})

test("a just made registry's jobs can be changed", async () => {
  await using slow = await startServer({}, { jobTimes: { tickMs: 600_000 } })
  await slow.createFeed('young')
  const headers = { authorization: slow.admin }
  const target = '/api/jobs/update?job=FeedCleanup&feed=young'
  const answer = await askApi(slow.url, { target, headers, json: { enabled: false } })
  expect(answer.status, JSON.stringify(answer.body)).toBe(200)
  expect(answer.body).toMatchObject({ feed: 'young', enabled: false })
})

describe('secrets of a store', () => {
  const s3 = storeKinds.find(({ id }) => id === 's3') as (typeof storeKinds)[number]
  const place = { BucketName: 'b', RegionEndpoint: 'r' }
  const kept = { SecretAccessKey: 'kept' }
  test.each([
    ['left out', { AccessKey: 'a' }, kept],
    ['empty', { AccessKey: 'a', SecretAccessKey: '' }, kept],
    ['new', { AccessKey: 'a', SecretAccessKey: 'new' }, { SecretAccessKey: 'new' }],
    ['without the key that it belongs to', {}, {}],
    ['null, without a key', { SecretAccessKey: null }, {}],
  ])('%s', (_name, given, secrets) => {
    expect(parseProperties(s3, { ...place, ...given }, kept).secrets).toEqual(secrets)
  })

  test('one that is removed is missing where its key stays', () => {
    const given = { ...place, AccessKey: 'a', secretaccesskey: null }
    expect(() => parseProperties(s3, given, kept)).toThrow(/SecretAccessKey is needed/)
  })

  test('are no part of an address, which is shown', () => {
    const azure = storeKinds.find(({ id }) => id === 'azure') as (typeof storeKinds)[number]
    const ContainerUrl = 'https://a.blob.core.windows.net/images'
    expect(parseProperties(azure, { ContainerUrl }).place).toEqual({ ContainerUrl })
    const signed = { ContainerUrl: `${ContainerUrl}?sv=2024-11-04&sig=secret` }
    expect(() => parseProperties(azure, signed)).toThrow(/without a question mark/)
  })
})

describe('stores are opened when they are used', () => {
  test('one whose secret cannot be read, or is served elsewhere, is trouble for itself alone', async () => {
    await using folder = makeTemporaryFolder('lazy')
    await using db = await openDatabase({ url: `sqlite:${path.join(folder.path, 'x.db')}` })
    const settings = JSON.stringify({ BucketName: 'b' })
    await db.write(saveStore, { type: 's3', settings, options: '{}', secret: 'no cipher text' })
    let opened = 0
    await using stores = await openStores({
      ...{
        db,
        dataDir: folder.path,
        secrets: openEncryption(Buffer.alloc(32)),
        defaultStore: null,
      },
      openCloud: async () => openMemoryStore(),
      async openDisk() {
        opened += 1
        return { id: 'm', store: await openMemoryStore() }
      },
    })
    expect(opened).toBe(0)
    await stores.refresh()
    const [broken, standard] = stores.list()
    await expect(broken?.store.check()).rejects.toThrow()
    await standard?.store.check()
    await standard?.store.check()
    expect(opened).toBe(1)
    // Defined by another process since.
    const other = await db.write(ensureStore, { type: 'disk', settings: '{"path":"y"}' })
    await stores.get(other.id).check()
    expect(opened).toBe(2)
  })
})
