import { randomBytes } from 'node:crypto'
import { constants, copyFileSync, cpSync, mkdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, inject, test } from 'vitest'
import type { Bucket } from '../../server/blobs/bucket.ts'
import { openDatabase } from '../../server/db/database.ts'
import { logOf, runJob } from '../cleanup/cleaner.ts'
import { beginLoad } from '../cleanup/load.ts'
import { demand, manage, openWorld, type World } from '../cleanup/world.ts'
import { askApi } from '../support/api-call.ts'
import { buildServer } from '../support/build.ts'
import { type Cloud, type CloudPlace, clouds } from '../support/cloud-stores.ts'
import { runCommand, runSuccessfully } from '../support/command.ts'
import { type Image, image } from '../support/content.ts'
import { listViolations } from '../support/database-invariants.ts'
import { createDatabase } from '../support/postgres.ts'
import { adminPassword, startProcess } from '../support/process.ts'
import { pushImage } from '../support/push.ts'
import { basicAuthorization } from '../support/registry-client.ts'
import { needs } from '../support/require.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { keptOf, pullWhole, splitName } from './kept.ts'

const seed = Number(process.env.ENTREPOT_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32))
const rgw = clouds.find(({ name }) => name === 'RGW')
const dumping = ['pg_dump', 'pg_restore'].map((program) => {
  return needs({ program, package: 'postgresql-client' }).reason
})
const missing = [inject('postgresMissing'), rgw?.missing ?? 'RGW', ...dumping]
  .filter((reason) => reason !== '')
  .join(', ')
const doomedAtOnce = 8
const repositories = ['main/app', 'main/team/app']
const authorization = basicAuthorization('Admin', adminPassword)

/** docs/backup.md, "PostgreSQL", step by step; `aws s3 sync` is `copyPrefix`. */
describe.skipIf(missing !== '')(`a server on PostgreSQL and S3 ${missing}`, () => {
  test(`is backed up while it is used, lost, and restored elsewhere (seed ${seed})`, {
    timeout: 300_000,
  }, async () => {
    await using folder = makeTemporaryFolder('postgres-procedure')
    await using cloud = (await rgw?.start()) as Cloud
    const place = await cloud.newPlace()
    await using bucket = place.openBucket()
    const below = (name: string) => path.join(folder.path, name)
    const kept = await useAndBackUp({ below, bucket, place })
    await removePrefix(bucket, 'entrepot/')
    await rm(below('data'), { recursive: true })
    await restoreAndCompare({ below, bucket, place, kept })
  })
})

interface Setting {
  readonly below: (name: string) => string
  readonly bucket: Bucket
  readonly place: CloudPlace
}

/** Names of images that were acknowledged before it began, and not taken back until it had ended. */
async function useAndBackUp({ below, bucket, place }: Setting): Promise<string[]> {
  const databaseUrl = await newDatabase()
  const env = { ENTREPOT_DATABASE_URL: databaseUrl }
  mkdirSync(below('data'))
  mkdirSync(below('backup'))
  await using server = await startProcess({ dataDir: below('data'), env })
  const world = openWorld({ url: server.url, authorization, graceMs: 1000, repositories })
  await storeIn(world, place, 'entrepot')
  const entrepot = commandOf(below('data'), databaseUrl)
  await entrepot(['feed', 'set', 'main', '--tag-deletion', 'on'])
  await manage(world, 'POST', '/api/settings/set?name=Cleanup.GraceSeconds&value=1')
  const { clients, stop, load } = beginLoad(world, { seed, clients: 3, feeds: ['main'] })
  const doomed = await pushDoomed(world)
  await until(() => (world.counts.get('cleaned blobs') ?? 0) > 0 && keptOf(clients).length > 4)
  const before = keptOf(clients)

  const id = (await entrepot(['backup', 'hold', '--hours', '24'])).trim()
  await runSuccessfully('pg_dump', ['-Fc', '-f', below('backup/entrepot.dump'), databaseUrl])
  const cleaned = world.counts.get('cleaned blobs') ?? 0
  // Deleted once they are dumped: only the backup still needs them.
  for (const { manifest } of doomed) {
    const gone = `/v2/main/doomed/manifests/${manifest.digest}`
    await demand(world, { method: 'DELETE', path: gone }, [202])
  }
  await until(() => (world.counts.get('cleaned blobs') ?? 0) > cleaned + doomedAtOnce)
  // Without the hold their bytes would be gone by then.
  await sleep(3 * world.graceMs)
  await copyPrefix(bucket, 'entrepot/', 'backup/')
  copyFileSync(path.join(below('data'), 'secret.key'), below('backup/secret.key'))
  cpSync(path.join(below('data'), 'store'), below('backup/store'), { recursive: true })
  await entrepot(['backup', 'release', id])

  const after = new Set(keptOf(clients))
  stop.abort()
  await load
  expect(world.faults).toEqual([])
  world.agent.destroy()
  expect(await server.stop()).toBe(0)
  return [
    ...doomed.map(({ manifest }) => `main/doomed@${manifest.digest}`),
    ...before.filter((each) => after.has(each)),
  ]
}

async function restoreAndCompare(of: Setting & { readonly kept: readonly string[] }) {
  const { below, bucket, place, kept } = of
  const databaseUrl = await newDatabase()
  mkdirSync(below('new'))
  const restore = ['--exit-on-error', '--no-owner', '-d', databaseUrl]
  await runSuccessfully('pg_restore', [...restore, below('backup/entrepot.dump')])
  await copyPrefix(bucket, 'backup/', 'restored/')
  cpSync(below('backup/store'), below('new/store'), { recursive: true })
  const entrepot = commandOf(below('new'), databaseUrl)
  const stores: { id: number; place: string; registries: string[] }[] = JSON.parse(
    await entrepot(['store', 'list', '--json']),
  )
  const store = stores.find(({ registries }) => registries.includes('main'))
  expect(store?.place).toMatch(/^s3 .*\/entrepot\/$/)
  // Options come with the database, the secret with its key.
  const { BucketName, CustomServiceUrl } = place.properties
  const there = { id: 's3', properties: { BucketName, CustomServiceUrl, TargetPath: 'restored' } }
  const wrong = { ...there, properties: { ...there.properties, TargetPath: 'nothing' } }
  const id = String(store?.id)
  await expect(entrepot(['store', 'place', id], JSON.stringify(there))).rejects.toThrow(
    /There is no secret\.key in /,
  )
  copyFileSync(below('backup/secret.key'), below('new/secret.key'), constants.COPYFILE_EXCL)
  await expect(entrepot(['store', 'place', id], JSON.stringify(wrong))).rejects.toThrow(
    /is not there: its marker nothing\/entrepot-store\.json is missing/,
  )
  await expect(entrepot(['store', 'place', id], 'restored')).rejects.toThrow(/is not a store: /)
  await expect(entrepot(['store', 'place', '99'], JSON.stringify(there))).rejects.toThrow(
    'There is no store 99',
  )
  const standard = stores.find(({ place: where }) => where.startsWith('disk '))
  await expect(
    entrepot(['store', 'place', String(standard?.id)], JSON.stringify(there)),
  ).rejects.toThrow('cannot be said to be elsewhere')
  await entrepot(['store', 'place', id], JSON.stringify(there))

  const env = { ENTREPOT_DATABASE_URL: databaseUrl }
  await using server = await startProcess({ dataDir: below('new'), env })
  const world = openWorld({ url: server.url, authorization, graceMs: 1000, repositories })
  expect(kept.length).toBeGreaterThanOrEqual(doomedAtOnce)
  for (const name of kept) await pullWhole(world, splitName(name))
  for (const job of ['job=StorageReconcile', 'job=FeedIntegrity&feed=main']) {
    const run = await runJob(world, job)
    expect({ state: run.state, log: await logOf(world, run) }).toMatchObject({
      state: 'succeeded',
      log: expect.not.stringMatching(/missing|damaged/i),
    })
  }
  expect(world.faults).toEqual([])
  const again = image(`after ${seed}`)
  const table = { url: world.url, callers: { admin: authorization } }
  await pushImage(table, 'main/after', again, ['1'])
  await pullWhole(world, { repository: 'main/after', digest: again.manifest.digest })
  process.stdout.write(`PostgreSQL's procedure, seed ${seed}: ${kept.length} images came back\n`)
  world.agent.destroy()
  expect(await server.stop()).toBe(0)
  // What the original had is where nobody looks any more.
  expect(await bucket.list({ prefix: 'entrepot/', after: null, count: 1 })).toEqual([])
  await using db = await openDatabase({ url: databaseUrl })
  expect(await listViolations(db.read)).toEqual([])
}

function newDatabase(): Promise<string> {
  return createDatabase(inject('postgresUrl'), `procedure_${randomBytes(6).toString('hex')}`)
}

async function storeIn(world: World, { id, properties }: CloudPlace, prefix: string) {
  const { status, body } = await askApi(world.url, {
    ...{ method: 'POST', target: '/api/storage?feed=main', headers: { authorization } },
    json: { id, properties: { ...properties, TargetPath: prefix } },
  })
  expect(status, JSON.stringify(body)).toBe(200)
  // Feeds are looked up anew after a second.
  await sleep(1100)
}

async function pushDoomed(world: World): Promise<Image[]> {
  const table = { url: world.url, callers: { admin: authorization } }
  const images = Array.from({ length: doomedAtOnce }, (_, at) => image(`doomed ${seed} ${at}`))
  for (const [at, each] of images.entries()) {
    await pushImage(table, 'main/doomed', each, [`${at}`])
  }
  return images
}

async function until(isSo: () => boolean): Promise<void> {
  await expect.poll(isSo, { timeout: 120_000, interval: 50 }).toBe(true)
}

/** Its standard output. Throws what it said where it failed. */
function commandOf(dataDir: string, databaseUrl: string) {
  return async (args: readonly string[], input?: string): Promise<string> => {
    const main = await buildServer()
    const { code, stdout, output } = await runCommand(process.execPath, [main, ...args], {
      env: {
        ...process.env,
        ENTREPOT_DATA_DIR: dataDir,
        ENTREPOT_DATABASE_URL: databaseUrl,
      },
      cwd: '/',
      ...(input !== undefined && { input }),
    })
    if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${output}`)
    return stdout
  }
}

/** As `aws s3 sync` within a bucket: page by page, while others write and remove. */
async function copyPrefix(bucket: Bucket, from: string, to: string): Promise<void> {
  let after: string | null = null
  for (;;) {
    const page = await bucket.list({ prefix: from, after, count: 100 })
    for (const { key, sizeBytes } of page) {
      const body = await bucket.get(key, { start: 0, end: sizeBytes - 1 })
      // It went after it was listed: the dump does not need it.
      if (body === undefined) continue
      await bucket.put(`${to}${key.slice(from.length)}`, await buffer(body))
    }
    after = page.at(-1)?.key ?? null
    if (after === null) return
  }
}

async function removePrefix(bucket: Bucket, prefix: string): Promise<void> {
  const all = await bucket.list({ prefix, after: null, count: 100_000 })
  await bucket.delete(all.map(({ key }) => key))
}
