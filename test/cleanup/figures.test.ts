import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { api } from '../../contract/api.ts'
import { type Client, call } from '../../contract/call.ts'
import { clientOf, problemOf } from '../support/api-call.ts'
import { artifact, blob, descriptor, image, index, platform } from '../support/content.ts'
import { pushBlob, pushManifest } from '../support/push.ts'
import type { Table } from '../support/rows.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { cleanUntilQuiet } from './cleaner.ts'
import {
  type ExpectedRepository,
  expectedFigures,
  imageOf,
  indexOf,
  once,
  readFigures,
} from './expected-figures.ts'
import { storedBytes } from './stored-files.ts'
import { openWorld, type World } from './world.ts'

let server: TestServer
let admin: Client
let table: Table
let world: World
beforeAll(async () => {
  server = await startServer({}, { jobTimes: { tickMs: 50, beatMs: 50 } })
  await server.createFeed('other')
  admin = clientOf(server.url, server.admin)
  table = { url: server.url, callers: { admin: server.admin } }
  const { url, admin: authorization } = server
  world = openWorld({ url, authorization, graceMs: 0, repositories: [] })
  await call(admin, api.settings.set, { query: { name: 'Cleanup.GraceSeconds', value: '0' } })
})
afterAll(() => server[Symbol.asyncDispose]())

const annotated = (seed: string, of: string) => image(seed, { fields: { annotations: { of } } })

// One image in two dresses, so that they have all blobs in common.
const v1 = annotated('app', 'v1')
const pr1 = annotated('app', 'pr-1')
const v2 = image('app two')
const pr2 = image('pr two')
const loner = image('nobody tagged it')
const signed = artifact('signature', 'application/x-signature', {
  subject: descriptor(pr2.manifest),
})
const [amd, arm, riscv] = [image('amd'), image('arm'), image('riscv')]
const multi = index([
  descriptor(amd.manifest, undefined, platform('amd64')),
  descriptor(arm.manifest, undefined, platform('arm64')),
])
const kept = index([
  descriptor(arm.manifest, undefined, platform('arm64')),
  descriptor(riscv.manifest, undefined, platform('riscv64')),
])
const multiImage = indexOf(multi, [imageOf(amd), imageOf(arm)])
const keptImage = indexOf(kept, [imageOf(arm), imageOf(riscv)])
const feeds = ['main', 'other']

const before: ExpectedRepository[] = [
  {
    ...{ feed: 'main', name: 'app' },
    images: [...[v1, pr1, v2, pr2, loner, signed, amd, arm].map(imageOf), multiImage],
    tags: {
      ...{ v1: imageOf(v1), v2: imageOf(v2), latest: imageOf(v2), arm: imageOf(arm) },
      ...{ 'pr-1': imageOf(pr1), 'pr-2': imageOf(pr2), multi: multiImage },
    },
  },
  {
    ...{ feed: 'main', name: 'team/app' },
    images: [...[arm, riscv, v2].map(imageOf), keptImage],
    tags: { v1: keptImage, 'pr-3': imageOf(v2) },
  },
  { feed: 'main', name: 'trial', images: [imageOf(pr2)], tags: { 'pr-9': imageOf(pr2) } },
  { feed: 'other', name: 'app', images: [imageOf(pr2)], tags: { 'pr-2': imageOf(pr2) } },
]
const after: ExpectedRepository[] = [
  {
    ...{ feed: 'main', name: 'app' },
    images: [v1, v2, loner, arm].map(imageOf),
    tags: { v1: imageOf(v1), v2: imageOf(v2), latest: imageOf(v2), arm: imageOf(arm) },
  },
  {
    ...{ feed: 'main', name: 'team/app' },
    images: [...[arm, riscv].map(imageOf), keptImage],
    tags: { v1: keptImage },
  },
  { feed: 'main', name: 'trial', images: [], tags: {} },
  { feed: 'other', name: 'app', images: [imageOf(pr2)], tags: { 'pr-2': imageOf(pr2) } },
]

/** Some of the figures are up to five seconds old. */
async function expectFigures(repositories: readonly ExpectedRepository[]): Promise<void> {
  const expected = expectedFigures(repositories)
  await vi.waitFor(async () => expect(await readFigures(admin, feeds)).toEqual(expected), {
    ...{ timeout: 30_000, interval: 500 },
  })
}

function blobBytes(repositories: readonly ExpectedRepository[]): number {
  const blobs = repositories.flatMap(({ images }) => images.flatMap((each) => each.blobs))
  return once(blobs).reduce((sum, { size }) => sum + size, 0)
}

test('lists, counts and sizes are right before and after retention and garbage collection', {
  timeout: 120_000,
}, async () => {
  for (const { feed, name, images, tags } of before) {
    for (const { manifest, blobs } of images) {
      for (const content of blobs) await pushBlob(table, `${feed}/${name}`, content)
      const names = Object.keys(tags).filter((tag) => tags[tag]?.manifest === manifest)
      for (const reference of names.length === 0 ? [manifest.digest] : names) {
        await pushManifest(table, `${feed}/${name}`, manifest, reference)
      }
    }
  }
  await expectFigures(before)
  const lonely = blob('no manifest has it')
  await pushBlob(table, 'main/app', lonely)

  const query = { feed: 'main' }
  const body = { tags: ['pr-*'] }
  const { id: rule } = await call(admin, api.retention.create, { query, body })
  const named = await call(admin, api.retention.preview, { query })
  const going = named.filter(({ outcome, tag }) => outcome === 'goes' && tag !== null)
  expect(going.map(({ repository, tag, rule }) => [repository, tag, rule])).toEqual([
    ...[
      ['app', 'pr-1', rule],
      ['app', 'pr-2', rule],
      ['team/app', 'pr-3', rule],
    ],
    ['trial', 'pr-9', rule],
  ])
  const preview = await call(admin, api.deletions.preview, {
    body: { feed: 'main', repo: 'app', images: [multi.digest] },
  })
  expect(preview.freedBytes).toBe(amd.blobs.reduce((sum, { size }) => sum + size, 0))
  await call(admin, api.deletions.run, {
    body: { feed: 'main', repo: 'app', images: [multi.digest] },
  })
  const counts = await cleanUntilQuiet(world, feeds)

  // All tags of the rule, with their images; the signature and the index's image follow.
  expect(counts).toMatchObject({ tags: 4, images: 4, manifests: 2 })
  const freed = blobBytes(before) + lonely.size - blobBytes(after)
  expect(counts.bytesFreed).toBeGreaterThanOrEqual(freed)
  await expectFigures(after)
  const sizes = await call(admin, api.sizes.server, {})
  expect(sizes.deduplicatedBytes).toBe(blobBytes(after))
  expect(sizes.stores).toMatchObject([
    { blobBytes: storedBytes(server.config.dataDir), freedBytes: 0, uploadBytes: 0 },
  ])
  const target = { feed: 'main', repo: 'app' }
  for (const gone of [pr1, pr2, signed, amd].map(({ manifest }) => manifest.digest)) {
    const asked = call(admin, api.images.get, { query: { ...target, digest: gone } })
    expect((await problemOf(asked)).status).toBe(404)
  }
  const search = await call(admin, api.search.find, { query: { q: 'pr-' } })
  expect(search.tags).toEqual([
    { feed: 'other', repository: 'app', tag: 'pr-2', digest: pr2.manifest.digest },
  ])
  expect(world.faults).toEqual([])
})
