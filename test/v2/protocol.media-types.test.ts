import { describe } from 'vitest'
import {
  absentDigest,
  blob,
  type Content,
  contentOf,
  descriptor,
  dockerImage,
  image,
  index,
  type ManifestContent,
  manifestOf,
  mediaTypes,
} from '../support/content.ts'
import { pushBlob, pushImage } from '../support/push.ts'
import { type Expected, type Row, testRows } from '../support/rows.ts'
import { useServer } from '../support/server.ts'
import type { RequestHeaders } from '../support/wire.ts'

const config = contentOf('{"os":"linux","architecture":"amd64"}')
const layer = blob('layer', 400)
const elsewhere = blob('elsewhere', 400)
const child = image('child', { layerCount: 1 })
const dockerChild = dockerImage('docker child')
const nested = index([descriptor(child.manifest)])
const emptyJson = contentOf('{}')
const long = blob('sha512 layer', 400, 'sha512')
const lost = blob('lost', 400)
const lostToo = blob('lost too', 400)

const { table } = useServer(async (setUp, server) => {
  await server.createFeed('sparse', { sparseIndexes: true })
  for (const feed of ['main', 'sparse']) {
    for (const one of [config, layer, emptyJson, long]) await pushBlob(setUp, `${feed}/app`, one)
    await pushImage(setUp, `${feed}/app`, child)
    await pushImage(setUp, `${feed}/app`, dockerChild)
  }
  await pushBlob(setUp, 'main/other', elsewhere)
  await pushImage(setUp, 'main/other', image('only elsewhere'))
  return undefined
})

const configDescriptor = descriptor(config, mediaTypes.config)
const layerDescriptor = descriptor(layer, mediaTypes.gzipLayer)
const base = {
  schemaVersion: 2,
  mediaType: mediaTypes.image,
  config: configDescriptor,
  layers: [layerDescriptor],
}

let tags = 0
/** A push under a tag of its own and the same bytes back, under the type that was pushed. */
function accepted(
  name: string,
  manifest: ManifestContent,
  more: { feed?: string; contentType?: string | null; expect?: Expected } = {},
): Row {
  tags += 1
  const target = `/v2/${more.feed ?? 'main'}/app/manifests/tag-${tags}`
  const headers = contentType(manifest, more.contentType)
  return {
    name,
    steps: [
      {
        request: `PUT ${target}`,
        headers,
        body: manifest.bytes,
        expect: {
          status: 201,
          headers: { 'docker-content-digest': manifest.digest },
          ...more.expect,
        },
      },
      {
        request: `GET ${target}`,
        expect: {
          status: 200,
          headers: {
            'content-type': manifest.mediaType,
            'docker-content-digest': manifest.digest,
            'content-length': String(manifest.size),
          },
          body: manifest.bytes,
        },
      },
    ],
  }
}

function contentType(manifest: ManifestContent, value: string | null | undefined): RequestHeaders {
  return value === null ? {} : { 'content-type': value ?? manifest.mediaType }
}

/** A push that is refused and leaves no tag behind. */
function refused(
  name: string,
  manifest: ManifestContent | Content,
  more: { feed?: string; contentType?: string | null; expect?: Partial<Expected> } = {},
): Row {
  tags += 1
  const target = `/v2/${more.feed ?? 'main'}/app/manifests/tag-${tags}`
  const typed = { mediaType: mediaTypes.image, ...manifest }
  return {
    name,
    steps: [
      {
        request: `PUT ${target}`,
        headers: contentType(typed, more.contentType),
        body: manifest.bytes,
        expect: { status: 400, error: 'MANIFEST_INVALID', ...more.expect },
      },
      { request: `GET ${target}`, expect: { status: 404, error: 'MANIFEST_UNKNOWN' } },
    ],
  }
}

const unknownContent = (...digests: readonly string[]): Partial<Expected> => ({
  error: 'MANIFEST_BLOB_UNKNOWN',
  says: digests,
})

const { mediaType: _, ...withoutType } = base
const dockerBase = {
  schemaVersion: 2,
  mediaType: mediaTypes.dockerImage,
  config: descriptor(config, mediaTypes.dockerConfig),
  layers: [descriptor(layer, mediaTypes.dockerLayer)],
}
const dockerList = {
  schemaVersion: 2,
  mediaType: mediaTypes.dockerList,
  manifests: [
    descriptor(dockerChild.manifest, undefined, {
      platform: { os: 'linux', architecture: 'amd64' },
    }),
  ],
}

const kinds: readonly Row[] = [
  accepted('an OCI image', manifestOf(base)),
  accepted('an OCI image without layers', manifestOf({ ...base, layers: [] })),
  accepted(
    'an OCI image with one layer twice',
    manifestOf({ ...base, layers: [layerDescriptor, layerDescriptor] }),
  ),
  accepted(
    'an OCI image whose config is its layer',
    manifestOf({ ...base, layers: [descriptor(config)] }),
  ),
  accepted('an OCI image without mediaType in it', manifestOf(withoutType)),
  accepted(
    'an OCI image with uncompressed and zstd layers',
    manifestOf({
      ...base,
      layers: [descriptor(layer, mediaTypes.layer), descriptor(layer, mediaTypes.zstdLayer)],
    }),
  ),
  accepted(
    'an OCI image with a sha512 layer',
    manifestOf({ ...base, layers: [descriptor(long, mediaTypes.gzipLayer)] }),
  ),
  accepted(
    'an OCI image with annotations',
    manifestOf({ ...base, annotations: { 'org.example.a': 'ä' } }),
  ),
  accepted(
    'an OCI image with fields that nobody knows',
    manifestOf({ ...base, 'org.example': { a: [1, null] } }),
  ),
  accepted(
    'an OCI image with a data field',
    manifestOf({
      ...base,
      config: { ...configDescriptor, data: config.bytes.toString('base64') },
    }),
  ),
  accepted(
    'an artifact',
    manifestOf({
      ...base,
      artifactType: 'application/vnd.example.thing+json',
      config: descriptor(emptyJson, mediaTypes.empty),
      layers: [descriptor(layer, 'application/vnd.example.part')],
    }),
  ),
  accepted(
    'an artifact whose layer is the empty JSON',
    manifestOf({
      ...base,
      artifactType: 'application/vnd.example.thing',
      config: descriptor(emptyJson, mediaTypes.empty),
      layers: [descriptor(emptyJson, mediaTypes.empty)],
    }),
  ),
  accepted(
    'a Helm chart',
    manifestOf({
      ...base,
      config: descriptor(config, 'application/vnd.cncf.helm.config.v1+json'),
      layers: [descriptor(layer, 'application/vnd.cncf.helm.chart.content.v1.tar+gzip')],
    }),
  ),
  accepted('a Docker schema 2 image', manifestOf(dockerBase, mediaTypes.dockerImage)),
  accepted('a Docker manifest list', manifestOf(dockerList, mediaTypes.dockerList)),
  accepted('an OCI index', index([descriptor(child.manifest)])),
  accepted('an OCI index of Docker images', index([descriptor(dockerChild.manifest)])),
  accepted(
    'an OCI index with one child twice',
    index([descriptor(child.manifest), descriptor(child.manifest)]),
  ),
  accepted('an OCI index without children', index([])),
  accepted(
    'an OCI index without mediaType in it',
    manifestOf({ schemaVersion: 2, manifests: [] }, mediaTypes.index),
  ),
  accepted(
    'an OCI index with a type of artifact',
    index([], { artifactType: 'application/vnd.example.set' }),
  ),
  accepted(
    'an early OCI artifact manifest',
    manifestOf(
      {
        mediaType: 'application/vnd.oci.artifact.manifest.v1+json',
        artifactType: 'application/vnd.example.thing',
        blobs: [descriptor(layer)],
      },
      'application/vnd.oci.artifact.manifest.v1+json',
    ),
  ),
]

const nesting: readonly Row[] = [
  {
    name: 'an index of indexes',
    steps: [
      {
        request: `PUT /v2/main/app/manifests/${nested.digest}`,
        headers: { 'content-type': nested.mediaType },
        body: nested.bytes,
        expect: { status: 201 },
      },
      {
        request: 'PUT /v2/main/app/manifests/nested',
        headers: { 'content-type': mediaTypes.index },
        body: index([descriptor(nested), descriptor(child.manifest)]).bytes,
        expect: { status: 201 },
      },
    ],
  },
]

const cache = (entries: readonly Content[], cacheConfig: Content) =>
  index([
    ...entries.map((one) => descriptor(one, mediaTypes.gzipLayer)),
    descriptor(cacheConfig, mediaTypes.buildkitConfig),
  ])

const buildkit: readonly Row[] = [
  accepted('a BuildKit cache: an index of blobs', cache([layer], config)),
  refused(
    'a BuildKit cache whose blob is missing',
    { ...cache([lost], config), mediaType: mediaTypes.index },
    {
      expect: unknownContent(lost.digest),
    },
  ),
  refused(
    'a BuildKit cache whose config is missing',
    { ...cache([layer], lost), mediaType: mediaTypes.index },
    {
      expect: unknownContent(lost.digest),
    },
  ),
]

const wrongManifest = (fields: object) => manifestOf({ ...base, ...fields })
const headers: readonly Row[] = [
  accepted('Content-Type with a charset is taken without it', manifestOf(base), {
    contentType: `${mediaTypes.image}; charset=utf-8`,
  }),
  accepted('Content-Type with parameters and spaces', manifestOf(base), {
    contentType: `${mediaTypes.image} ;a=b ; c="d"`,
  }),
  accepted('without Content-Type the mediaType field counts', manifestOf(base), {
    contentType: null,
  }),
  accepted('without Content-Type the mediaType field of an index counts', index([]), {
    contentType: null,
  }),
  refused(
    'Content-Type says index, mediaType says image',
    wrongManifest({ annotations: { conflict: '0' } }),
    {
      contentType: mediaTypes.index,
      expect: { says: [mediaTypes.image, mediaTypes.index] },
    },
  ),
  refused(
    'Content-Type says Docker, mediaType says OCI',
    wrongManifest({ annotations: { conflict: '1' } }),
    {
      contentType: mediaTypes.dockerImage,
    },
  ),
  refused(
    'Content-Type says JSON, mediaType says OCI',
    wrongManifest({ annotations: { conflict: '2' } }),
    {
      contentType: 'application/json',
    },
  ),
  refused(
    'neither Content-Type nor mediaType',
    manifestOf({ ...withoutType, annotations: { untyped: '0' } }),
    { contentType: null },
  ),
  refused(
    'a Content-Type that is none',
    manifestOf({ ...withoutType, annotations: { untyped: '1' } }),
    { contentType: 'nonsense' },
  ),
  refused('a mediaType that is no text', wrongManifest({ mediaType: 7 }), { contentType: null }),
]

const untyped = manifestOf({ ...withoutType, annotations: { pushed: 'twice' } })
const twoTypes: readonly Row[] = [
  accepted('bytes that do not say what they are', untyped),
  refused('the same bytes as something else', { ...untyped, mediaType: mediaTypes.dockerImage }),
]

const text = (value: string): Content => contentOf(value)
const malformed: readonly Row[] = [
  refused('nothing at all', text('')),
  refused('no JSON', text('not json')),
  refused('JSON that breaks off', text('{"schemaVersion":2,')),
  refused('two JSON values', text('{}{}')),
  refused('null', text('null')),
  refused('an array', text('[]')),
  refused('a string', text('"manifest"')),
  refused('a number', text('42')),
  refused('HTML', text('<html></html>')),
  refused('an empty object', text('{}')),
  refused('schemaVersion 1 with an OCI type', wrongManifest({ schemaVersion: 1 })),
  refused('schemaVersion 3', wrongManifest({ schemaVersion: 3 })),
  refused('schemaVersion as text', wrongManifest({ schemaVersion: '2' })),
  refused('no schemaVersion', wrongManifest({ schemaVersion: undefined })),
  refused('an image without a config', wrongManifest({ config: undefined })),
  refused('a config of null', wrongManifest({ config: null })),
  refused('a config that is text', wrongManifest({ config: config.digest })),
  refused('a config that is an array', wrongManifest({ config: [configDescriptor] })),
  refused('layers that are an object', wrongManifest({ layers: {} })),
  refused('a layer that is null', wrongManifest({ layers: [null] })),
  refused('a layer that is text', wrongManifest({ layers: [layer.digest] })),
  refused(
    'a layer without a digest',
    wrongManifest({ layers: [{ ...layerDescriptor, digest: undefined }] }),
  ),
  refused(
    'a layer with a digest that is none',
    wrongManifest({ layers: [{ ...layerDescriptor, digest: 'sha256:short' }] }),
  ),
  refused(
    'a layer with a digest of upper case',
    wrongManifest({
      layers: [{ ...layerDescriptor, digest: `sha256:${layer.digest.slice(7).toUpperCase()}` }],
    }),
  ),
  refused(
    'a layer with a digest of an unknown algorithm',
    wrongManifest({ layers: [{ ...layerDescriptor, digest: `md5:${'0'.repeat(32)}` }] }),
  ),
  refused(
    'a layer without a size',
    wrongManifest({ layers: [{ ...layerDescriptor, size: undefined }] }),
  ),
  refused(
    'a layer of a negative size',
    wrongManifest({ layers: [{ ...layerDescriptor, size: -1 }] }),
  ),
  refused(
    'a layer of a broken size',
    wrongManifest({ layers: [{ ...layerDescriptor, size: 1.5 }] }),
  ),
  refused(
    'a layer of a size in text',
    wrongManifest({ layers: [{ ...layerDescriptor, size: '400' }] }),
  ),
  refused(
    'a layer without a mediaType',
    wrongManifest({ layers: [{ ...layerDescriptor, mediaType: undefined }] }),
  ),
  refused('a subject that is text', wrongManifest({ subject: child.manifest.digest })),
  refused(
    'a subject with a digest that is none',
    wrongManifest({ subject: { ...layerDescriptor, digest: 'x' } }),
  ),
  refused('annotations that are an array', wrongManifest({ annotations: ['a'] })),
  refused('an annotation that is a number', wrongManifest({ annotations: { a: 1 } })),
  refused(
    'an index whose manifests are an object',
    manifestOf({ schemaVersion: 2, manifests: {} }, mediaTypes.index),
  ),
  refused(
    'an index with an entry of null',
    manifestOf({ schemaVersion: 2, manifests: [null] }, mediaTypes.index),
  ),
  refused(
    'an index with a digest that is none',
    manifestOf(
      { schemaVersion: 2, manifests: [{ ...layerDescriptor, digest: 'x' }] },
      mediaTypes.index,
    ),
  ),
]

const schema1 = {
  schemaVersion: 1,
  name: 'main/app',
  tag: 'v1',
  architecture: 'amd64',
  fsLayers: [{ blobSum: layer.digest }],
  history: [{ v1Compatibility: '{}' }],
}
const inPlainWords = { says: /schema 1/i }
const old: readonly Row[] = [
  refused('signed schema 1', manifestOf(schema1, mediaTypes.schema1Signed), {
    expect: inPlainWords,
  }),
  refused('unsigned schema 1', manifestOf(schema1, mediaTypes.schema1), { expect: inPlainWords }),
  refused('schema 1 as JSON', manifestOf(schema1), {
    contentType: 'application/json',
    expect: inPlainWords,
  }),
  refused('schema 1 without Content-Type', manifestOf(schema1), { contentType: null }),
]

const absentManifest = descriptor(lost, mediaTypes.image)
const foreign = (mediaType: string, urls: readonly string[]) =>
  manifestOf({
    ...base,
    layers: [{ ...descriptor(lost, mediaType), urls }, layerDescriptor],
  })

const missing: readonly Row[] = [
  refused(
    'a layer that is not here',
    wrongManifest({ layers: [layerDescriptor, descriptor(lost)] }),
    {
      expect: unknownContent(lost.digest),
    },
  ),
  refused(
    'a config that is not here',
    wrongManifest({ config: descriptor(lost, mediaTypes.config) }),
    {
      expect: unknownContent(lost.digest),
    },
  ),
  refused(
    'two layers that are not here',
    wrongManifest({ layers: [descriptor(lost), descriptor(lostToo)] }),
    {
      expect: unknownContent(lost.digest, lostToo.digest),
    },
  ),
  refused(
    'a layer that is only in another repository',
    wrongManifest({ layers: [descriptor(elsewhere)] }),
    {
      expect: unknownContent(elsewhere.digest),
    },
  ),
  refused(
    'a layer that is a manifest here',
    wrongManifest({ layers: [descriptor(child.manifest, mediaTypes.gzipLayer)] }),
    {
      expect: unknownContent(child.manifest.digest),
    },
  ),
  refused(
    'a Docker image without its layer',
    manifestOf(
      { ...dockerBase, layers: [descriptor(lost, mediaTypes.dockerLayer)] },
      mediaTypes.dockerImage,
    ),
    {
      expect: unknownContent(lost.digest),
    },
  ),
  refused('an index without its child', index([absentManifest]), {
    expect: unknownContent(lost.digest),
  }),
  refused('an index with one child of two', index([descriptor(child.manifest), absentManifest]), {
    expect: unknownContent(lost.digest),
  }),
  refused(
    'an index of a manifest that is only in another repository',
    index([descriptor(image('only elsewhere').manifest)]),
    {
      expect: unknownContent(image('only elsewhere').manifest.digest),
    },
  ),
  refused(
    'a Docker list without its child',
    manifestOf(
      { ...dockerList, manifests: [descriptor(lost, mediaTypes.dockerImage)] },
      mediaTypes.dockerList,
    ),
    {
      expect: unknownContent(lost.digest),
    },
  ),
  accepted(
    'a foreign layer of OCI with addresses',
    foreign(mediaTypes.foreignGzipLayer, ['https://layers.example.test/a']),
  ),
  accepted(
    'a foreign layer of OCI, uncompressed',
    foreign(mediaTypes.foreignLayer, ['https://layers.example.test/a']),
  ),
  accepted(
    'a foreign layer of Docker',
    foreign(mediaTypes.dockerForeignLayer, ['https://layers.example.test/a']),
  ),
  accepted(
    'an index without its child where sparse ones are allowed',
    index([absentManifest, descriptor(child.manifest)]),
    { feed: 'sparse' },
  ),
  accepted('an index without any child where sparse ones are allowed', index([absentManifest]), {
    feed: 'sparse',
  }),
  accepted(
    'a Docker list without its child where sparse ones are allowed',
    manifestOf(
      { ...dockerList, manifests: [descriptor(lost, mediaTypes.dockerImage)] },
      mediaTypes.dockerList,
    ),
    { feed: 'sparse' },
  ),
]

const subjectOf = (digest: string) => ({
  subject: { mediaType: mediaTypes.image, digest, size: 10 },
})
const answersSubject = (digest: string) => ({
  expect: { status: 201, headers: { 'oci-subject': digest } },
})
const subjects: readonly Row[] = [
  accepted(
    'a subject that is here',
    wrongManifest(subjectOf(child.manifest.digest)),
    answersSubject(child.manifest.digest),
  ),
  accepted(
    'a subject that is not here',
    wrongManifest(subjectOf(absentDigest('s'))),
    answersSubject(absentDigest('s')),
  ),
  accepted(
    'a subject of sha512',
    wrongManifest(subjectOf(absentDigest('s', 'sha512'))),
    answersSubject(absentDigest('s', 'sha512')),
  ),
  accepted(
    'an index with a subject',
    index([], subjectOf(child.manifest.digest)),
    answersSubject(child.manifest.digest),
  ),
  accepted(
    'an artifact with a subject',
    artifactWith(subjectOf(child.manifest.digest)),
    answersSubject(child.manifest.digest),
  ),
  accepted('no subject, no header', manifestOf({ ...base, annotations: { no: 'subject' } }), {
    expect: { status: 201, headers: { 'oci-subject': null } },
  }),
]

function artifactWith(fields: object): ManifestContent {
  return manifestOf({
    ...base,
    ...fields,
    artifactType: 'application/vnd.example.thing',
    config: descriptor(emptyJson, mediaTypes.empty),
  })
}

describe('kinds of manifest', () => testRows([...kinds, ...nesting, ...buildkit], table))
describe('content types', () => testRows([...headers, ...twoTypes], table))
describe('malformed manifests', () => testRows(malformed, table))
describe('schema 1', () => testRows(old, table))
describe('missing content', () => testRows(missing, table))
describe('subjects', () => testRows(subjects, table))
