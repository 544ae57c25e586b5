import { describe, expect, test } from 'vitest'
import {
  absentDigest,
  contentOf,
  descriptor,
  dockerImage,
  image,
  index,
  type ManifestContent,
  mediaTypes,
} from '../support/content.ts'
import { pushBlob, pushImage, pushManifest } from '../support/push.ts'
import { compareHeadWithGet, type Row, Run, type Step, testRows } from '../support/rows.ts'
import { useServer } from '../support/server.ts'
import { headerLines } from '../support/wire.ts'

const one = image('one')
const two = image('two')
const docker = dockerImage('docker')
const long = image('sha512', { algorithm: 'sha512' })
const multi = image('multi', { layerCount: 1 })
const child = image('child')
const parent = index([descriptor(child.manifest)])
const grandparent = index([descriptor(parent)])

/** Manifests that need nothing, for rows about tags. */
const plain = (note: string) => index([], { annotations: { note } })
const first = plain('first')
const second = plain('second')

const { table } = useServer(async (setUp, server) => {
  await server.createFeed('deleting', { tagDeletion: true })
  await server.createFeed('careful', { overwrite: 'permission' })
  await server.createFeed('frozen', { overwrite: 'never' })
  await pushImage(setUp, 'main/app', one, ['v1', 'V1', 'latest'])
  await pushImage(setUp, 'main/app', two, ['v2'])
  await pushImage(setUp, 'main/app', docker, ['docker'])
  await pushImage(setUp, 'main/app', long)
  await pushImage(setUp, 'main/app', multi)
  await pushImage(setUp, 'main/tree', child, ['child'])
  await pushManifest(setUp, 'main/tree', parent, 'parent')
  await pushManifest(setUp, 'main/tree', grandparent, 'top')
  for (const content of one.blobs) await pushBlob(setUp, 'main/put', content)
  for (const content of long.blobs) await pushBlob(setUp, 'main/put', content)
  for (const content of multi.blobs) await pushBlob(setUp, 'main/put', content)
  for (const feed of ['careful', 'frozen']) {
    await pushManifest(setUp, `${feed}/app`, first, 'v1')
    await pushManifest(setUp, `${feed}/app`, second)
  }
  return {
    carefulAdd: (await server.createKey('careful', ['view', 'add'])).authorization,
    carefulDelete: (await server.createKey('careful', ['view', 'add', 'delete'])).authorization,
  }
})

const app = '/v2/main/app/manifests'

const described = (manifest: ManifestContent) => ({
  'content-type': manifest.mediaType,
  'content-length': String(manifest.size),
  'docker-content-digest': manifest.digest,
  etag: `"${manifest.digest}"`,
})
const byDigest = (manifest: ManifestContent) => ({
  status: 200,
  headers: { ...described(manifest), 'cache-control': /immutable/ },
  body: manifest.bytes,
})
const byTag = (manifest: ManifestContent) => ({
  status: 200,
  headers: { ...described(manifest), 'cache-control': /no-cache/ },
  body: manifest.bytes,
})
const stored = (manifest: ManifestContent, more: object = {}) => ({
  status: 201,
  headers: {
    location: /^\/v2\/[^?]+\/manifests\/[^/?]+$/,
    'docker-content-digest': manifest.digest,
    'content-length': '0',
    ...more,
  },
})
const put = (target: string, manifest: ManifestContent, more: Partial<Step> = {}): Step => ({
  request: `PUT ${target}`,
  headers: { 'content-type': manifest.mediaType },
  body: manifest.bytes,
  expect: stored(manifest),
  ...more,
})
const get = (target: string, manifest: ManifestContent): Step => ({
  request: `GET ${target}`,
  expect: { status: 200, headers: described(manifest), body: manifest.bytes },
})
const missing = (request: string): Step => ({
  request,
  expect: { status: 404, error: 'MANIFEST_UNKNOWN' },
})

const encoded = one.manifest.digest.replace(':', '%3A')

const reading: readonly Row[] = [
  { name: 'by tag', request: `GET ${app}/v1`, expect: byTag(one.manifest) },
  {
    name: 'by digest',
    request: `GET ${app}/${one.manifest.digest}`,
    expect: byDigest(one.manifest),
  },
  {
    name: 'by percent-encoded digest',
    request: `GET ${app}/${encoded}`,
    expect: byDigest(one.manifest),
  },
  {
    name: 'by sha512 digest',
    request: `GET ${app}/${long.manifest.digest}`,
    expect: byDigest(long.manifest),
  },
  { name: 'another tag of it', request: `GET ${app}/latest`, expect: byTag(one.manifest) },
  { name: 'a Docker manifest', request: `GET ${app}/docker`, expect: byTag(docker.manifest) },
  {
    name: 'an index',
    request: `GET /v2/main/tree/manifests/parent`,
    expect: byTag(parent),
  },
  {
    name: 'HEAD by tag',
    request: `HEAD ${app}/v1`,
    expect: { status: 200, headers: { ...described(one.manifest), 'cache-control': /no-cache/ } },
  },
  {
    name: 'HEAD by digest',
    request: `HEAD ${app}/${one.manifest.digest}`,
    expect: { status: 200, headers: { ...described(one.manifest), 'cache-control': /immutable/ } },
  },
  {
    name: 'a query such as ns is ignored',
    request: `GET ${app}/v1?ns=registry.example.test`,
    expect: byTag(one.manifest),
  },
  {
    name: 'a tag percent-encoded',
    request: `GET ${app}/%761`,
    expect: byTag(one.manifest),
  },
]

const unknown: readonly Row[] = [
  ...[
    'absent',
    'v',
    'v11',
    'LATEST',
    absentDigest('manifest'),
    absentDigest('manifest', 'sha512'),
    child.manifest.digest,
  ].map((reference) => ({
    name: `GET of ${reference.slice(0, 20)}`,
    ...missing(`GET ${app}/${reference}`),
  })),
  {
    name: 'HEAD of an unknown tag',
    request: `HEAD ${app}/absent`,
    expect: { status: 404, headers: { 'docker-content-digest': null } },
  },
  {
    name: 'a repository that was never pushed',
    request: 'GET /v2/main/never/manifests/v1',
    expect: { status: 404, error: ['NAME_UNKNOWN', 'MANIFEST_UNKNOWN'] },
  },
  {
    name: 'a layer is no manifest',
    request: `GET ${app}/${one.layers[0]?.digest}`,
    expect: { status: 404, error: 'MANIFEST_UNKNOWN' },
  },
  ...['sha256:short', `md5:${'0'.repeat(32)}`, `sha256:${'A'.repeat(64)}`, 'a:b'].map((bad) => ({
    name: `GET of the digest ${bad.slice(0, 20)}`,
    request: `GET ${app}/${bad}`,
    expect: { status: [400, 404], error: ['DIGEST_INVALID', 'MANIFEST_UNKNOWN'] },
  })),
  ...['.v1', '-v1', 'v%201', 'x'.repeat(129), 'v+1', 'v~1', '%C3%A4'].map((bad) => ({
    name: `GET of the tag ${bad.slice(0, 20)}`,
    request: `GET ${app}/${bad}`,
    expect: { status: [400, 404], error: ['MANIFEST_INVALID', 'MANIFEST_UNKNOWN'] },
  })),
  ...['GET', 'HEAD', 'DELETE'].map((method) => ({
    name: `${method} of a config's digest, which is what docker inspect calls Id`,
    request: `${method} ${app}/${one.config.digest}`,
    expect: {
      status: 404,
      ...(method === 'HEAD'
        ? {}
        : { error: 'MANIFEST_UNKNOWN', says: [one.manifest.digest, /config/i] }),
    },
  })),
  {
    name: 'a config of another repository gives no hint',
    request: `GET ${app}/${child.config.digest}`,
    expect: { status: 404, error: 'MANIFEST_UNKNOWN', hides: [child.manifest.digest] },
  },
]

const accepts: readonly (readonly [string, string | readonly string[]])[] = [
  ['anything', '*/*'],
  ['its own type', mediaTypes.image],
  ['only an index', mediaTypes.index],
  ['only Docker schema 2', mediaTypes.dockerImage],
  ['only Docker schema 1', mediaTypes.schema1Signed],
  ['only JSON', 'application/json'],
  ['nothing of it', `${mediaTypes.image};q=0`],
  ['a list', `${mediaTypes.dockerImage}, ${mediaTypes.index};q=0.5, ${mediaTypes.image}`],
  ['several lines', [mediaTypes.index, mediaTypes.image, '*/*']],
  ['nonsense', ';;;,,,'],
]

const negotiation: readonly Row[] = accepts.flatMap(([what, accept]) => [
  {
    name: `Accept of ${what} gets the manifest as it was pushed`,
    request: `GET ${app}/v1`,
    headers: { accept },
    expect: byTag(one.manifest),
  },
  {
    name: `Accept of ${what} gets an index as it was pushed`,
    request: 'GET /v2/main/tree/manifests/parent',
    headers: { accept },
    expect: byTag(parent),
  },
])

const quoted = `"${one.manifest.digest}"`
const conditional: readonly Row[] = [
  ...[quoted, `W/${quoted}`, `"x", ${quoted}`, '*'].flatMap((value) =>
    ['v1', one.manifest.digest].map((reference) => ({
      name: `If-None-Match: ${value.replace(one.manifest.digest, '<digest>')} of ${reference.slice(0, 10)} is 304`,
      request: `GET ${app}/${reference}`,
      headers: { 'if-none-match': value },
      expect: { status: 304, headers: { etag: quoted } },
    })),
  ),
  {
    name: 'If-None-Match of HEAD is 304',
    request: `HEAD ${app}/v1`,
    headers: { 'if-none-match': quoted },
    expect: { status: 304, headers: { etag: quoted } },
  },
  {
    name: 'If-None-Match of another digest is 200',
    request: `GET ${app}/v2`,
    headers: { 'if-none-match': quoted },
    expect: byTag(two.manifest),
  },
  {
    name: 'a tag that moved is no longer 304',
    steps: [
      put('/v2/main/moving/manifests/v', first),
      {
        request: 'GET /v2/main/moving/manifests/v',
        headers: { 'if-none-match': `"${first.digest}"` },
        expect: { status: 304 },
      },
      put('/v2/main/moving/manifests/v', second),
      {
        request: 'GET /v2/main/moving/manifests/v',
        headers: { 'if-none-match': `"${first.digest}"` },
        expect: byTag(second),
      },
    ],
  },
  {
    name: 'If-None-Match of a tag that is not there is 404',
    request: `GET ${app}/absent`,
    headers: { 'if-none-match': '*' },
    expect: { status: 404, error: 'MANIFEST_UNKNOWN' },
  },
]

const into = '/v2/main/put/manifests'
const twelve = Array.from({ length: 12 }, (_, i) => `t${i}`)

const writing: readonly Row[] = [
  {
    name: 'by tag',
    steps: [put(`${into}/a`, one.manifest), get(`${into}/a`, one.manifest)],
  },
  {
    name: 'the address it answers can be pulled',
    steps: [put(`${into}/b`, one.manifest), get('$location', one.manifest)],
  },
  {
    name: 'by digest',
    steps: [
      put(`${into}/${one.manifest.digest}`, one.manifest, {
        expect: stored(one.manifest, { location: `${into}/${one.manifest.digest}` }),
      }),
      get(`${into}/${one.manifest.digest}`, one.manifest),
    ],
  },
  {
    name: 'by percent-encoded digest',
    steps: [
      put(`${into}/${encoded}`, one.manifest, {
        expect: stored(one.manifest, { location: `${into}/${one.manifest.digest}` }),
      }),
    ],
  },
  {
    name: 'by sha512 digest',
    steps: [
      put(`${into}/${long.manifest.digest}`, long.manifest),
      get(`${into}/${long.manifest.digest}`, long.manifest),
    ],
  },
  {
    name: 'with the body chunked',
    steps: [put(`${into}/c`, one.manifest, { chunked: true }), get(`${into}/c`, one.manifest)],
  },
  {
    name: 'after 100 Continue',
    steps: [
      put(`${into}/d`, one.manifest, { expectContinue: true }),
      get(`${into}/d`, one.manifest),
    ],
  },
  {
    name: 'again and again',
    steps: [put(`${into}/e`, one.manifest), put(`${into}/e`, one.manifest)],
  },
  {
    name: 'a tag is moved, and the manifest it left stays',
    steps: [
      put(`${into}/f`, first),
      put(`${into}/f`, second),
      get(`${into}/f`, second),
      get(`${into}/${first.digest}`, first),
    ],
  },
  {
    name: 'tags differ by case',
    steps: [
      put(`${into}/case`, first),
      put(`${into}/CASE`, second),
      get(`${into}/case`, first),
      get(`${into}/CASE`, second),
    ],
  },
  {
    name: 'a tag of 128 characters',
    steps: [put(`${into}/${'x'.repeat(128)}`, first), get(`${into}/${'x'.repeat(128)}`, first)],
  },
  ...['_', '0', 'A', 'v1.2.3-rc.1_build', 'sha256-abcdef.sig', 'a..b', 'list', 'uploads'].map(
    (tag) => ({
      name: `the tag ${tag}`,
      steps: [put(`${into}/${tag}`, first), get(`${into}/${tag}`, first)],
    }),
  ),
  ...['.a', '-a', 'a%20b', 'x'.repeat(129), 'a+b', 'a~b', '%C3%A4', 'a%2Fb', 'a%00'].map((tag) => ({
    name: `the invalid tag ${tag.slice(0, 20)}`,
    steps: [
      put(`${into}/${tag}`, first, {
        // With a slash in it, it is another path altogether.
        expect: { status: [400, 404], error: ['MANIFEST_INVALID', 'NAME_INVALID', 'UNSUPPORTED'] },
      }),
    ],
  })),
  {
    name: 'by a digest that is another',
    steps: [
      put(`${into}/${absentDigest('other')}`, one.manifest, {
        expect: { status: 400, error: 'DIGEST_INVALID' },
      }),
      missing(`GET ${into}/${absentDigest('other')}`),
    ],
  },
  {
    name: 'with white space after it by the digest without',
    steps: [
      put(
        `${into}/${first.digest}`,
        { ...first, bytes: Buffer.concat([first.bytes, Buffer.from('  ')]) },
        {
          expect: { status: 400, error: 'DIGEST_INVALID' },
        },
      ),
    ],
  },
  ...[
    'sha256:baddigeststring',
    `md5:${'0'.repeat(32)}`,
    `sha256:${first.digest.slice(7).toUpperCase()}`,
  ].map((digest) => ({
    name: `by the digest ${digest.slice(0, 24)}`,
    steps: [put(`${into}/${digest}`, first, { expect: { status: 400, error: 'DIGEST_INVALID' } })],
  })),
  {
    name: 'bytes are kept as they came, white space and all',
    steps: spaced(),
  },
  {
    name: 'with a token of pull and push',
    steps: [put(`${into}/token`, first, { scopes: ['repository:main/put:pull,push'] })],
  },
]

function spaced(): readonly Step[] {
  const text = ` {\r\n\t"manifests" : [ ] , "schemaVersion":2,\n"mediaType":"${mediaTypes.index}", "ü":"\\u00fc" }\n\n`
  const manifest = { ...contentOf(text), mediaType: mediaTypes.index }
  return [put(`${into}/spaced`, manifest), get(`${into}/spaced`, manifest)]
}

const query = (tags: readonly string[]) => tags.map((tag) => `tag=${tag}`).join('&')

const manyTags: readonly Row[] = [
  {
    name: 'several tags at once',
    steps: [
      put(`${into}/${first.digest}?tag=m1&tag=m1.2&tag=m1.2.3`, first, {
        expect: {
          ...stored(first),
          check: (answer) =>
            expect(tagsOf(headerLines(answer, 'oci-tag'))).toEqual(['m1', 'm1.2', 'm1.2.3']),
        },
      }),
      get(`${into}/m1`, first),
      get(`${into}/m1.2`, first),
      get(`${into}/m1.2.3`, first),
    ],
  },
  {
    name: 'one tag',
    steps: [
      put(`${into}/${first.digest}?tag=solo`, first, {
        expect: stored(first, { 'oci-tag': 'solo' }),
      }),
      get(`${into}/solo`, first),
    ],
  },
  {
    name: 'a dozen tags',
    steps: [
      put(`${into}/${first.digest}?${query(twelve)}`, first, {
        expect: {
          ...stored(first),
          check: (answer) =>
            expect(tagsOf(headerLines(answer, 'oci-tag'))).toEqual([...twelve].sort()),
        },
      }),
      get(`${into}/t11`, first),
    ],
  },
  {
    name: 'the same tag twice',
    steps: [put(`${into}/${first.digest}?tag=twin&tag=twin`, first), get(`${into}/twin`, first)],
  },
  {
    name: 'tags for a sha512 digest',
    steps: [
      put(`${into}/${multi.manifest.digest}?tag=s256`, multi.manifest),
      put(`${into}/${long.manifest.digest}?tag=s512a&tag=s512b`, long.manifest),
      get(`${into}/s512a`, long.manifest),
      get(`${into}/s512b`, long.manifest),
      get(`${into}/s256`, multi.manifest),
    ],
  },
  {
    name: 'tags move together',
    steps: [
      put(`${into}/${first.digest}?tag=g1&tag=g2`, first),
      put(`${into}/${second.digest}?tag=g1&tag=g2`, second),
      get(`${into}/g1`, second),
      get(`${into}/g2`, second),
    ],
  },
  {
    name: 'without tags there is no OCI-Tag',
    steps: [put(`${into}/${first.digest}`, first, { expect: stored(first, { 'oci-tag': null }) })],
  },
  {
    name: 'one invalid tag among them and none is set',
    steps: [
      put(`${into}/${first.digest}?tag=good1&tag=not%20good`, first, {
        expect: { status: 400, error: 'MANIFEST_INVALID' },
      }),
      missing(`GET ${into}/good1`),
    ],
  },
  {
    name: 'an empty tag',
    steps: [
      put(`${into}/${first.digest}?tag=`, first, {
        expect: { status: 400, error: 'MANIFEST_INVALID' },
      }),
    ],
  },
  {
    name: 'too many tags',
    steps: [
      put(
        `${into}/${first.digest}?${query(Array.from({ length: 1000 }, (_, i) => `n${i}`))}`,
        first,
        {
          expect: { status: 414 },
        },
      ),
      missing(`GET ${into}/n0`),
    ],
  },
  {
    name: 'tags for a manifest that is refused',
    steps: [
      put(`${into}/${absentDigest('refused')}?tag=refused`, first, {
        expect: { status: 400, error: 'DIGEST_INVALID' },
      }),
      missing(`GET ${into}/refused`),
    ],
  },
]

function tagsOf(lines: readonly string[]): string[] {
  return lines.flatMap((line) => line.split(',').map((tag) => tag.trim())).sort()
}

const limit = 4 * 1024 * 1024
/** An index of exactly this many bytes. */
function sized(bytes: number): ManifestContent {
  const around = index([], { annotations: { fill: '' } }).size
  return index([], { annotations: { fill: 'x'.repeat(bytes - around) } })
}
const largest = sized(limit)
const tooLarge = sized(limit + 1)
const refusedSize = { status: 413, error: 'MANIFEST_INVALID' }

const limits: readonly Row[] = [
  {
    name: '4 MiB are accepted',
    steps: [
      put(`${into}/largest`, largest),
      { request: `HEAD ${into}/largest`, expect: { status: 200, headers: described(largest) } },
      get(`${into}/${largest.digest}`, largest),
    ],
  },
  {
    name: '4 MiB chunked are accepted',
    steps: [put(`${into}/largest-chunked`, largest, { chunked: true })],
  },
  {
    name: 'one byte more is refused',
    steps: [put(`${into}/large`, tooLarge, { expect: refusedSize }), missing(`GET ${into}/large`)],
  },
  {
    name: 'one byte more, chunked, is refused',
    steps: [put(`${into}/large`, tooLarge, { chunked: true, expect: refusedSize })],
  },
  {
    name: 'a size that is only announced is refused before the body',
    steps: [
      put(`${into}/large`, tooLarge, {
        expectContinue: true,
        expect: { ...refusedSize, check: (answer) => expect(answer.continued).toBe(false) },
      }),
    ],
  },
]

const overwriting: readonly Row[] = [
  {
    name: 'never: a tag cannot be moved, not even by Admin',
    steps: [
      put('/v2/frozen/app/manifests/v1', second, {
        expect: { status: 403, error: 'DENIED', says: 'v1' },
      }),
      get('/v2/frozen/app/manifests/v1', first),
    ],
  },
  {
    name: 'never: pushing the same again is no overwriting',
    steps: [put('/v2/frozen/app/manifests/v1', first)],
  },
  {
    name: 'never: a new tag can be set',
    steps: [put('/v2/frozen/app/manifests/v2', second), get('/v2/frozen/app/manifests/v2', second)],
  },
  {
    name: 'never: of several tags none is set when one cannot be moved',
    steps: [
      put(`/v2/frozen/app/manifests/${second.digest}?tag=new1&tag=v1`, second, {
        expect: { status: 403, error: 'DENIED' },
      }),
      missing('GET /v2/frozen/app/manifests/new1'),
      get('/v2/frozen/app/manifests/v1', first),
    ],
  },
  {
    name: 'permission: a key that may add cannot move a tag',
    steps: [
      put('/v2/careful/app/manifests/v1', second, {
        as: 'carefulAdd',
        expect: { status: 403, error: 'DENIED', says: 'v1' },
      }),
      get('/v2/careful/app/manifests/v1', first),
    ],
  },
  {
    name: 'permission: a key that may add can push the same again and set new tags',
    steps: [
      put('/v2/careful/app/manifests/v1', first, { as: 'carefulAdd' }),
      put('/v2/careful/app/manifests/v3', second, { as: 'carefulAdd' }),
    ],
  },
  {
    name: 'permission: a key that may overwrite moves it',
    steps: [
      put('/v2/careful/app/manifests/moves', first),
      put('/v2/careful/app/manifests/moves', second, { as: 'carefulDelete' }),
      get('/v2/careful/app/manifests/moves', second),
    ],
  },
  {
    name: 'permission: Admin moves it',
    steps: [
      put('/v2/careful/app/manifests/moved', first),
      put('/v2/careful/app/manifests/moved', second),
      get('/v2/careful/app/manifests/moved', second),
    ],
  },
]

const kept = plain('kept')
const doomed = plain('doomed')

const deleting: readonly Row[] = [
  {
    name: 'a tag cannot be deleted over /v2 unless the feed allows it',
    steps: [
      put('/v2/main/del1/manifests/v1', kept),
      {
        request: 'DELETE /v2/main/del1/manifests/v1',
        expect: {
          status: 405,
          error: 'UNSUPPORTED',
          says: /digest/i,
          headers: { allow: /^(?!.*DELETE)/ },
        },
      },
      get('/v2/main/del1/manifests/v1', kept),
    ],
  },
  {
    name: 'where the feed allows it a tag goes and its manifest stays',
    steps: [
      put('/v2/deleting/del2/manifests/v1', kept),
      put('/v2/deleting/del2/manifests/v2', kept),
      { request: 'DELETE /v2/deleting/del2/manifests/v1', expect: { status: 202 } },
      missing('GET /v2/deleting/del2/manifests/v1'),
      get('/v2/deleting/del2/manifests/v2', kept),
      get(`/v2/deleting/del2/manifests/${kept.digest}`, kept),
    ],
  },
  {
    name: 'the last tag goes and its manifest stays',
    steps: [
      put('/v2/deleting/del3/manifests/v1', kept),
      { request: 'DELETE /v2/deleting/del3/manifests/v1', expect: { status: 202 } },
      get(`/v2/deleting/del3/manifests/${kept.digest}`, kept),
      {
        request: 'GET /v2/deleting/del3/tags/list',
        expect: { status: 200, json: { name: 'deleting/del3', tags: [] } },
      },
    ],
  },
  {
    name: 'a tag that is not there cannot be deleted',
    steps: [
      put('/v2/deleting/del4/manifests/v1', kept),
      missing('DELETE /v2/deleting/del4/manifests/absent'),
    ],
  },
  {
    name: 'a manifest goes with all its tags',
    steps: [
      put('/v2/main/del5/manifests/v1', doomed),
      put('/v2/main/del5/manifests/v2', doomed),
      put('/v2/main/del5/manifests/other', kept),
      { request: `DELETE /v2/main/del5/manifests/${doomed.digest}`, expect: { status: 202 } },
      missing(`GET /v2/main/del5/manifests/${doomed.digest}`),
      { request: `HEAD /v2/main/del5/manifests/${doomed.digest}`, expect: { status: 404 } },
      missing('GET /v2/main/del5/manifests/v1'),
      missing('GET /v2/main/del5/manifests/v2'),
      {
        request: 'GET /v2/main/del5/tags/list',
        expect: { status: 200, json: { name: 'main/del5', tags: ['other'] } },
      },
    ],
  },
  {
    name: 'a manifest of another repository stays',
    steps: [
      put('/v2/main/del6/manifests/v1', doomed),
      put('/v2/main/del7/manifests/v1', doomed),
      { request: `DELETE /v2/main/del6/manifests/${doomed.digest}`, expect: { status: 202 } },
      get('/v2/main/del7/manifests/v1', doomed),
    ],
  },
  {
    name: 'a second delete finds nothing',
    steps: [
      put('/v2/main/del8/manifests/v1', doomed),
      put('/v2/main/del8/manifests/kept', kept),
      { request: `DELETE /v2/main/del8/manifests/${doomed.digest}`, expect: { status: 202 } },
      missing(`DELETE /v2/main/del8/manifests/${doomed.digest}`),
    ],
  },
  {
    name: 'by percent-encoded digest and a token',
    steps: [
      put('/v2/main/del9/manifests/v1', doomed),
      {
        request: `DELETE /v2/main/del9/manifests/${doomed.digest.replace(':', '%3A')}`,
        scopes: ['repository:main/del9:*'],
        expect: { status: 202 },
      },
    ],
  },
  {
    name: 'a deleted manifest can be pushed again',
    steps: [
      put('/v2/main/del10/manifests/v1', doomed),
      { request: `DELETE /v2/main/del10/manifests/${doomed.digest}`, expect: { status: 202 } },
      put('/v2/main/del10/manifests/v1', doomed),
      get('/v2/main/del10/manifests/v1', doomed),
    ],
  },
  {
    name: 'a child of a live index is kept, and the index named',
    steps: [
      {
        request: `DELETE /v2/main/tree/manifests/${child.manifest.digest}`,
        expect: { status: 409, error: 'DENIED', says: parent.digest },
      },
      get('/v2/main/tree/manifests/child', child.manifest),
    ],
  },
  {
    name: 'an index inside an index is kept, and the outer one named',
    request: `DELETE /v2/main/tree/manifests/${parent.digest}`,
    expect: { status: 409, error: 'DENIED', says: grandparent.digest },
  },
  {
    name: 'a manifest that is not there',
    request: `DELETE ${app}/${absentDigest('delete')}`,
    expect: { status: 404, error: 'MANIFEST_UNKNOWN' },
  },
  {
    name: 'a repository that is not there',
    request: `DELETE /v2/main/never/manifests/${absentDigest('delete')}`,
    expect: { status: 404, error: ['NAME_UNKNOWN', 'MANIFEST_UNKNOWN'] },
  },
  {
    name: 'a digest that is none',
    request: `DELETE ${app}/sha256:short`,
    expect: { status: 400, error: 'DIGEST_INVALID' },
  },
]

describe('reading', () => testRows(reading, table))
describe('unknown', () => testRows(unknown, table))
describe('negotiation', () => testRows(negotiation, table))
describe('conditional requests', () => testRows(conditional, table))
describe('writing', () => testRows(writing, table))
describe('several tags', () => testRows(manyTags, table))
describe('limits', () => testRows(limits, table))
describe('overwriting', () => testRows(overwriting, table))
describe('deleting', () => testRows(deleting, table))

describe('HEAD answers what GET answers', () => {
  const targets: readonly (readonly [string, string, string?])[] = [
    ['a manifest by tag', `${app}/v1`],
    ['a manifest by digest', `${app}/${one.manifest.digest}`],
    ['a sha512 manifest', `${app}/${long.manifest.digest}`],
    ['an index', '/v2/main/tree/manifests/parent'],
    ['a Docker manifest', `${app}/docker`],
    ['an unknown tag', `${app}/absent`],
    ['a config digest', `${app}/${one.config.digest}`],
    ['an invalid digest', `${app}/sha256:short`],
    ['an invalid name', '/v2/main/UPPER/manifests/v1'],
    ['an unknown repository', '/v2/main/never/manifests/v1'],
    ['an unknown feed', '/v2/nosuch/app/manifests/v1'],
    ['no credentials', `${app}/v1`, 'anonymous'],
    ['wrong credentials', `${app}/v1`, 'wrong'],
    ['a feed that may not be seen', `${app}/v1`, 'carefulAdd'],
    ['ping', '/v2/'],
    ['ping without credentials', '/v2/', 'anonymous'],
  ]
  test.for(targets)('%s', async ([, target, as]) => {
    await compareHeadWithGet(table(), { target, ...(as === undefined ? {} : { as }) })
  })
})

describe('trees', () => {
  test('deleting an index leaves its children for a while, and then they can be deleted', async () => {
    const leaf = image('leaf', { layerCount: 1 })
    const over = index([descriptor(leaf.manifest)])
    await pushImage(table(), 'main/felled', leaf)
    await pushManifest(table(), 'main/felled', over, 'v1')
    const root = '/v2/main/felled/manifests'
    const run = new Run(table())
    await run.step({
      request: `DELETE ${root}/${leaf.manifest.digest}`,
      expect: { status: 409, error: 'DENIED', says: over.digest },
    })
    await run.step({ request: `DELETE ${root}/${over.digest}`, expect: { status: 202 } })
    await run.step(missing(`GET ${root}/v1`))
    await run.step(get(`${root}/${leaf.manifest.digest}`, leaf.manifest))
    await run.step({ request: `DELETE ${root}/${leaf.manifest.digest}`, expect: { status: 202 } })
    await run.step(missing(`GET ${root}/${leaf.manifest.digest}`))
  })

  test('once its manifest is gone a layer can be deleted, or used by the next push', async () => {
    const old = image('old', { layerCount: 1 })
    const [layer = old.config] = old.layers
    await pushImage(table(), 'main/layers', old, ['v1'])
    const run = new Run(table())
    const layerStep = (method: string, status: number) => ({
      request: `${method} /v2/main/layers/blobs/${layer.digest}`,
      expect: { status },
    })
    await run.step(layerStep('DELETE', 409))
    await run.step({
      request: `DELETE /v2/main/layers/manifests/${old.manifest.digest}`,
      expect: { status: 202 },
    })
    await run.step(layerStep('HEAD', 200))
    await run.step(put('/v2/main/layers/manifests/v1', old.manifest))
    await run.step(layerStep('DELETE', 409))
    await run.step({
      request: `DELETE /v2/main/layers/manifests/${old.manifest.digest}`,
      expect: { status: 202 },
    })
    await run.step(layerStep('DELETE', 202))
    await run.step({
      ...put('/v2/main/layers/manifests/v1', old.manifest),
      expect: { status: 400, error: 'MANIFEST_BLOB_UNKNOWN', says: layer.digest },
    })
  })
})
