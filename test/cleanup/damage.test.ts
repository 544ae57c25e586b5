import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunInfo } from '../../contract/jobs.ts'
import { image } from '../support/content.ts'
import { pushImage } from '../support/push.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { logOf, runJob, runJobWithFaults } from './cleaner.ts'
import { fileOf, flipByte } from './stored-files.ts'
import { demand, openWorld, type World } from './world.ts'

let server: TestServer
let world: World
beforeAll(async () => {
  server = await startServer()
  const { url, admin: authorization } = server
  world = openWorld({ url, authorization, graceMs: 0, repositories: ['main/app'] })
  const set = '/api/settings/set?name=Integrity.MegabytesPerSecond&value=0'
  await demand(world, { method: 'POST', path: set }, [200])
})
afterAll(() => server[Symbol.asyncDispose]())

const table = () => ({ url: server.url, callers: { admin: server.admin } })
const store = () => path.join(server.config.dataDir, 'store')

async function headOf(digest: string): Promise<number> {
  const path = `/v2/main/app/blobs/${digest}`
  return (await demand(world, { method: 'HEAD', path }, [200, 404])).status
}

const runWithFaults = (query: string): Promise<RunInfo> => runJobWithFaults(world, query)

test('a flipped byte and a missing file are found, named, and healed by a push', async () => {
  const whole = image('whole')
  const hurt = image('hurt')
  await pushImage(table(), 'main/app', whole, ['whole'])
  await pushImage(table(), 'main/app', hurt, ['v1'])
  const [flipped, missing] = hurt.layers
  if (!flipped || !missing) throw new Error('the image has two layers')
  const { dataDir } = server.config
  flipByte(fileOf(dataDir, flipped.digest))
  rmSync(fileOf(dataDir, missing.digest))
  expect(await headOf(flipped.digest)).toBe(200)

  const found = await runWithFaults('job=FeedIntegrity&feed=main')
  expect(found).toMatchObject({ state: 'succeeded', errors: 2, counts: { damaged: 2, checked: 6 } })
  const log = await logOf(world, found)
  expect(log).toContain(flipped.digest)
  expect(log).toContain(missing.digest)
  expect(log).toContain(`main/app:v1 (${hurt.manifest.digest})`)
  expect(log).not.toContain('main/app:whole')
  for (const { digest } of [flipped, missing]) expect(await headOf(digest)).toBe(404)
  for (const { digest } of whole.blobs) expect(await headOf(digest)).toBe(200)

  await pushImage(table(), 'main/app', hurt, ['v1'])
  for (const { digest } of hurt.blobs) expect(await headOf(digest)).toBe(200)
  const again = await runWithFaults('job=FeedIntegrity&feed=main')
  expect(again).toMatchObject({ errors: 0, counts: { checked: 6 } })
})

test('what was marked and is whole again comes back by itself', async () => {
  const restored = image('restored')
  await pushImage(table(), 'main/app', restored, ['restored'])
  const [layer] = restored.layers
  if (!layer) throw new Error('the image has layers')
  const file = fileOf(server.config.dataDir, layer.digest)
  rmSync(file)
  const missed = await runWithFaults('job=StorageReconcile')
  expect(missed).toMatchObject({ errors: 1, counts: { damaged: 1 } })
  expect(await headOf(layer.digest)).toBe(404)
  writeFileSync(file, layer.bytes)
  const run = await runWithFaults('job=FeedIntegrity&feed=main')
  expect(run).toMatchObject({ errors: 0, counts: { mended: 1 } })
  expect(await headOf(layer.digest)).toBe(200)
})

test('bytes that no row names go at the second pass, a grace time later', async () => {
  const grace = (seconds: number) =>
    demand(
      world,
      {
        method: 'POST',
        path: `/api/settings/set?name=Cleanup.GraceSeconds&value=${seconds}`,
      },
      [200],
    )
  mkdirSync(path.join(store(), 'blobs', 'aa'), { recursive: true })
  const strays = ['blobs/aa/aaaaaaaa-lost', 'uploads/bbbbbbbb-lost'].map((each) =>
    path.join(store(), each),
  )
  for (const stray of strays) writeFileSync(stray, 'lost')
  const started = await demand(
    world,
    { method: 'POST', path: '/v2/main/app/blobs/uploads/' },
    [202],
  )
  const dry = await runJob(world, 'job=StorageReconcile&dryRun=true')
  expect(dry.counts.strays).toBe(2)
  await grace(3600)
  for (let pass = 0; pass < 2; pass += 1) {
    const early = await runJob(world, 'job=StorageReconcile')
    expect(early.counts).toMatchObject({ strays: 2 })
    expect(early.counts.files).toBeUndefined()
  }
  expect(strays.map((each) => existsSync(each))).toEqual([true, true])
  await grace(0)
  const late = await runJob(world, 'job=StorageReconcile')
  expect(late.counts).toMatchObject({ strays: 2, files: 2, bytesFreed: 8 })
  expect(strays.map((each) => existsSync(each))).toEqual([false, false])
  expect((await runJob(world, 'job=StorageReconcile')).counts.strays).toBeUndefined()
  // An upload that has begun is no stray.
  const upload = started.headers.location ?? ''
  await demand(world, { method: 'GET', path: upload }, [204])
  expect(world.faults).toEqual([])
})
