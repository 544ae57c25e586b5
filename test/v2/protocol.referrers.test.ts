import { describe, expect, test } from 'vitest'
import {
  absentDigest,
  artifact,
  descriptor,
  type Image,
  image,
  index,
  mediaTypes,
} from '../support/content.ts'
import { pushBlob, pushImage, pushManifest } from '../support/push.ts'
import { type Row, Run, testRows } from '../support/rows.ts'
import { useServer } from '../support/server.ts'
import { type Answer, jsonOf } from '../support/wire.ts'

const sbom = 'application/vnd.example.sbom.v1'
const signature = 'application/vnd.example.signature.v1+json'

const base = image('base')
const subject = { subject: descriptor(base.manifest) }
const annotations = { 'org.example.format': 'json', 'org.example.empty': '' }
const withType = artifact('sbom', sbom, { ...subject, annotations })
const signed = artifact('signature', signature, subject)
const second = artifact('signature 2', signature, subject)
/** No artifactType: the config's media type stands for it. */
const plain = image('attached', { layerCount: 1, fields: subject })
const attachedIndex = index([], { ...subject, artifactType: sbom, annotations })
const untypedIndex = index([], { ...subject, annotations: { a: 'b' } })
const absent = { mediaType: mediaTypes.image, digest: absentDigest('subject'), size: 7 }
const early = artifact('early', sbom, { subject: absent })

const root = '/v2/main/app/referrers'
const listed = `${root}/${base.manifest.digest}`
const indexType = { 'content-type': mediaTypes.index }

const entry = (one: Image, artifactType: string, more: object = {}) => ({
  ...descriptor(one.manifest),
  artifactType,
  ...more,
})
const expected = [
  entry(withType, sbom, { annotations }),
  entry(signed, signature),
  entry(second, signature),
  entry(plain, mediaTypes.config),
  { ...descriptor(attachedIndex), artifactType: sbom, annotations },
  { ...descriptor(untypedIndex), annotations: { a: 'b' } },
]

const { table } = useServer(async (setUp, server) => {
  await pushImage(setUp, 'main/app', base, ['v1'])
  await pushImage(setUp, 'main/app', withType)
  await pushImage(setUp, 'main/app', signed)
  await pushImage(setUp, 'main/app', second, ['sig'])
  await pushImage(setUp, 'main/app', plain)
  await pushManifest(setUp, 'main/app', attachedIndex)
  await pushManifest(setUp, 'main/app', untypedIndex)
  await pushImage(setUp, 'main/app', early)
  // The same image elsewhere has no referrers there.
  await pushImage(setUp, 'main/copy', base, ['v1'])
  return { view: (await server.createKey('main', ['view'])).authorization }
})

function manifestsOf(answer: Answer): { digest: string }[] {
  const json = jsonOf(answer) as Record<string, unknown>
  expect(json.schemaVersion).toBe(2)
  expect(json.mediaType).toBe(mediaTypes.index)
  return json.manifests as { digest: string }[]
}

const byDigest = (a: { digest: string }, b: { digest: string }) => (a.digest < b.digest ? -1 : 1)
const lists = (wanted: readonly { digest: string }[]) => (answer: Answer) => {
  const sorted = (some: readonly { digest: string }[]) => [...some].sort(byDigest)
  expect(sorted(manifestsOf(answer))).toEqual(sorted(wanted))
}

const emptyIndex = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] }
const filtered = { ...indexType, 'oci-filters-applied': 'artifactType' }
const unfiltered = { ...indexType, 'oci-filters-applied': null, link: null }
const ofType = (type: string) =>
  expected.filter((one) => 'artifactType' in one && one.artifactType === type)

const rows: readonly Row[] = [
  {
    name: 'all referrers, as they describe themselves',
    request: `GET ${listed}`,
    expect: { status: 200, headers: unfiltered, check: lists(expected) },
  },
  {
    name: 'by a key that may view',
    request: `GET ${listed}`,
    as: 'view',
    expect: { status: 200, headers: unfiltered, check: lists(expected) },
  },
  {
    name: 'by a token with pull',
    request: `GET ${listed}`,
    scopes: ['repository:main/app:pull'],
    expect: { status: 200, headers: unfiltered, check: lists(expected) },
  },
  {
    name: 'with the digest percent-encoded',
    request: `GET ${root}/${base.manifest.digest.replace(':', '%3A')}`,
    expect: { status: 200, headers: indexType, check: lists(expected) },
  },
  ...[sbom, signature, mediaTypes.config].map((type) => ({
    name: `only those of type ${type}`,
    request: `GET ${listed}?artifactType=${encodeURIComponent(type)}`,
    expect: { status: 200, headers: filtered, check: lists(ofType(type)) },
  })),
  {
    name: 'a plus sign in a filter may be sent as it is',
    request: `GET ${listed}?artifactType=${signature}`,
    expect: { status: 200, headers: filtered, check: lists(ofType(signature)) },
  },
  {
    name: 'a filter that nothing matches',
    request: `GET ${listed}?artifactType=application/vnd.example.none`,
    expect: { status: 200, headers: filtered, json: emptyIndex },
  },
  {
    name: 'an image without referrers',
    request: `GET ${root}/${withType.manifest.digest}`,
    expect: { status: 200, headers: unfiltered, json: emptyIndex },
  },
  {
    name: 'a digest that nobody has',
    request: `GET ${root}/${absentDigest('nothing')}`,
    expect: { status: 200, headers: unfiltered, json: emptyIndex },
  },
  {
    name: 'a sha512 digest that nobody has',
    request: `GET ${root}/${absentDigest('nothing', 'sha512')}`,
    expect: { status: 200, headers: unfiltered, json: emptyIndex },
  },
  {
    name: 'a filter where there are none',
    request: `GET ${root}/${absentDigest('nothing')}?artifactType=${sbom}`,
    expect: { status: 200, headers: filtered, json: emptyIndex },
  },
  {
    name: 'referrers of a subject that is not here',
    request: `GET ${root}/${absent.digest}`,
    expect: { status: 200, headers: indexType, check: lists([entry(early, sbom)]) },
  },
  {
    name: 'the same digest in another repository has none',
    request: `GET /v2/main/copy/referrers/${base.manifest.digest}`,
    expect: { status: 200, headers: indexType, json: emptyIndex },
  },
  {
    name: 'a repository that was never pushed',
    request: `GET /v2/main/never/referrers/${base.manifest.digest}`,
    expect: { status: 200, headers: indexType, json: emptyIndex },
  },
  {
    name: 'an unknown feed',
    request: `GET /v2/nosuch/app/referrers/${base.manifest.digest}`,
    expect: { status: 404, error: 'NAME_UNKNOWN' },
  },
  ...[
    'sha256:short',
    'nodigest',
    'v1',
    `md5:${'a'.repeat(32)}`,
    `sha256:${'A'.repeat(64)}`,
    `sha256:${'g'.repeat(64)}`,
    `sha512:${'a'.repeat(64)}`,
  ].map((bad) => ({
    name: `the digest ${bad.slice(0, 20)} is refused`,
    request: `GET ${root}/${bad}`,
    expect: { status: 400, error: 'DIGEST_INVALID' },
  })),
  ...['-1', 'abc', ''].map((n) => ({
    name: `n=${n} is refused`,
    request: `GET ${listed}?n=${n}`,
    expect: { status: 400, error: 'PAGINATION_NUMBER_INVALID' },
  })),
]

describe('referrers', () => testRows(rows, table))

describe('pages of referrers', () => {
  test.for(['', `&artifactType=${sbom}`])('by twos, each once%s', async (filter) => {
    const run = new Run(table())
    const seen: { digest: string }[] = []
    let target: string | undefined = `${listed}?n=2${filter}`
    let pages = 0
    while (target !== undefined) {
      const answer: Answer = await run.step({
        request: `GET ${target}`,
        expect: { status: 200, headers: indexType },
      })
      const page = manifestsOf(answer)
      expect(page.length).toBeLessThanOrEqual(2)
      if (filter !== '') expect(answer.headers['oci-filters-applied']).toBe('artifactType')
      seen.push(...page)
      pages += 1
      target = answer.headers.link?.match(/^<([^>]+)>/)?.[1]
    }
    const wanted = filter === '' ? expected : ofType(sbom)
    expect(pages).toBe(Math.ceil(wanted.length / 2))
    expect(seen.sort(byDigest)).toEqual([...wanted].sort(byDigest))
  })

  test('a list of many fat referrers is cut below 4 MiB and goes on', async () => {
    const fat = { 'org.example.fat': 'x'.repeat(1_000_000) }
    const empty = artifact('fat', sbom).config
    await pushBlob(table(), 'main/fat', empty)
    for (let i = 0; i < 6; i += 1) {
      const one = index([], { ...subject, artifactType: sbom, annotations: { ...fat, i: `${i}` } })
      await pushManifest(table(), 'main/fat', one)
    }
    const run = new Run(table())
    let seen = 0
    let target: string | undefined = `/v2/main/fat/referrers/${base.manifest.digest}`
    while (target !== undefined) {
      const answer: Answer = await run.step({ request: `GET ${target}`, expect: { status: 200 } })
      expect(answer.body.length).toBeLessThan(4 * 1024 * 1024)
      seen += manifestsOf(answer).length
      target = answer.headers.link?.match(/^<([^>]+)>/)?.[1]
    }
    expect(seen).toBe(6)
  })
})

describe('the life of a referrer', () => {
  test('is listed once pushed, however its subject comes, and no more once deleted', async () => {
    const run = new Run(table())
    const later = image('later')
    const attached = artifact('attached later', sbom, { subject: descriptor(later.manifest) })
    const target = `/v2/main/life/referrers/${later.manifest.digest}`
    await pushImage(table(), 'main/life', attached)
    await run.step({
      request: `GET ${target}`,
      expect: { status: 200, check: lists([entry(attached, sbom)]) },
    })
    await pushImage(table(), 'main/life', later, ['v1'])
    await run.step({
      request: `GET ${target}`,
      expect: { status: 200, check: lists([entry(attached, sbom)]) },
    })
    await run.step({
      request: `DELETE /v2/main/life/manifests/${attached.manifest.digest}`,
      expect: { status: 202 },
    })
    await run.step({ request: `GET ${target}`, expect: { status: 200, json: emptyIndex } })
  })

  test('outlives its subject: the list is by digest', async () => {
    const run = new Run(table())
    const gone = image('gone')
    const attached = artifact('attached to gone', sbom, { subject: descriptor(gone.manifest) })
    await pushImage(table(), 'main/gone', gone, ['v1'])
    await pushImage(table(), 'main/gone', attached, ['kept'])
    await run.step({
      request: `DELETE /v2/main/gone/manifests/${gone.manifest.digest}`,
      expect: { status: 202 },
    })
    await run.step({
      request: `GET /v2/main/gone/referrers/${gone.manifest.digest}`,
      expect: { status: 200, check: lists([entry(attached, sbom)]) },
    })
  })
})
