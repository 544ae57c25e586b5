import { mkdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { type Client, call } from '../../contract/call.ts'
import { type Db, openDatabase } from '../../server/db/database.ts'
import { runJob } from '../cleanup/cleaner.ts'
import { storedBytes } from '../cleanup/stored-files.ts'
import { openWorld, type World } from '../cleanup/world.ts'
import { clientOf } from '../support/api-call.ts'
import { runSuccessfully } from '../support/command.ts'
import { contentWrites, hourMs, runSql, statementsThatAge } from '../support/database-content.ts'
import { describeWith } from '../support/describe-with.ts'
import { makeOciLayout, type OciLayout } from '../support/oci-layout.ts'
import { needs } from '../support/require.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'

const skopeo = needs({ program: 'skopeo', package: 'skopeo' })
const clean = 'job=FeedCleanup&feed=main'
const folder = makeTemporaryFolder('clean-up-test')

afterAll(() => folder[Symbol.asyncDispose]())

describeWith('what skopeo pushed, tagged twice', [skopeo.reason], () => {
  let server: TestServer
  let admin: Client
  let world: World
  let db: Db
  let layout: OciLayout
  let lone: OciLayout
  const place = { feed: 'main', repo: 'team/multi' }

  beforeAll(async () => {
    server = await startServer({}, { jobTimes: { tickMs: 50, beatMs: 50 } })
    const { url, admin: authorization } = server
    admin = clientOf(url, authorization)
    world = openWorld({ url, authorization, graceMs: hourMs, repositories: [] })
    db = await openDatabase({ url: server.config.databaseUrl, writes: contentWrites })
    layout = await newLayout('multi')
    lone = await newLayout('lone')
    await copyTo(layout, ':1')
    await copyTo(layout, ':2')
    await copyTo(lone, ':3')
    await call(admin, api.tags.delete, { query: { ...place, tag: '3' } })
  })
  afterAll(async () => {
    await db[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
  })

  test('loses one tag, and pulls by the other and by digest', async () => {
    await call(admin, api.tags.delete, { query: { ...place, tag: '1' } })
    await cleanWhenTimeHasPassed()
    await expectPulls(layout, ':2')
    await expectPulls(layout, `@${layout.indexDigest}`)
    await expectPulls(lone, `@${lone.indexDigest}`)
    await expectToAddUp(bytesIn(layout) + bytesIn(lone))
  })

  test('is deleted, stays for the grace time, and is gone from the disk after that', async () => {
    const target = { ...place, images: [layout.indexDigest] }
    const preview = await call(admin, api.deletions.preview, { body: target })
    expect(preview.freedBytes).toBe(bytesIn(layout))
    await run('delete', ...creds(''), image(':2'))
    await runJob(world, clean)
    expect(storedBytes(server.config.dataDir)).toBe(bytesIn(layout) + bytesIn(lone))
    const counts = await cleanWhenTimeHasPassed()
    expect(counts).toMatchObject({ manifests: 2, bytesFreed: bytesIn(layout) })
    await expectToAddUp(bytesIn(lone))
    // Nobody deleted it, and no rule is for it.
    await expectPulls(lone, `@${lone.indexDigest}`)
    expect(world.faults).toEqual([])
  })

  /** Orphans, links and bytes wait for each other, an hour each; what went, added up. */
  async function cleanWhenTimeHasPassed(): Promise<Readonly<Record<string, number>>> {
    const sums: Record<string, number> = {}
    for (let round = 0; round < 4; round += 1) {
      for (const statement of statementsThatAge(2 * hourMs + 1)) {
        await db.write(runSql, { statement })
      }
      const { counts } = await runJob(world, clean)
      for (const [what, by] of Object.entries(counts)) sums[what] = (sums[what] ?? 0) + by
    }
    return sums
  }

  /** The server's figures, the folder, and what was pushed. */
  async function expectToAddUp(bytes: number): Promise<void> {
    const { stores, deduplicatedBytes } = await call(admin, api.sizes.server, {})
    const [store] = stores
    expect(deduplicatedBytes).toBe(bytes)
    expect(store).toMatchObject({ blobBytes: bytes, freedBytes: 0, uploadBytes: 0 })
    expect(storedBytes(server.config.dataDir)).toBe(bytes)
  }

  async function expectPulls({ contents }: OciLayout, reference: string): Promise<void> {
    const back = path.join(folder.path, `back-${Math.random()}`)
    await run('copy', '--all', ...creds('src-'), image(reference), `oci:${back}:1`)
    for (const [digest, content] of contents) {
      const file = path.join(back, 'blobs/sha256', digest.slice('sha256:'.length))
      expect(await readFile(file), digest).toEqual(content)
    }
  }

  function copyTo({ reference }: OciLayout, tag: string): Promise<string> {
    return run('copy', '--all', ...creds('dest-'), reference, image(tag))
  }

  function creds(side: '' | 'src-' | 'dest-'): string[] {
    return [`--${side}tls-verify=false`, `--${side}creds`, `Admin:${server.adminPassword}`]
  }

  function image(reference: string): string {
    return `docker://${new URL(server.url).host}/main/team/multi${reference}`
  }
})

/** Without manifests, which lie in the database. */
function bytesIn({ contents, indexDigest, manifestDigests }: OciLayout): number {
  const manifests = [indexDigest, ...manifestDigests]
  return [...contents]
    .filter(([digest]) => !manifests.includes(digest))
    .reduce((sum, [, { byteLength }]) => sum + byteLength, 0)
}

async function newLayout(name: string): Promise<OciLayout> {
  const inside = path.join(folder.path, name)
  await mkdir(inside)
  return makeOciLayout(inside, name)
}

function run(...args: readonly string[]): Promise<string> {
  const env = { ...process.env, XDG_RUNTIME_DIR: folder.path, HOME: folder.path }
  return runSuccessfully(skopeo.file, ['--insecure-policy', ...args], { env })
}
