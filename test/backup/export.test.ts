import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { exportNow } from '../../server/administration/export.ts'
import { parseReference, parseRepositoryName } from '../../server/domain/reference.ts'
import { fileOf, flipByte } from '../cleanup/stored-files.ts'
import { runSuccessfully } from '../support/command.ts'
import {
  artifact,
  type Descriptor,
  descriptor,
  digestOf,
  image,
  index,
} from '../support/content.ts'
import { describeWith } from '../support/describe-with.ts'
import { pushBlob, pushImage, pushManifest } from '../support/push.ts'
import { needs } from '../support/require.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { listen, tableOf } from './backups.ts'

const place = makeTemporaryFolder('export')
let server: TestServer
const below = (name: string) => path.join(place.path, name)
const amd64 = image('amd64')
const arm64 = image('arm64')
const single = image('single')
const both = index([descriptor(amd64.manifest), descriptor(arm64.manifest)])
const signature = artifact('signature', 'application/x-signature', {
  subject: descriptor(both),
})
const untagged = image('untagged')

beforeAll(async () => {
  server = await startServer()
  const table = tableOf(server)
  await pushImage(table, 'main/team/app', amd64)
  await pushImage(table, 'main/team/app', arm64)
  for (const tag of ['1.0', 'latest']) await pushManifest(table, 'main/team/app', both, tag)
  await pushImage(table, 'main/team/app', signature)
  await pushImage(table, 'main/team/app', single, ['single'])
  await pushImage(table, 'main/team/app', untagged)
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

async function exportTo(folder: string, reference: string | null = null, name = 'team/app') {
  const report = listen()
  const result = await exportNow(server.config, {
    ...{ feed: 'main', repository: parseRepositoryName(name), folder, report },
    reference: reference === null ? null : parseReference(reference),
  })
  return { ...result, faults: report.faults }
}

/** Tag, or digest where there is none, by entry of the index. */
function entriesOf(folder: string): string[] {
  const { manifests } = JSON.parse(readFileSync(path.join(folder, 'index.json'), 'utf8'))
  return manifests
    .map(({ annotations, digest }: Descriptor & { annotations?: Record<string, string> }) =>
      annotations === undefined ? digest : `${annotations['org.opencontainers.image.ref.name']}`,
    )
    .sort()
}

/** Every file hashes to its name; how many they are. */
function countWholeBlobs(folder: string): number {
  const blobs = path.join(folder, 'blobs', 'sha256')
  const names = readdirSync(blobs)
  for (const name of names) {
    expect(digestOf(readFileSync(path.join(blobs, name)))).toBe(`sha256:${name}`)
  }
  return names.length
}

test('a repository is a layout with its tags, indexes and signatures, and copied once', async () => {
  const first = await exportTo(below('all'))
  expect(first).toMatchObject({
    tags: 3,
    images: 6,
    blobs: 14,
    copied: 14,
    missing: [],
    faults: [],
  })
  expect(entriesOf(below('all'))).toEqual(
    ['1.0', 'latest', 'single', untagged.manifest.digest, signature.manifest.digest].sort(),
  )
  expect(countWholeBlobs(below('all'))).toBe(20)
  expect(readdirSync(below('all')).sort()).toEqual(['blobs', 'index.json', 'oci-layout'])
  expect(await exportTo(below('all'))).toMatchObject({ copied: 0, alreadyThere: 14, missing: [] })
})

test('one that was cut off goes on', async () => {
  await exportTo(below('cut'))
  const layer = single.layers[0]?.digest.slice(7) ?? ''
  rmSync(path.join(below('cut'), 'blobs/sha256', layer))
  rmSync(path.join(below('cut'), 'index.json'))
  mkdirSync(path.join(below('cut'), '.partial'))
  writeFileSync(path.join(below('cut'), '.partial', 'rest'), 'half')
  writeFileSync(path.join(below('cut'), '.exporting'), 'main/team/app\n')
  expect(await exportTo(below('cut'))).toMatchObject({ copied: 1, alreadyThere: 13 })
  expect(countWholeBlobs(below('cut'))).toBe(20)
  expect(existsSync(path.join(below('cut'), '.partial'))).toBe(false)
})

test('an image goes with what it lists and what signs it', async () => {
  expect(await exportTo(below('tag'), '1.0')).toMatchObject({ tags: 1, images: 4, blobs: 8 })
  expect(entriesOf(below('tag'))).toEqual(['1.0', signature.manifest.digest].sort())
  const digest = single.manifest.digest
  expect(await exportTo(below('digest'), digest)).toMatchObject({ tags: 0, images: 1, blobs: 3 })
  expect(entriesOf(below('digest'))).toEqual([digest])
})

test('what is not there, or would mix with other things, is refused by name', async () => {
  await expect(exportTo(below('x'), '9.9')).rejects.toThrow(
    'The repository main/team/app has no 9.9',
  )
  await expect(exportTo(below('x2'), null, 'nothing')).rejects.toThrow('no repository main/nothing')
  await expect(exportTo(place.path)).rejects.toThrow('is not empty and no export of main/team/app')
  await pushImage(tableOf(server), 'main/other', single, ['1'])
  await expect(exportTo(below('all'), null, 'other')).rejects.toThrow(
    'is an export of main/team/app',
  )
})

test('what is damaged is named with what needs it, and the rest is there', async () => {
  const broken = image('broken')
  await pushImage(tableOf(server), 'main/broken', broken, ['1'])
  const digest = broken.layers[1]?.digest ?? ''
  flipByte(fileOf(server.config.dataDir, digest))
  const { missing, copied, faults } = await exportTo(below('broken'), null, 'broken')
  expect({ missing: missing.map((each) => [each.digest, each.neededBy]), copied }).toEqual({
    ...{ missing: [[digest, broken.manifest.digest]], copied: 2 },
  })
  expect(faults.join()).toContain('its bytes are others')
  expect(countWholeBlobs(below('broken'))).toBe(3)
})

describeWith('an exported layout', [needs({ program: 'skopeo', package: 'skopeo' }).reason], () => {
  test('is pushed back by skopeo, digest by digest', async () => {
    await exportTo(below('skopeo'), '1.0')
    const target = `docker://${new URL(server.url).host}/main/back:1.0`
    await runSuccessfully('skopeo', [
      ...['copy', '--all', '--preserve-digests', '--dest-tls-verify=false'],
      ...['--dest-creds', `Admin:${server.adminPassword}`],
      ...[`oci:${below('skopeo')}:1.0`, target],
    ])
    const raw = await runSuccessfully('skopeo', [
      ...['inspect', '--raw', '--tls-verify=false'],
      ...['--creds', `Admin:${server.adminPassword}`, target],
    ])
    expect(digestOf(Buffer.from(raw))).toBe(both.digest)
  })
})

test('an index whose entry is a blob has it', async () => {
  const table = tableOf(server)
  const [cache] = single.layers
  if (cache === undefined) throw new Error('an image without layers')
  await pushBlob(table, 'main/cache', cache)
  await pushManifest(table, 'main/cache', index([descriptor(cache)]), 'cache')
  const result = await exportTo(below('cache'), null, 'cache')
  expect(result).toMatchObject({ images: 1, blobs: 1, missing: [] })
})
