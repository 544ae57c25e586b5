import { describe, expect, test } from 'vitest'
import {
  type Algorithm,
  absentDigest,
  blob,
  contentOf,
  type ManifestContent,
  mediaTypes,
} from '../support/content.ts'
import { useServer } from '../support/server.ts'
import { type Answer, headerLines, jsonOf } from '../support/wire.ts'
import {
  accept,
  type BlobPush,
  ConformanceClient,
  cancelUpload,
  checkManifest,
  mountBlob,
  pushChunked,
  pushPostOnly,
  pushPostPut,
  pushStream,
  putManifest,
  subjectOf,
  verifyBlob,
  withDigest,
} from './conformance-client.ts'
import {
  type DataSet,
  makeDataSets,
  makeInvalidDigestSet,
  type Referrer,
} from './conformance-data.ts'

/**
 * The cases of the OCI distribution-spec's conformance suite, all of its APIs and data sets on,
 * run against a registry where tags may be deleted and content may be missing.
 */
const repo1 = 'conformance/repo1'
const repo2 = 'conformance/repo2'

const { server } = useServer(async (_, one) => {
  await one.createFeed('conformance', { tagDeletion: true, sparseIndexes: true })
  return undefined
})

const connect = () => new ConformanceClient(server().url, 'Admin', server().adminPassword)

/** The suite's API statuses. */
const statuses = [
  'Tag listing',
  'Tag delete',
  'Tag delete atomic',
  'Blob upload cancel',
  'Blob push',
  'Blob post only',
  'Blob post put',
  'Blob chunked',
  'Blob streaming',
  'Blob mount',
  'Blob anonymous mount',
  'Blob get',
  'Blob get range',
  'Blob head',
  'Blob delete',
  'Blob delete atomic',
  'Manifest put by digest',
  'Manifest put by tag',
  'Manifest put with tag params',
  'Manifest put with subject',
  'Manifest get by digest',
  'Manifest get by tag',
  'Manifest head by digest',
  'Manifest head by tag',
  'Manifest delete',
  'Manifest delete atomic',
  'Referrers',
  'Ping',
] as const
type Status = (typeof statuses)[number]

const blobs: readonly Status[] = [
  'Blob push',
  'Blob get',
  'Blob head',
  'Blob delete',
  'Blob delete atomic',
]
const manifests: readonly Status[] = [
  'Tag listing',
  'Manifest put by digest',
  'Manifest get by digest',
  'Manifest head by digest',
  'Manifest delete',
  'Manifest delete atomic',
]
const tagged: readonly Status[] = [
  'Manifest get by tag',
  'Manifest head by tag',
  'Tag delete',
  'Tag delete atomic',
]
const image = [...blobs, ...manifests, ...tagged, 'Manifest put by tag'] as const
const withSubject = [...image, 'Manifest put with subject', 'Referrers'] as const
const tagParameters = [...blobs, ...manifests, ...tagged, 'Manifest put with tag params'] as const
const blobApis: readonly Status[] = [
  ...blobs,
  'Blob upload cancel',
  'Blob post only',
  'Blob post put',
  'Blob chunked',
  'Blob streaming',
  'Blob mount',
  'Blob anonymous mount',
  'Blob get range',
]

/** Which statuses each data set has to earn; `general` is what belongs to none. */
const expected: Readonly<Record<string, readonly Status[]>> = {
  general: ['Ping', 'Tag listing', 'Referrers', 'Manifest get by digest', 'Manifest get by tag'],
  'blobs-sha256': blobApis,
  'blobs-sha512': blobApis,
  image,
  'image-uncompressed': image,
  'large-manifest': image,
  index: image,
  'nested-index': image,
  'empty-index': [...manifests, ...tagged, 'Manifest put by tag'],
  artifact: image,
  'artifact-index': image,
  'artifact-without-layers': image,
  'artifacts-with-subject': withSubject,
  'index-with-subject': withSubject,
  'missing-subject': withSubject,
  'data-field': image,
  'non-distributable-layers': image,
  'custom-fields': image,
  'no-layers': image,
  sparse: image,
  sha512: [...blobs, ...manifests],
  'tag-param-sha256': tagParameters,
  'tag-param-sha512': tagParameters,
  'bad-digest-image': [...blobs, ...manifests].filter(
    (status) => status !== 'Manifest get by digest' && status !== 'Manifest head by digest',
  ),
  'invalid-manifest-digest': [
    ...blobs.filter((status) => status !== 'Blob get' && status !== 'Blob head'),
    'Manifest put by digest',
    'Manifest get by digest',
    'Manifest delete',
    'Manifest delete atomic',
  ],
}

const earned = new Map<string, Set<Status>>()
function pass(set: string, ...some: readonly Status[]) {
  earned.set(set, new Set([...(earned.get(set) ?? []), ...some]))
}

test('ping', async () => {
  const answer = await connect().must(200, 'GET /v2/')
  expect(answer.headers['docker-distribution-api-version']).toBe('registry/2.0')
  pass('general', 'Ping')
})

describe('a repository that was never pushed', () => {
  test('tag list', async () => {
    await connect().must([200, 404], `GET /v2/${repo1}/tags/list`)
    pass('general', 'Tag listing')
  })

  test('referrers', async () => {
    const listed = await listReferrers(connect(), absentDigest('empty'))
    expect(listed.manifests).toEqual([])
    pass('general', 'Referrers')
  })
})

type Method = readonly [status: Status, push: (push: BlobPush) => Promise<void>]
const postPut: Method = ['Blob post put', pushPostPut]
const methods: readonly Method[] = [
  ['Blob post only', pushPostOnly],
  postPut,
  ['Blob chunked', pushChunked],
  ['Blob streaming', pushStream],
]
let pushes = 0

/** By every method in turn, so that each sees every kind of data. */
async function pushAny(set: string, push: BlobPush) {
  const [, method] = methods[pushes % methods.length] ?? postPut
  pushes += 1
  await method(push)
  pass(set, 'Blob push')
}

async function headBlob(set: string, { client, name, content }: BlobPush) {
  const answer = await client.must(200, `HEAD /v2/${name}/blobs/${content.digest}`)
  expect(answer.headers['content-length']).toBe(String(content.size))
  expect(answer.headers['docker-content-digest']).toBe(content.digest)
  pass(set, 'Blob head')
}

async function getBlob(set: string, { client, name, content }: BlobPush) {
  const answer = await client.must(200, `GET /v2/${name}/blobs/${content.digest}`)
  expect(answer.headers['docker-content-digest']).toBe(content.digest)
  expect(answer.body.equals(content.bytes)).toBe(true)
  pass(set, 'Blob get')
}

async function deleteBlob(set: string, { client, name, content }: BlobPush) {
  await client.must(202, `DELETE /v2/${name}/blobs/${content.digest}`)
  await client.must(404, `HEAD /v2/${name}/blobs/${content.digest}`)
  pass(set, 'Blob delete', 'Blob delete atomic')
}

interface BlobCase {
  readonly name: string
  readonly earns: readonly Status[]
  readonly size?: number
  readonly run: (push: BlobPush) => Promise<void>
  /** Repositories that have the blob afterwards. */
  readonly leaves: readonly string[]
}

const push: Status = 'Blob push'
const threeChunks = 3 * 1024 - 5
const blobCases: readonly BlobCase[] = [
  { name: 'post only', earns: ['Blob post only', push], run: pushPostOnly, leaves: [repo1] },
  { name: 'post+put', earns: ['Blob post put', push], run: pushPostPut, leaves: [repo1] },
  {
    name: 'chunked single',
    earns: ['Blob chunked', push],
    run: (one) => pushChunked(one),
    leaves: [repo1],
  },
  { name: 'stream', earns: ['Blob streaming', push], run: pushStream, leaves: [repo1] },
  {
    name: 'mount',
    earns: ['Blob mount'],
    run: (one) => pushAndMount(one, repo2),
    leaves: [repo1, repo2],
  },
  {
    name: 'mount anonymous',
    earns: ['Blob anonymous mount'],
    run: (one) => pushAndMount(one, undefined),
    leaves: [repo1, repo2],
  },
  { name: 'mount missing', earns: ['Blob mount'], run: mountMissing, leaves: [repo1] },
  { name: 'post cancel', earns: ['Blob upload cancel', push], run: cancelUpload, leaves: [] },
  {
    name: 'chunked multi',
    earns: ['Blob chunked', push],
    size: threeChunks,
    run: (one) => pushChunked(one),
    leaves: [repo1],
  },
  {
    name: 'chunked multi and put chunk',
    earns: ['Blob chunked', push],
    size: threeChunks,
    run: (one) => pushChunked(one, { putLast: true }),
    leaves: [repo1],
  },
  {
    name: 'chunked out-of-order',
    earns: ['Blob chunked', push],
    size: threeChunks,
    run: (one) => pushChunked(one, { outOfOrder: true }),
    leaves: [repo1],
  },
  {
    name: 'chunked out-of-order and put chunk',
    earns: ['Blob chunked', push],
    size: threeChunks,
    run: (one) => pushChunked(one, { outOfOrder: true, putLast: true }),
    leaves: [repo1],
  },
]

async function pushAndMount(one: BlobPush, from: string | undefined) {
  await pushPostPut({ ...one, name: repo2 })
  const answer = await mountBlob(one, from)
  expect(answer.status).toBe(201)
  await verifyBlob(one, answer)
}

/** The mount falls back to a session that takes the blob. */
async function mountMissing(one: BlobPush) {
  const answer = await mountBlob(one, repo2)
  expect(answer.status).toBe(202)
  const location = withDigest(answer.headers.location ?? '', one.content.digest)
  const headers = { 'content-type': mediaTypes.octets }
  const done = await one.client.must(201, `PUT ${location}`, { headers, body: one.content.bytes })
  await verifyBlob(one, done)
}

const rangeCases: readonly (readonly [range: string, start: number, end: number])[] = [
  ['500-1499', 500, 1499],
  ['500-', 500, 2047],
  ['-500', 1548, 2047],
  ['2000-5000', 2000, 2047],
]

describe.each<Algorithm>(['sha256', 'sha512'])('%s blobs', (algorithm) => {
  const set = `blobs-${algorithm}`
  const make = (name: string, size = 512) => blob(`conformance ${set} ${name}`, size, algorithm)

  test('get missing', async () => {
    const { digest } = make('post cancel')
    await connect().must(404, `GET /v2/${repo1}/blobs/${digest}`)
    pass(set, 'Blob get')
  })

  test.for(blobCases)('$name', async ({ name, earns, size, run, leaves }) => {
    const client = connect()
    const one = { client, name: repo1, content: make(name, size) }
    await run(one)
    pass(set, ...earns)
    for (const at of leaves) {
      await headBlob(set, { ...one, name: at })
      await getBlob(set, { ...one, name: at })
      await deleteBlob(set, { ...one, name: at })
    }
  })

  test('range requests', async () => {
    const client = connect()
    const content = make('range', 2048)
    await pushAny(set, { client, name: repo1, content })
    const target = `/v2/${repo1}/blobs/${content.digest}`
    for (const [range, start, end] of rangeCases) {
      const answer = await client.must(206, `GET ${target}`, {
        headers: { range: `bytes=${range}` },
      })
      expect(answer.headers['content-range']).toBe(`bytes ${start}-${end}/2048`)
      expect(answer.body.equals(content.bytes.subarray(start, end + 1))).toBe(true)
    }
    for (const range of ['500-0', '5000-10000']) {
      await client.must(416, `GET ${target}`, { headers: { range: `bytes=${range}` } })
    }
    pass(set, 'Blob get range')
    await deleteBlob(set, { client, name: repo1, content })
  })

  test.for(['', '{}'])('well-known blob "%s"', async (text) => {
    const client = connect()
    for (const [, method] of methods) {
      const one = { client, name: repo1, content: contentOf(text, algorithm) }
      await method(one)
      await headBlob(set, one)
      await getBlob(set, one)
      await deleteBlob(set, one)
    }
  })

  const badDigests: readonly (readonly [string, (one: BlobPush) => Promise<void>])[] = [
    ['post only', pushPostOnly],
    ['post+put', pushPostPut],
    ['chunked', (one) => pushChunked(one)],
    ['chunked and put chunk', (one) => pushChunked(one, { putLast: true })],
    ['stream', pushStream],
  ]
  test.for(badDigests)('bad digest %s', async ([name, run]) => {
    const client = connect()
    const made = make(`bad digest ${name}`, threeChunks)
    const content = { ...made, bytes: Buffer.concat([made.bytes, Buffer.from('oh no')]) }
    await run({ client, name: repo1, content, badDigest: true })
    await client.must(404, `HEAD /v2/${repo1}/blobs/${content.digest}`)
  })
})

interface ReferrersList {
  readonly manifests: readonly Referrer[]
  readonly answer: Answer
}

async function listReferrers(
  client: ConformanceClient,
  subject: string,
  artifactType?: string,
): Promise<ReferrersList> {
  const query = artifactType === undefined ? '' : `?${new URLSearchParams({ artifactType })}`
  const answer = await client.must(200, `GET /v2/${repo1}/referrers/${subject}${query}`)
  expect(answer.headers['content-type']).toBe(mediaTypes.index)
  const json = jsonOf(answer) as Record<string, unknown>
  expect(json).toMatchObject({ schemaVersion: 2, mediaType: mediaTypes.index })
  return { manifests: json.manifests as Referrer[], answer }
}

function plain({ artifactType, annotations, ...rest }: Referrer): object {
  return {
    ...rest,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
  }
}

const byDigest = (a: { digest: string }, b: { digest: string }) => (a.digest < b.digest ? -1 : 1)

function sameReferrers(actual: readonly Referrer[], wanted: readonly Referrer[]) {
  expect([...actual].sort(byDigest)).toEqual([...wanted].sort(byDigest).map(plain))
}

async function pushSet(set: DataSet) {
  const client = connect()
  for (const content of set.blobs) await pushAny(set.name, { client, name: repo1, content })
  for (const manifest of set.manifests) {
    await (set.badDigest ? pushBadDigest(manifest) : pushByDigest(set, manifest))
    pass(set.name, 'Manifest put by digest')
  }
  if (set.tagParameters) return
  for (const [tag, manifest] of set.tags) {
    await putManifest({ client, name: repo1, manifest }, tag)
    pass(set.name, 'Manifest put by tag')
  }
}

async function pushByDigest(set: DataSet, manifest: ManifestContent) {
  const names = [...set.tags].filter(([, one]) => one === manifest).map(([tag]) => tag)
  const query = names.map((tag) => `tag=${tag}`).join('&')
  const reference = set.tagParameters ? `${manifest.digest}?${query}` : manifest.digest
  const answer = await putManifest({ client: connect(), name: repo1, manifest }, reference)
  if (set.tagParameters) checkTags(set.name, answer, names)
  if (subjectOf(manifest) !== undefined) pass(set.name, 'Manifest put with subject')
}

async function pushBadDigest({ bytes, digest, mediaType }: ManifestContent) {
  const ask = { headers: { 'content-type': mediaType }, body: bytes }
  await connect().must(400, `PUT /v2/${repo1}/manifests/${digest}`, ask)
}

function checkTags(set: string, answer: Answer, names: readonly string[]) {
  const tags = headerLines(answer, 'oci-tag').flatMap((line) => line.split(/\s*,\s*/))
  expect(tags.sort()).toEqual([...names].sort())
  pass(set, 'Manifest put with tag params')
}

async function listSet(set: DataSet) {
  const client = connect()
  const list = async (query = '') => {
    const answer = await client.must([200, 404], `GET /v2/${repo1}/tags/list${query}`)
    return answer.status === 404 ? [] : (jsonOf(answer) as { tags: string[] }).tags
  }
  const tags = await list()
  expect(tags).toEqual([...set.tags.keys()].sort())
  if (tags.length >= 2) {
    const half = tags.length >> 1
    expect(await list(`?last=${tags[half - 1]}`)).toEqual(tags.slice(half))
  }
  pass(set.name, 'Tag listing')
}

async function readSet(set: DataSet, method: 'HEAD' | 'GET') {
  const client = connect()
  const verb = method === 'HEAD' ? 'head' : 'get'
  const read = async (reference: string, manifest: DataSet['manifests'][number]) => {
    const request = `${method} /v2/${repo1}/manifests/${reference}`
    const answer = await client.must(200, request, { headers: accept })
    checkManifest(manifest, answer)
    if (method === 'GET') expect(answer.body.equals(manifest.bytes)).toBe(true)
  }
  for (const [tag, manifest] of set.tags) {
    await read(tag, manifest)
    pass(set.name, `Manifest ${verb} by tag`)
  }
  for (const manifest of set.badDigest ? [] : set.manifests) {
    await read(manifest.digest, manifest)
    pass(set.name, `Manifest ${verb} by digest`)
  }
  for (const content of set.blobs) {
    await (method === 'HEAD' ? headBlob : getBlob)(set.name, { client, name: repo1, content })
  }
}

async function lookUpSet(set: DataSet) {
  const client = connect()
  for (const [subject, wanted] of set.referrers) {
    sameReferrers((await listReferrers(client, subject)).manifests, wanted)
    const types = new Set(wanted.flatMap(({ artifactType }) => artifactType ?? []))
    for (const type of types) {
      const filtered = await listReferrers(client, subject, type)
      expect(filtered.answer.headers['oci-filters-applied']).toBe('artifactType')
      sameReferrers(
        filtered.manifests,
        wanted.filter(({ artifactType }) => artifactType === type),
      )
    }
    pass(set.name, 'Referrers')
  }
}

async function deleteSet(set: DataSet) {
  const client = connect()
  for (const tag of set.tags.keys()) {
    await client.must(202, `DELETE /v2/${repo1}/manifests/${tag}`)
    await client.must(404, `HEAD /v2/${repo1}/manifests/${tag}`, { headers: accept })
    pass(set.name, 'Tag delete', 'Tag delete atomic')
  }
  for (const { digest } of [...set.manifests].reverse()) {
    await client.must(set.badDigest ? 404 : 202, `DELETE /v2/${repo1}/manifests/${digest}`)
    await client.must(404, `HEAD /v2/${repo1}/manifests/${digest}`, { headers: accept })
    pass(set.name, 'Manifest delete', 'Manifest delete atomic')
  }
  for (const content of set.blobs) await deleteBlob(set.name, { client, name: repo1, content })
}

const dataSets = makeDataSets()

describe.each(dataSets)('$name', (set) => {
  test('push', () => pushSet(set))
  test('list', () => listSet(set))
  test('head', () => readSet(set, 'HEAD'))
  test('pull', () => readSet(set, 'GET'))
  if (set.referrers.size > 0) test('referrers', () => lookUpSet(set))
  test('delete', () => deleteSet(set))
})

describe('manifest errors', () => {
  test('missing by digest', async () => {
    const target = `/v2/${repo1}/manifests/${absentDigest('missing manifest')}`
    await connect().must(404, `GET ${target}`, { headers: accept })
    pass('general', 'Manifest get by digest')
  })

  test('missing by tag', async () => {
    await connect().must(404, `GET /v2/${repo1}/manifests/missing-tag`, { headers: accept })
    pass('general', 'Manifest get by tag')
  })

  test('a digest that is none', async () => {
    const set = makeInvalidDigestSet()
    const client = connect()
    for (const content of set.blobs) await pushAny(set.name, { client, name: repo1, content })
    const target = `/v2/${repo1}/manifests/sha256:baddigeststring`
    for (const { bytes, digest, mediaType } of set.manifests) {
      await client.must(400, `PUT ${target}`, {
        headers: { 'content-type': mediaType },
        body: bytes,
      })
      pass(set.name, 'Manifest put by digest')
      await client.must([404, 400], `GET ${target}`, { headers: accept })
      pass(set.name, 'Manifest get by digest')
      await client.must(404, `DELETE /v2/${repo1}/manifests/${digest}`)
      pass(set.name, 'Manifest delete', 'Manifest delete atomic')
    }
    for (const content of set.blobs) await deleteBlob(set.name, { client, name: repo1, content })
  })
})

describe('nothing was left out', () => {
  const sorted = (some: Iterable<Status>) => [...new Set(some)].sort()

  test('the table has every data set and every status', () => {
    const names = ['general', 'blobs-sha256', 'blobs-sha512', 'invalid-manifest-digest']
    expect(Object.keys(expected).sort()).toEqual(
      [...names, ...dataSets.map(({ name }) => name)].sort(),
    )
    expect(dataSets.length).toBe(21)
    expect(sorted(Object.values(expected).flat())).toEqual(sorted(statuses))
  })

  test.for(Object.entries(expected))('%s earned what it has to', ([name, wanted]) => {
    expect(sorted(earned.get(name) ?? [])).toEqual(sorted(wanted))
  })
})
