import { readdirSync } from 'node:fs'
import { rename, rm, truncate } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Db, openDatabase } from '../../server/db/database.ts'
import { type Content, contentOf, image, seededBytes } from '../support/content.ts'
import { type MemoryLog, openMemoryLog } from '../support/memory-log.ts'
import { pushImage } from '../support/push.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { type Answer, jsonOf, send } from '../support/wire.ts'

let server: TestServer
let db: Db
let memory: MemoryLog
let serial = 0

beforeAll(async () => {
  memory = openMemoryLog()
  server = await startServer({}, { log: memory.log })
  db = await openDatabase({ url: server.config.databaseUrl })
})

afterAll(async () => {
  await db[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

beforeEach(() => memory.clear())

const ask = (method: string, target: string, body?: Uint8Array): Promise<Answer> =>
  send(server.url, {
    method,
    target,
    headers: { authorization: server.admin },
    ...(body && { body }),
  })

const push = (name: string, content: Content) =>
  ask('POST', `/v2/main/${name}/blobs/uploads/?digest=${content.digest}`, content.bytes)

async function pushedBlob(sizeBytes = 300_000): Promise<{ content: Content; target: string }> {
  serial += 1
  const content = contentOf(seededBytes(`damage ${serial}`, sizeBytes))
  expect((await push('app', content)).status).toBe(201)
  return { content, target: `/v2/main/app/blobs/${content.digest}` }
}

async function rowOf(content: Content) {
  return await db.read
    .selectFrom('blobs')
    .select(['location', 'state'])
    .where('digest', '=', content.digest)
    .executeTakeFirstOrThrow()
}

async function fileOf(content: Content): Promise<string> {
  const { location } = await rowOf(content)
  const store = path.join(server.config.dataDir, 'store')
  const found = readdirSync(store, { recursive: true, encoding: 'utf8' }).find(
    (file) => path.basename(file) === location,
  )
  if (found === undefined) throw new Error(`no file ${location}`)
  return path.join(store, found)
}

const codeOf = (answer: Answer) =>
  (jsonOf(answer) as { errors: { code: string; message: string }[] }).errors[0]?.code

const harms: readonly (readonly [string, (file: string) => Promise<void>])[] = [
  ['removed', (file) => rm(file)],
  ['truncated', (file) => truncate(file, 100_000)],
  ['emptied', (file) => truncate(file, 0)],
]

describe.for(harms)('a blob whose file was %s', ([, harm]) => {
  test('is 404 and an error in the log, and the next push heals it', async () => {
    const { content, target } = await pushedBlob()
    await harm(await fileOf(content))
    const damaged = await ask('GET', target)
    expect(damaged.status).toBe(404)
    expect(codeOf(damaged)).toBe('BLOB_UNKNOWN')
    const lines = memory.lines().filter((line) => line.level >= 50)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatchObject({ digest: content.digest })
    expect((await ask('HEAD', target)).status).toBe(404)
    expect((await rowOf(content)).state).toBe('damaged')
    // A mount would spread it.
    const mount = await ask(
      'POST',
      `/v2/main/b/blobs/uploads/?mount=${content.digest}&from=main/app`,
    )
    expect(mount.status).toBe(202)
    expect((await push('app', content)).status).toBe(201)
    expect((await rowOf(content)).state).toBe('live')
    expect((await ask('HEAD', target)).status).toBe(200)
    const healed = await ask('GET', target)
    expect(healed.status).toBe(200)
    expect(healed.body.equals(content.bytes)).toBe(true)
  })

  test('is asked for with a range: 404 too, and many readers make one line', async () => {
    const { content, target } = await pushedBlob()
    await harm(await fileOf(content))
    const answers = await Promise.all(
      Array.from({ length: 12 }, () =>
        send(server.url, {
          method: 'GET',
          target,
          headers: { authorization: server.admin, range: 'bytes=0-10' },
        }),
      ),
    )
    expect(answers.map((answer) => answer.status)).toEqual(answers.map(() => 404))
    expect(memory.lines().filter((line) => line.level >= 50)).toHaveLength(1)
  })

  test('heals through another repository of the store, for both', async () => {
    const { content, target } = await pushedBlob()
    await harm(await fileOf(content))
    await ask('GET', target)
    expect((await push('other', content)).status).toBe(201)
    expect((await ask('GET', target)).status).toBe(200)
  })
})

test('a manifest is refused while one of its layers is damaged', async () => {
  const one = image('damaged layer')
  const table = { url: server.url, callers: { admin: server.admin } }
  await pushImage(table, 'main/damaged', one, ['v1'])
  const [layer] = one.layers
  if (!layer) throw new Error('no layer')
  await rm(await fileOf(layer))
  expect((await ask('GET', `/v2/main/damaged/blobs/${layer.digest}`)).status).toBe(404)
  const put = () =>
    send(server.url, {
      method: 'PUT',
      target: '/v2/main/damaged/manifests/v2',
      headers: { authorization: server.admin, 'content-type': one.manifest.mediaType },
      body: one.manifest.bytes,
    })
  // Clients that find the manifest push no layers: to one who may push it is not there.
  const byTag = {
    target: '/v2/main/damaged/manifests/v1',
    headers: { authorization: server.admin },
  }
  expect((await send(server.url, { method: 'HEAD', ...byTag })).status).toBe(404)
  expect((await send(server.url, { method: 'GET', ...byTag })).status).toBe(200)
  const refused = await put()
  expect(refused.status).toBe(400)
  expect(codeOf(refused)).toBe('MANIFEST_BLOB_UNKNOWN')
  await push('damaged', layer)
  expect((await put()).status).toBe(201)
  expect((await send(server.url, { method: 'HEAD', ...byTag })).status).toBe(200)
})

describe('a store that is not there', () => {
  test('is 503 for everything that needs bytes, and no damage', async () => {
    const { content, target } = await pushedBlob()
    const open = await ask('POST', '/v2/main/app/blobs/uploads/')
    const location = open.headers.location ?? ''
    await ask('PATCH', location, Buffer.alloc(1000))
    const store = path.join(server.config.dataDir, 'store')
    await rename(store, `${store}.away`)
    try {
      for (const [method, where, body] of [
        ['GET', target, undefined],
        ['PATCH', location, Buffer.alloc(10)],
        ['PUT', `${location}?digest=${content.digest}`, undefined],
        ['POST', '/v2/main/app/blobs/uploads/', undefined],
        ['POST', `/v2/main/app/blobs/uploads/?digest=${content.digest}`, content.bytes],
      ] as const) {
        const answer = await ask(method, where, body)
        expect(answer.status, `${method} ${where}: ${answer.body.toString()}`).toBe(503)
        expect(codeOf(answer)).toBe('UNAVAILABLE')
        expect(answer.body.toString()).not.toContain(server.config.dataDir)
      }
      expect((await ask('HEAD', target)).status).toBe(200)
      expect((await rowOf(content)).state).toBe('live')
    } finally {
      await rename(`${store}.away`, store)
    }
    expect((await ask('GET', target)).status).toBe(200)
    const status = await ask('GET', location)
    expect(status.headers.range).toBe('0-999')
    expect((await ask('PATCH', location, Buffer.alloc(10))).status).toBe(202)
  })
})
