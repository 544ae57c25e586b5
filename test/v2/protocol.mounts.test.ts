import { describe, test } from 'vitest'
import { absentDigest, blob, type Content, image } from '../support/content.ts'
import { pushBlob, pushImage } from '../support/push.ts'
import { type Row, Run, type Step, testRows } from '../support/rows.ts'
import { useServer } from '../support/server.ts'

const source = image('source')
const [layer = source.config, second = source.config] = source.layers
const bare = blob('in no manifest')
const big = blob('sha512 to mount', 700, 'sha512')
const secret = blob('in the secret feed')

const { table } = useServer(async (setUp, server) => {
  await server.createFeed('other')
  await server.createFeed('secret')
  await pushImage(setUp, 'main/source', source, ['v1'])
  await pushBlob(setUp, 'main/source', bare)
  await pushBlob(setUp, 'main/source', big)
  await pushBlob(setUp, 'secret/app', secret)
  return {
    mainAdd: (await server.createKey('main', ['view', 'add'])).authorization,
    otherAdd: (await server.createKey('other', ['view', 'add'])).authorization,
    mainView: (await server.createKey('main', ['view'])).authorization,
  }
})

const ask = (name: string, digest: string, more = '') =>
  `POST /v2/${name}/blobs/uploads/?mount=${digest}${more}`

const mounted = (name: string, content: Content) => ({
  status: 201,
  headers: {
    location: `/v2/${name}/blobs/${content.digest}`,
    'docker-content-digest': content.digest,
    'content-length': '0',
  },
})

const begun = (name: string) => ({
  status: 202,
  headers: {
    location: new RegExp(`^/v2/${name}/blobs/uploads/.+`),
    'docker-upload-uuid': /./,
    range: '0-0',
    'docker-content-digest': null,
  },
})

const pullable = (name: string, content: Content, as = 'admin'): Step => ({
  request: `GET /v2/${name}/blobs/${content.digest}`,
  as,
  expect: { status: 200, body: content.bytes },
})

const absent = (name: string, content: Content): Step => ({
  request: `HEAD /v2/${name}/blobs/${content.digest}`,
  expect: { status: 404 },
})

/** The session of the fallback takes the whole blob, as docker, podman and oras go on. */
const fallback = (name: string, request: string, content: Content, as = 'admin'): Row => ({
  name: `${request.replace(content.digest, '<digest>')} as ${as} goes on as an upload`,
  steps: [
    { request, as, expect: begun(name) },
    {
      request: `PUT $location?digest=${content.digest}`,
      as,
      body: content.bytes,
      expect: mounted(name, content),
    },
    pullable(name, content, as),
  ],
})

const done: readonly Row[] = [
  {
    name: 'a layer from another repository of the feed',
    steps: [
      {
        request: ask('main/a', layer.digest, '&from=main/source'),
        expect: mounted('main/a', layer),
      },
      pullable('main/a', layer),
    ],
  },
  {
    name: 'a blob that no manifest uses',
    steps: [
      { request: ask('main/b', bare.digest, '&from=main/source'), expect: mounted('main/b', bare) },
      pullable('main/b', bare),
    ],
  },
  {
    name: 'with everything percent-encoded',
    steps: [
      {
        request: ask('main/c', layer.digest.replace(':', '%3A'), '&from=main%2Fsource'),
        expect: mounted('main/c', layer),
      },
      pullable('main/c', layer),
    ],
  },
  {
    name: 'with from before mount, and the origin that crane adds',
    steps: [
      {
        request: `POST /v2/main/d/blobs/uploads/?from=main/source&mount=${layer.digest}&origin=registry.example.test`,
        headers: { 'content-type': 'application/json' },
        body: '',
        expect: mounted('main/d', layer),
      },
      pullable('main/d', layer),
    ],
  },
  {
    name: 'into another feed',
    steps: [
      {
        request: ask('other/a', layer.digest, '&from=main/source'),
        expect: mounted('other/a', layer),
      },
      pullable('other/a', layer),
    ],
  },
  {
    name: 'from a feed named in upper case',
    request: ask('main/e', layer.digest, '&from=MAIN/source'),
    expect: mounted('main/e', layer),
  },
  {
    name: 'without from',
    steps: [
      { request: ask('main/f', layer.digest), expect: mounted('main/f', layer) },
      pullable('main/f', layer),
    ],
  },
  {
    name: 'of a sha512 blob',
    steps: [
      { request: ask('main/g', big.digest, '&from=main/source'), expect: mounted('main/g', big) },
      pullable('main/g', big),
    ],
  },
  {
    name: 'into the repository that has it already',
    request: ask('main/source', layer.digest, '&from=main/source'),
    expect: mounted('main/source', layer),
  },
  {
    name: 'twice',
    steps: [
      {
        request: ask('main/h', layer.digest, '&from=main/source'),
        expect: mounted('main/h', layer),
      },
      {
        request: ask('main/h', layer.digest, '&from=main/source'),
        expect: mounted('main/h', layer),
      },
    ],
  },
  {
    name: 'on from a repository that it was mounted into',
    steps: [
      {
        request: ask('main/i', second.digest, '&from=main/source'),
        expect: mounted('main/i', second),
      },
      { request: ask('main/j', second.digest, '&from=main/i'), expect: mounted('main/j', second) },
      pullable('main/j', second),
    ],
  },
  {
    name: 'by a key that may add to the target and see the source',
    request: ask('main/k', layer.digest, '&from=main/source'),
    as: 'mainAdd',
    expect: mounted('main/k', layer),
  },
  {
    name: 'by a token with both scopes',
    request: ask('main/l', layer.digest, '&from=main/source'),
    scopes: ['repository:main/l:pull,push', 'repository:main/source:pull'],
    expect: mounted('main/l', layer),
  },
  {
    // A client that asks for what the challenge names has a token for the target alone (the OCI
    // conformance suite does so): whether its owner may pull from the source is what counts.
    name: 'by a token for the target alone, of one who may pull from the source',
    request: ask('main/n', layer.digest, '&from=main/source'),
    as: 'mainAdd',
    scopes: ['repository:main/n:pull,push'],
    expect: mounted('main/n', layer),
  },
  {
    name: 'a whole image by mounts and its manifest',
    steps: [
      ...source.blobs.map((one) => ({
        request: ask('main/m', one.digest, '&from=main/source'),
        expect: mounted('main/m', one),
      })),
      {
        request: 'PUT /v2/main/m/manifests/v1',
        headers: { 'content-type': source.manifest.mediaType },
        body: source.manifest.bytes,
        expect: { status: 201 },
      },
      {
        request: 'GET /v2/main/m/manifests/v1',
        expect: { status: 200, body: source.manifest.bytes },
      },
    ],
  },
]

const lost = (name: string) => blob(`lost ${name}`)

const impossible: readonly Row[] = [
  fallback('main/n1', ask('main/n1', lost('1').digest, '&from=main/source'), lost('1')),
  fallback('main/n2', ask('main/n2', lost('2').digest), lost('2')),
  fallback('main/n3', ask('main/n3', lost('3').digest, '&from=main/never'), lost('3')),
  fallback('main/n4', ask('main/n4', lost('4').digest, '&from=nosuch/app'), lost('4')),
  fallback('main/n5', ask('main/n5', lost('5').digest, '&from=UPPER/Case'), lost('5')),
  fallback('main/n6', ask('main/n6', lost('6').digest, '&from='), lost('6')),
  fallback('main/n7', ask('main/n7', lost('7').digest, '&from=main'), lost('7')),
  fallback('main/n8', ask('main/n8', lost('8').digest, '&from=..%2F..'), lost('8')),
  // The blob is there, but the caller may not see where.
  fallback('main/n9', ask('main/n9', secret.digest, '&from=secret/app'), secret, 'mainAdd'),
  fallback('other/n1', ask('other/n1', layer.digest, '&from=main/source'), layer, 'otherAdd'),
  {
    name: 'without from, content of a feed that the caller may not see stays unknown',
    steps: [
      { request: ask('other/n2', second.digest), as: 'otherAdd', expect: begun('other/n2') },
      absent('other/n2', second),
    ],
  },
  {
    name: 'a token that claims the source does not help one who may not pull from it',
    steps: [
      {
        request: ask('other/n3', layer.digest, '&from=main/source'),
        as: 'otherAdd',
        scopes: ['repository:other/n3:pull,push', 'repository:main/source:pull'],
        expect: begun('other/n3'),
      },
      absent('other/n3', layer),
    ],
  },
  {
    name: 'a deleted blob goes on as an upload',
    steps: [
      {
        request: ask('main/doomed', bare.digest, '&from=main/source'),
        expect: mounted('main/doomed', bare),
      },
      { request: `DELETE /v2/main/doomed/blobs/${bare.digest}`, expect: { status: 202 } },
      {
        request: ask('main/n11', bare.digest, '&from=main/doomed'),
        expect: { status: [201, 202] },
      },
      { request: `HEAD /v2/main/doomed/blobs/${bare.digest}`, expect: { status: 404 } },
    ],
  },
  {
    name: 'a digest that is none is no crash',
    request: ask('main/n12', 'sha256:short', '&from=main/source'),
    expect: { status: [202, 400] },
  },
  {
    name: 'mounting needs the right to add',
    request: ask('main/n13', layer.digest, '&from=main/source'),
    as: 'mainView',
    expect: { status: 403, error: 'DENIED' },
  },
  {
    name: 'mounting without credentials',
    request: ask('main/n14', layer.digest, '&from=main/source'),
    as: 'anonymous',
    expect: {
      status: 401,
      headers: { 'www-authenticate': /,scope="repository:main\/n14:pull,push"$/ },
    },
  },
  {
    name: 'mounting into a feed that the caller may not see',
    request: ask('secret/n15', layer.digest, '&from=main/source'),
    as: 'mainAdd',
    expect: { status: 404, error: 'NAME_UNKNOWN' },
  },
]

describe('mounts', () => testRows(done, table))
describe('mounts that cannot be done', () => testRows(impossible, table))

describe('content is visible only through a repository', () => {
  const known = secret.digest
  const nowhere = absentDigest('nowhere')
  const places: readonly (readonly [string, (digest: string) => Step])[] = [
    [
      'HEAD of a blob',
      (digest) => ({ request: `HEAD /v2/main/spy/blobs/${digest}`, expect: { status: 404 } }),
    ],
    [
      'GET of a blob',
      (digest) => ({ request: `GET /v2/main/spy/blobs/${digest}`, expect: { status: 404 } }),
    ],
    [
      'DELETE of a blob',
      (digest) => ({
        request: `DELETE /v2/main/spy/blobs/${digest}`,
        expect: { status: [403, 404] },
      }),
    ],
    [
      'GET of a manifest',
      (digest) => ({ request: `GET /v2/main/spy/manifests/${digest}`, expect: { status: 404 } }),
    ],
  ]

  test.for(places)('%s answers for a secret blob as for none', async ([, step], { expect }) => {
    const as = 'mainAdd'
    const one = await new Run(table()).step({ ...step(known), as })
    const other = await new Run(table()).step({ ...step(nowhere), as })
    const text = (body: Buffer) => body.toString('utf8').replaceAll(known, nowhere)
    expect(one.status).toBe(other.status)
    expect(text(one.body)).toBe(text(other.body))
    expect(Object.keys(one.headers).sort()).toEqual(Object.keys(other.headers).sort())
  })
})
