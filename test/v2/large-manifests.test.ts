import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDatabase } from '../../server/db/database.ts'
import { putManifest } from '../../server/db/manifest-push.ts'
import { commitUpload, insertUpload } from '../../server/db/uploads.ts'
import {
  type Content,
  contentOf,
  type Descriptor,
  descriptor,
  type Image,
  image,
  index,
  type ManifestContent,
  manifestOf,
  mediaTypes,
} from '../support/content.ts'
import { pushBlob, pushImage, pushManifest } from '../support/push.ts'
import type { Table } from '../support/rows.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { jsonOf, send } from '../support/wire.ts'

let server: TestServer
let table: Table
const mebibyte = 1024 * 1024
const many = 10_000

beforeAll(async () => {
  server = await startServer()
  table = { url: server.url, callers: { admin: server.admin } }
})
afterAll(() => server[Symbol.asyncDispose]())

const ask = (method: string, target: string) =>
  send(server.url, { method, target, headers: { authorization: server.admin } })

async function expectServed(name: string, manifest: ManifestContent) {
  const got = await ask('GET', `/v2/${name}/manifests/${manifest.digest}`)
  expect(got.status).toBe(200)
  expect(got.body.equals(manifest.bytes)).toBe(true)
}

test('a manifest with 10,000 layers: refused while one is missing, then pushed and deleted', async () => {
  const name = 'main/layers'
  const blobs = Array.from({ length: many }, (_, i) => contentOf(`layer ${i}`))
  const config = contentOf('{}')
  await pushBlob(table, name, config)
  await linkAll(name, blobs.slice(0, -1))
  const layers = blobs.map((layer) => descriptor(layer, mediaTypes.layer))
  const body = {
    schemaVersion: 2,
    mediaType: mediaTypes.image,
    config: descriptor(config, mediaTypes.config),
    layers,
  }
  const manifest = manifestOf(body)
  const refused = await send(server.url, {
    method: 'PUT',
    target: `/v2/${name}/manifests/v1`,
    headers: { authorization: server.admin, 'content-type': mediaTypes.image },
    body: manifest.bytes,
  })
  expect(refused.status).toBe(400)
  expect(refused.body.toString()).toContain(blobs.at(-1)?.digest)
  await linkAll(name, blobs.slice(-1))
  await pushManifest(table, name, manifest, 'v1')
  await pushManifest(table, name, manifest, 'v2')
  await expectServed(name, manifest)
  expect((await ask('DELETE', `/v2/${name}/blobs/${blobs[77]?.digest}`)).status).toBe(409)
  expect((await ask('DELETE', `/v2/${name}/manifests/${manifest.digest}`)).status).toBe(202)
}, 120_000)

/** As their commits would: ten thousand pushes take minutes, and their bytes are not read here. */
async function linkAll(name: string, contents: readonly Content[]) {
  await using db = await openDatabase({ url: server.config.databaseUrl })
  const { id: feedId, store_id: storeId } = await db.read
    .selectFrom('feeds')
    .select(['id', 'store_id'])
    .executeTakeFirstOrThrow()
  const repository = name.slice('main/'.length)
  const link = async ({ digest, size }: Content) => {
    const upload = { id: digest, feedId, repository, storeId, location: digest, by: 'test' }
    const { repositoryId, epoch } = await db.write(insertUpload, { ...upload, algorithm: 'sha256' })
    const commit = { id: digest, epoch, repositoryId, storeId, location: digest, digest }
    await db.write(commitUpload, { ...commit, sizeBytes: size, graceMs: 3_600_000 })
  }
  for (let at = 0; at < contents.length; at += 500) {
    await Promise.all(contents.slice(at, at + 500).map(link))
  }
}

test('an index with 10,000 children is accepted, and deleted before them', async () => {
  const name = 'main/children'
  const one = image('child')
  await pushImage(table, name, one)
  const manifests = Array.from(
    { length: many },
    (_, i) => image('child', { fields: { annotations: { number: String(i) } } }).manifest,
  )
  await putAll(name, manifests, one)
  const children = manifests.map((child) => descriptor(child))
  const whole = index(children)
  await pushManifest(table, name, whole, 'v1')
  await expectServed(name, whole)
  const child = children[5000]?.digest
  expect((await ask('DELETE', `/v2/${name}/manifests/${child}`)).status).toBe(409)
  expect((await ask('DELETE', `/v2/${name}/manifests/${whole.digest}`)).status).toBe(202)
  expect((await ask('DELETE', `/v2/${name}/manifests/${child}`)).status).toBe(202)
}, 120_000)

/** Puts manifests of one config and the same layers, as pushing each would. */
async function putAll(name: string, manifests: readonly ManifestContent[], like: Image) {
  await using db = await openDatabase({ url: server.config.databaseUrl })
  const { id: feedId } = await db.read.selectFrom('feeds').select('id').executeTakeFirstOrThrow()
  const put = (manifest: ManifestContent) =>
    db.write(putManifest, {
      feedId,
      repository: name.slice('main/'.length),
      digest: manifest.digest,
      mediaType: manifest.mediaType,
      artifactType: null,
      subject: null,
      annotations: null,
      content: new Uint8Array(manifest.bytes),
      config: like.config.digest,
      layers: like.layers.map((layer) => layer.digest),
      optional: [],
      children: [],
      tags: [],
      mayOverwrite: false,
      graceMs: 3_600_000,
      by: 'test',
    })
  for (let at = 0; at < manifests.length; at += 500) {
    await Promise.all(manifests.slice(at, at + 500).map(put))
  }
}

test('referrers with huge annotations come in pages below 4 MiB, each exactly once', async () => {
  const name = 'main/referrers'
  const subject = image('subject')
  await pushImage(table, name, subject, ['v1'])
  const sizes = [
    1, 900_000, 2_500_000, 10, 3_900_000, 1_400_000, 1_600_000, 3_000_000, 20, 20, 3_145_000,
  ]
  const pushed = new Set<string>()
  for (const [i, size] of sizes.entries()) {
    const manifest = referrer(subject.manifest, {
      number: String(i),
      filler: 'é"'.repeat(size / 4),
    })
    await pushManifest(table, name, manifest)
    pushed.add(manifest.digest)
  }
  const largest = fill(subject.manifest, 4 * mebibyte)
  expect(largest.size).toBe(4 * mebibyte)
  await pushManifest(table, name, largest)
  pushed.add(largest.digest)
  const seen: string[] = []
  let next: string | undefined = `/v2/${name}/referrers/${subject.manifest.digest}`
  for (let page = 0; next !== undefined && page < 40; page += 1) {
    const answer: Awaited<ReturnType<typeof ask>> = await ask('GET', next)
    expect(answer.status).toBe(200)
    expect(answer.body.length).toBeLessThanOrEqual(4 * mebibyte)
    const { manifests } = jsonOf(answer) as { manifests: Descriptor[] }
    expect(manifests.length).toBeGreaterThan(0)
    seen.push(...manifests.map((each) => each.digest))
    next = /<([^>]+)>/.exec(answer.headers.link ?? '')?.[1]
  }
  expect(seen).toHaveLength(pushed.size)
  expect(new Set(seen)).toEqual(pushed)
})

function referrer(subject: ManifestContent, annotations: Record<string, string>) {
  return index([], { subject: descriptor(subject), annotations })
}

/** An index, the shortest of manifests, whose annotations fill it up to this size. */
function fill(subject: ManifestContent, sizeBytes: number): ManifestContent {
  const bare = referrer(subject, { f: '' }).size
  return referrer(subject, { f: 'x'.repeat(sizeBytes - bare) })
}
