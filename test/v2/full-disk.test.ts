import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { rm, stat, statfs, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type App, openApp } from '../../server/app.ts'
import { readTraces } from '../../server/config/traces.ts'
import type { Config } from '../../server/config.ts'
import { type Content, contentOf, image, seededBytes } from '../support/content.ts'
import { openRequest } from '../support/open-request.ts'
import { pushImage } from '../support/push.ts'
import { noBucket } from '../support/server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { type Answer, basic, jsonOf, send } from '../support/wire.ts'

const mebibyte = 1024 * 1024
const password = 'correct horse battery staple'
const headers = { authorization: basic('Admin', password) }

/** A small file system of its own, where that is allowed. */
function mountSmall(folder: string, size: string): boolean {
  mkdirSync(folder)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'none', folder], {
      stdio: 'ignore',
    })
    return true
  } catch {
    return false
  }
}

const folder = makeTemporaryFolder('full-disk')
const dataDir = path.join(folder.path, 'data')
const databaseDir = path.join(folder.path, 'database')
const mounted = [mountSmall(dataDir, '40m'), mountSmall(databaseDir, '8m')]
const canMount = mounted.every(Boolean)

afterAll(async () => {
  for (const [i, dir] of [dataDir, databaseDir].entries()) {
    if (mounted[i]) execFileSync('umount', ['-l', dir])
  }
  await folder[Symbol.asyncDispose]()
})

const configOf = (databaseFile: string): Config => ({
  listen: { host: '127.0.0.1', port: 0 },
  dataDir,
  databaseUrl: `sqlite:${databaseFile}`,
  baseUrl: null,
  trustProxy: [],
  tls: null,
  adminPassword: password,
  secretKey: null,
  logLevel: 'silent',
  metrics: 'admin',
  diskReserveBytes: 4 * mebibyte,
  storageRoots: [],
  defaultStore: null,
  backup: { to: null, keep: 7, bytesPerSecond: 0, s3: noBucket },
  traces: readTraces(() => undefined, []),
})

const messageOf = (answer: Answer) =>
  (jsonOf(answer) as { errors: { message: string }[] }).errors[0]?.message ?? ''

function some(seed: string, sizeBytes: number): Content {
  return contentOf(seededBytes(`full ${seed}`, sizeBytes))
}

const name = canMount ? 'a full disk' : 'a full disk (skipped: needs the right to mount a tmpfs)'

describe.skipIf(!canMount)(name, () => {
  let app: App
  const ask = (method: string, target: string, body?: Uint8Array) =>
    send(app.url, { method, target, headers, ...(body && { body }) })
  const push = (content: Content) =>
    ask('POST', `/v2/main/app/blobs/uploads/?digest=${content.digest}`, content.bytes)
  const freeBytes = async () => {
    const { bavail, bsize } = await statfs(dataDir)
    return bavail * bsize
  }

  beforeAll(async () => {
    app = await openApp(configOf(path.join(databaseDir, 'entrepot.db')))
  })
  afterAll(() => app[Symbol.asyncDispose]())

  test('a push that does not fit is 507 and says so; smaller ones still fit afterwards', async () => {
    const kept = some('kept', 2 * mebibyte)
    expect((await push(kept)).status).toBe(201)
    const free = await freeBytes()
    const start = await ask('POST', '/v2/main/app/blobs/uploads/')
    const location = start.headers.location ?? ''
    await ask('PATCH', location, kept.bytes)
    const refused = await ask('PATCH', location, seededBytes('huge', 50 * mebibyte))
    expect(refused.status).toBe(507)
    expect(messageOf(refused)).toMatch(/free/)
    // What nobody vouches for does not keep others out.
    expect(await freeBytes()).toBeGreaterThan(free - 4 * mebibyte)
    expect((await ask('GET', location)).headers.range).toBe(`0-${2 * mebibyte - 1}`)
    const small = some('small', mebibyte)
    expect((await push(small)).status).toBe(201)
    expect((await ask('GET', `/v2/main/app/blobs/${kept.digest}`)).body.equals(kept.bytes)).toBe(
      true,
    )
    expect((await ask('PUT', `${location}?digest=${kept.digest}`)).status).toBe(201)
  })

  test('a whole push that does not fit leaves nothing behind', async () => {
    const free = await freeBytes()
    const huge = some('whole', 50 * mebibyte)
    expect((await push(huge)).status).toBe(507)
    expect(await freeBytes()).toBeGreaterThanOrEqual(free)
  })

  test('full to the brim: pulls go on, pushes are 507, and work again once there is room', async () => {
    const one = image('brim')
    const table = { url: app.url, callers: { admin: headers.authorization } }
    await pushImage(table, 'main/brim', one, ['v1'])
    const ballast = path.join(dataDir, 'ballast')
    await writeFile(ballast, Buffer.alloc((await freeBytes()) + mebibyte)).catch(() => undefined)
    expect(await freeBytes()).toBe(0)
    const extra = some('extra', 100_000)
    for (let i = 0; i < 5; i += 1) expect((await push(extra)).status).toBe(507)
    for (const content of one.blobs) {
      const got = await ask('GET', `/v2/main/brim/blobs/${content.digest}`)
      expect(got.body.equals(content.bytes)).toBe(true)
    }
    expect((await ask('GET', '/v2/main/brim/manifests/v1')).status).toBe(200)
    expect((await ask('GET', '/v2/main/brim/tags/list')).status).toBe(200)
    await rm(ballast)
    expect((await push(extra)).status).toBe(201)
  })

  test('below the reserve: what nobody vouches for is given back, what is there can be closed', async () => {
    const kept = some('kept below', mebibyte)
    const location = (await ask('POST', '/v2/main/app/blobs/uploads/')).headers.location ?? ''
    const other = (await ask('POST', '/v2/main/app/blobs/uploads/')).headers.location ?? ''
    await ask('PATCH', location, kept.bytes)
    const more = { ...headers, 'content-length': String(9 * mebibyte) }
    const patch = openRequest(app.url, { method: 'PATCH', target: other, headers: more })
    await patch.write(seededBytes('below', 5 * mebibyte))
    const staged = path.join(dataDir, 'store', 'uploads', path.basename(other))
    const sizeBytes = async () => (await stat(staged)).size
    await expect.poll(sizeBytes).toBeGreaterThan(3 * mebibyte)
    const ballast = path.join(dataDir, 'ballast')
    await writeFile(ballast, Buffer.alloc((await freeBytes()) - mebibyte))
    // Free space is measured once a second.
    await sleep(1_100)
    patch.raw.end(seededBytes('more below', 4 * mebibyte))
    expect(await patch.answer).toMatchObject({ status: 507 })
    expect(await sizeBytes()).toBe(0)
    const closed = await ask('PUT', `${location}?digest=${kept.digest}`)
    expect(closed.status, closed.body.toString()).toBe(201)
    await rm(ballast)
    expect((await ask('DELETE', other)).status).toBe(204)
  })

  test('the database full: writes are 507, reads go on, and all is well once there is room', async () => {
    const one = image('database full')
    const table = { url: app.url, callers: { admin: headers.authorization } }
    await pushImage(table, 'main/db', one, ['v1'])
    const start = await ask('POST', '/v2/main/db/blobs/uploads/')
    const location = start.headers.location ?? ''
    const ballast = path.join(databaseDir, 'ballast')
    await writeFile(ballast, Buffer.alloc(16 * mebibyte)).catch(() => undefined)
    // The log file has some room of its own left: it takes a while to fill.
    const manifest = (i: number) => {
      const annotations = { filler: `${i}`.repeat(100_000) }
      const body = Buffer.from(
        JSON.stringify({ ...JSON.parse(one.manifest.bytes.toString()), annotations }),
      )
      return send(app.url, {
        method: 'PUT',
        target: `/v2/main/db/manifests/t${i}`,
        headers: { ...headers, 'content-type': one.manifest.mediaType },
        body,
      })
    }
    const accepted: number[] = []
    let refused: Answer | undefined
    for (let i = 0; i < 80 && !refused; i += 1) {
      const answer = await manifest(i)
      if (answer.status === 201) accepted.push(i)
      else refused = answer
    }
    expect(refused?.status).toBe(507)
    expect(messageOf(refused as Answer)).toMatch(/room/)
    // With the smallest write refused too, the whole server can still be read.
    expect((await ask('GET', '/v2/main/db/manifests/v1')).status).toBe(200)
    for (const i of accepted)
      expect((await ask('GET', `/v2/main/db/manifests/t${i}`)).status).toBe(200)
    for (const content of one.blobs) {
      const got = await ask('GET', `/v2/main/db/blobs/${content.digest}`)
      expect(got.body.equals(content.bytes)).toBe(true)
    }
    const layer = some('while the database is full', 10_000)
    const statuses = new Set<number>()
    for (let i = 0; i < 5; i += 1)
      statuses.add((await ask('PUT', `${location}?digest=${layer.digest}`, layer.bytes)).status)
    for (const status of statuses) expect([201, 507]).toContain(status)
    await rm(ballast)
    expect((await manifest(999)).status).toBe(201)
    expect((await ask('PUT', `${location}?digest=${layer.digest}`, layer.bytes)).status).toBe(201)
    expect((await ask('GET', `/v2/main/db/blobs/${layer.digest}`)).body.equals(layer.bytes)).toBe(
      true,
    )
    expect((await ask('GET', '/health')).status).toBe(200)
  })
})
