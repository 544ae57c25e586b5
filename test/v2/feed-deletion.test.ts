import { readdirSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openAdministration } from '../../server/administration.ts'
import { openApp } from '../../server/app.ts'
import { openDatabase } from '../../server/db/database.ts'
import { artifact, descriptor, image, index, seededBytes } from '../support/content.ts'
import { openRequest } from '../support/open-request.ts'
import { pushImage, pushManifest } from '../support/push.ts'
import { startServer } from '../support/server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { send } from '../support/wire.ts'

test('a deleted feed is out of reach at once, its content goes, and its name is free', async () => {
  await using folder = makeTemporaryFolder('feed-deletion')
  await using template = await startServer()
  const dataDir = path.join(folder.path, 'data')
  const config = { ...template.config, dataDir, databaseUrl: `sqlite:${folder.path}/data/db` }
  const headers = { authorization: template.admin }
  const one = image('doomed')
  const location = await (async () => {
    await using app = await openApp(config)
    await using administration = await openAdministration(config)
    const ask = (method: string, target: string, body?: Uint8Array) =>
      send(app.url, { method, target, headers, ...(body && { body }) })
    const table = { url: app.url, callers: { admin: template.admin } }
    await administration.feeds.create({ name: 'doomed', alternateNames: ['also'] })
    await pushImage(table, 'doomed/app', one, ['v1', 'v2'])
    await pushImage(table, 'main/app', one, ['v1'])
    await pushManifest(table, 'doomed/app', index([descriptor(one.manifest)]), 'multi')
    const signature = artifact('signature', 'application/vnd.example.signature', {
      subject: descriptor(one.manifest),
    })
    await pushImage(table, 'doomed/app', signature)
    const start = await ask('POST', '/v2/doomed/app/blobs/uploads/')
    const target = start.headers.location ?? ''
    await ask('PATCH', target, seededBytes('open upload', 100_000))
    const running = openRequest(app.url, { method: 'PATCH', target, headers })
    await running.write(seededBytes('running', 50_000))

    await administration.feeds.delete('doomed')
    await sleep(1100)
    for (const [method, where] of [
      ['GET', '/v2/doomed/app/manifests/v1'],
      ['GET', '/v2/also/app/manifests/v1'],
      ['HEAD', `/v2/doomed/app/blobs/${one.config.digest}`],
      ['GET', '/v2/doomed/app/tags/list'],
      ['GET', target],
      ['POST', '/v2/doomed/app/blobs/uploads/'],
      ['DELETE', `/v2/doomed/app/manifests/${one.manifest.digest}`],
    ] as const) {
      expect((await ask(method, where)).status, `${method} ${where}`).toBe(404)
    }
    expect((await ask('GET', '/v2/_catalog')).body.toString()).not.toContain('doomed')
    await administration.feeds.create({ name: 'doomed' })
    expect((await ask('GET', '/v2/doomed/app/manifests/v1')).status).toBe(404)
    // Two feeds share the bytes: a mount from the one that is left still works.
    const mount = `/v2/doomed/new/blobs/uploads/?mount=${one.config.digest}&from=main/app`
    expect((await ask('POST', mount)).status).toBe(201)
    running.hangUp()
    return target
  })()

  await using app = await openApp(config)
  await using db = await openDatabase({ url: config.databaseUrl })
  const deadline = performance.now() + 10_000
  const count = async () => (await db.read.selectFrom('feeds').selectAll().execute()).length
  while ((await count()) > 2 && performance.now() < deadline) await sleep(50)
  const feeds = await db.read.selectFrom('feeds').select(['id', 'name', 'active']).execute()
  expect(feeds.map((feed) => [feed.name, feed.active])).toEqual([
    ['main', 1],
    ['doomed', 1],
  ])
  const known = new Set(feeds.map((feed) => feed.id))
  const repositories = await db.read.selectFrom('repositories').selectAll().execute()
  for (const repository of repositories) expect(known).toContain(repository.feed_id)
  expect(await db.read.selectFrom('uploads').selectAll().execute()).toEqual([])
  expect(await db.read.selectFrom('manifests').selectAll().execute()).toHaveLength(1)
  expect(await db.read.selectFrom('tags').selectAll().execute()).toHaveLength(1)
  expect(readdirSync(path.join(dataDir, 'store', 'uploads'))).toEqual([])
  const ask = (method: string, target: string) => send(app.url, { method, target, headers })
  expect((await ask('GET', location)).status).toBe(404)
  for (const blob of one.blobs) {
    const got = await ask('GET', `/v2/main/app/blobs/${blob.digest}`)
    expect(got.body.equals(blob.bytes)).toBe(true)
  }
  expect((await ask('GET', '/v2/main/app/manifests/v1')).status).toBe(200)
})
