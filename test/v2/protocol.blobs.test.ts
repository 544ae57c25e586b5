import { describe, expect, test } from 'vitest'
import { absentDigest, blob, contentOf, image } from '../support/content.ts'
import { pushBlob, pushImage } from '../support/push.ts'
import { compareHeadWithGet, type Row, testRows } from '../support/rows.ts'
import { useServer } from '../support/server.ts'
import type { Answer } from '../support/wire.ts'

const content = blob('ranges', 2048)
const big = blob('sha512', 3000, 'sha512')
const empty = contentOf('')
const elsewhere = blob('elsewhere')
const used = image('in use')
const [usedLayer = used.config] = used.layers
const shared = blob('shared')
const doomed = Array.from({ length: 4 }, (_, i) => blob(`doomed ${i}`))

const { table } = useServer(async (setUp) => {
  for (const one of [content, big, empty, shared, ...doomed]) await pushBlob(setUp, 'main/app', one)
  for (const one of [elsewhere, shared]) await pushBlob(setUp, 'main/other', one)
  await pushImage(setUp, 'main/used', used, ['v1'])
  return undefined
})

const target = `/v2/main/app/blobs/${content.digest}`
const etag = `"${content.digest}"`
const found = {
  'content-type': 'application/octet-stream',
  'docker-content-digest': content.digest,
  'content-length': '2048',
  etag,
  'accept-ranges': 'bytes',
  'cache-control': /immutable/,
}

const plain: readonly Row[] = [
  {
    name: 'GET gives the bytes',
    request: `GET ${target}`,
    expect: { status: 200, headers: found, body: content.bytes },
  },
  {
    name: 'HEAD gives what GET would, without the bytes',
    request: `HEAD ${target}`,
    expect: { status: 200, headers: found },
  },
  {
    name: 'the digest may be percent-encoded',
    request: `GET ${target.replace('sha256:', 'sha256%3A')}`,
    expect: { status: 200, headers: found, body: content.bytes },
  },
  {
    name: 'the digest may be percent-encoded in lower case',
    request: `HEAD ${target.replace('sha256:', 'sha256%3a')}`,
    expect: { status: 200, headers: found },
  },
  {
    name: 'a query is ignored',
    request: `GET ${target}?ns=registry.example.test`,
    expect: { status: 200, body: content.bytes },
  },
  {
    name: 'what the client would decompress does not matter',
    request: `GET ${target}`,
    headers: { 'accept-encoding': 'zstd, gzip, deflate' },
    expect: { status: 200, headers: { ...found, vary: null }, body: content.bytes },
  },
  {
    name: 'what the client accepts does not matter',
    request: `GET ${target}`,
    headers: { accept: 'application/json' },
    expect: { status: 200, headers: found, body: content.bytes },
  },
  {
    name: 'a token with pull',
    request: `GET ${target}`,
    scopes: ['repository:main/app:pull'],
    expect: { status: 200, body: content.bytes },
  },
  {
    name: 'a sha512 blob',
    request: `GET /v2/main/app/blobs/${big.digest}`,
    expect: {
      status: 200,
      headers: { 'docker-content-digest': big.digest, etag: `"${big.digest}"` },
      body: big.bytes,
    },
  },
  {
    name: 'HEAD of a sha512 blob',
    request: `HEAD /v2/main/app/blobs/${big.digest}`,
    expect: { status: 200, headers: { 'content-length': '3000' } },
  },
  {
    name: 'an empty blob',
    request: `GET /v2/main/app/blobs/${empty.digest}`,
    expect: { status: 200, headers: { 'content-length': '0' }, body: '' },
  },
  {
    name: 'HEAD of an empty blob',
    request: `HEAD /v2/main/app/blobs/${empty.digest}`,
    expect: { status: 200, headers: { 'content-length': '0' } },
  },
]

const conditional: readonly Row[] = [
  ...[etag, `W/${etag}`, `"sha256:other", ${etag}`, '*', ` ${etag} `].map((value) => ({
    name: `If-None-Match: ${value.replaceAll(content.digest, '<digest>')} is 304`,
    request: `GET ${target}`,
    headers: { 'if-none-match': value },
    expect: { status: 304, headers: { etag } },
  })),
  {
    name: 'If-None-Match of HEAD is 304 too',
    request: `HEAD ${target}`,
    headers: { 'if-none-match': etag },
    expect: { status: 304, headers: { etag } },
  },
  ...[`"${absentDigest('x')}"`, '"x"', content.digest.slice(0, 20)].map((value) => ({
    name: `If-None-Match: ${value.slice(0, 20)} is 200`,
    request: `GET ${target}`,
    headers: { 'if-none-match': value },
    expect: { status: 200, body: content.bytes },
  })),
  {
    name: 'If-None-Match of a blob that is not here is 404',
    request: `GET /v2/main/app/blobs/${absentDigest('x')}`,
    headers: { 'if-none-match': '*' },
    expect: { status: 404, error: 'BLOB_UNKNOWN' },
  },
]

const part = (value: string, start: number, end: number): Row => ({
  name: `Range: ${value}`,
  request: `GET ${target}`,
  headers: { range: value },
  expect: {
    status: 206,
    headers: {
      'content-type': 'application/octet-stream',
      'content-range': `bytes ${start}-${end}/2048`,
      'content-length': String(end - start + 1),
      'docker-content-digest': content.digest,
      etag,
    },
    body: content.bytes.subarray(start, end + 1),
  },
})
const whole = (value: string): Row => ({
  name: `Range: ${value.slice(0, 40)} is ignored`,
  request: `GET ${target}`,
  headers: { range: value },
  expect: { status: 200, headers: { ...found, 'content-range': null }, body: content.bytes },
})
const unsatisfiable = (value: string): Row => ({
  name: `Range: ${value} is 416`,
  request: `GET ${target}`,
  headers: { range: value },
  expect: {
    status: 416,
    error: 'RANGE_INVALID',
    headers: { 'content-range': 'bytes */2048' },
  },
})

const singleRanges: readonly Row[] = [
  part('bytes=0-0', 0, 0),
  part('bytes=0-2047', 0, 2047),
  part('bytes=0-', 0, 2047),
  part('bytes=500-1499', 500, 1499),
  part('bytes=500-', 500, 2047),
  part('bytes=-500', 1548, 2047),
  part('bytes=-1', 2047, 2047),
  part('bytes=-5000', 0, 2047),
  part('bytes=2000-5000', 2000, 2047),
  part('bytes=2047-', 2047, 2047),
  part('bytes=2047-2047', 2047, 2047),
  part('bytes= 10-19', 10, 19),
  part('BYTES=10-19', 10, 19),
  unsatisfiable('bytes=2048-'),
  unsatisfiable('bytes=5000-10000'),
  unsatisfiable('bytes=500-0'),
  unsatisfiable('bytes=-0'),
  unsatisfiable('bytes=99999999999999999999-'),
  whole('items=0-9'),
  whole('bytes=abc'),
  whole('bytes=-'),
  whole('bytes=1-2-3'),
  whole('bytes'),
  whole('bytes='),
  whole('bytes=0-9,abc'),
  {
    name: 'Range of HEAD is ignored',
    request: `HEAD ${target}`,
    headers: { range: 'bytes=0-9' },
    expect: { status: 200, headers: { ...found, 'content-range': null } },
  },
  {
    name: 'Range with a fitting If-Range',
    request: `GET ${target}`,
    headers: { range: 'bytes=0-9', 'if-range': etag },
    expect: { status: 206, body: content.bytes.subarray(0, 10) },
  },
  {
    name: 'Range with another If-Range is the whole',
    request: `GET ${target}`,
    headers: { range: 'bytes=0-9', 'if-range': `"${absentDigest('x')}"` },
    expect: { status: 200, body: content.bytes },
  },
  {
    name: 'Range with a weak If-Range is the whole',
    request: `GET ${target}`,
    headers: { range: 'bytes=0-9', 'if-range': `W/${etag}` },
    expect: { status: 200, body: content.bytes },
  },
  {
    name: 'Range with a date in If-Range is the whole',
    request: `GET ${target}`,
    headers: { range: 'bytes=0-9', 'if-range': 'Wed, 21 Oct 2026 07:28:00 GMT' },
    expect: { status: 200, body: content.bytes },
  },
  {
    name: 'If-None-Match comes before Range',
    request: `GET ${target}`,
    headers: { range: 'bytes=0-9', 'if-none-match': etag },
    expect: { status: 304 },
  },
  {
    name: 'Range of a sha512 blob',
    request: `GET /v2/main/app/blobs/${big.digest}`,
    headers: { range: 'bytes=2990-' },
    expect: {
      status: 206,
      headers: { 'content-range': 'bytes 2990-2999/3000' },
      body: big.bytes.subarray(2990),
    },
  },
  {
    name: 'Range of a blob that is not here is 404',
    request: `GET /v2/main/app/blobs/${absentDigest('x')}`,
    headers: { range: 'bytes=0-9' },
    expect: { status: 404, error: 'BLOB_UNKNOWN' },
  },
  {
    name: 'Range of an empty blob',
    request: `GET /v2/main/app/blobs/${empty.digest}`,
    headers: { range: 'bytes=0-' },
    expect: { status: [200, 416] },
  },
]

interface Part {
  readonly contentRange: string
  readonly bytes: Buffer
}

/** RFC 9110, 14.6. */
function partsOf(answer: Answer): Part[] {
  const [, boundary] =
    /^multipart\/byteranges; ?boundary="?([^";]+)"?$/.exec(answer.headers['content-type'] ?? '') ??
    []
  if (boundary === undefined) throw new Error(`no multipart: ${answer.headers['content-type']}`)
  const text = answer.body.toString('latin1')
  const pieces = text.split(`--${boundary}`)
  expect(pieces.at(-1)?.trim()).toBe('--')
  return pieces.slice(1, -1).map((piece) => {
    const [head = '', ...rest] = piece.split('\r\n\r\n')
    const [, contentRange = ''] = /^content-range: (.*)$/im.exec(head) ?? []
    expect(head).toMatch(/^content-type: application\/octet-stream$/im)
    const body = rest.join('\r\n\r\n')
    expect(body.endsWith('\r\n')).toBe(true)
    return { contentRange, bytes: Buffer.from(body.slice(0, -2), 'latin1') }
  })
}

const multi = (name: string, ranges: readonly (readonly [string, number, number])[]): Row => ({
  name,
  request: `GET ${target}`,
  headers: { range: `bytes=${ranges.map(([text]) => text).join(',')}` },
  expect: {
    status: 206,
    headers: { 'content-range': null, 'docker-content-digest': content.digest, etag },
    check: (answer) => {
      const parts = partsOf(answer)
      expect(parts.map((one) => one.contentRange)).toEqual(
        ranges.map(([, start, end]) => `bytes ${start}-${end}/2048`),
      )
      for (const [i, [, start, end]] of ranges.entries()) {
        const bytes = parts[i]?.bytes ?? Buffer.alloc(0)
        expect(bytes.equals(content.bytes.subarray(start, end + 1)), `part ${i}`).toBe(true)
      }
    },
  },
})

const sameByte = (count: number) =>
  Array.from({ length: count }, (_, i) => [`${i}-${i}`, i, i] as const)

const multipleRanges: readonly Row[] = [
  multi('two ranges', [
    ['0-99', 0, 99],
    ['500-599', 500, 599],
  ]),
  multi('ranges in the order asked for', [
    ['1000-1009', 1000, 1009],
    ['0-9', 0, 9],
    ['500-509', 500, 509],
  ]),
  multi('neighbours are not joined', [
    ['0-99', 0, 99],
    ['100-199', 100, 199],
    ['200-299', 200, 299],
  ]),
  multi('ranges that overlap', [
    ['0-199', 0, 199],
    ['100-299', 100, 299],
  ]),
  multi('the same range twice', [
    ['7-9', 7, 9],
    ['7-9', 7, 9],
  ]),
  multi('open, suffix and clipped ranges', [
    ['2000-', 2000, 2047],
    ['-8', 2040, 2047],
    ['2040-9999', 2040, 2047],
  ]),
  multi('spaces between ranges', [
    ['0-1', 0, 1],
    [' 4-5', 4, 5],
    ['  8-9', 8, 9],
  ]),
  multi('512 ranges', sameByte(512)),
  {
    name: '513 ranges are the whole',
    request: `GET ${target}`,
    headers: {
      range: `bytes=${sameByte(513)
        .map(([text]) => text)
        .join(',')}`,
    },
    expect: { status: 200, headers: found, body: content.bytes },
  },
  {
    name: 'only ranges beyond the end are 416',
    request: `GET ${target}`,
    headers: { range: 'bytes=3000-3001,4000-' },
    expect: { status: 416, headers: { 'content-range': 'bytes */2048' } },
  },
  {
    name: 'one range beyond the end never shifts the others',
    request: `GET ${target}`,
    headers: { range: 'bytes=0-9,9000-9001,20-29' },
    // One part less than asked for would be taken for the wrong part.
    expect: { status: [200, 416] },
  },
]

const missing: readonly Row[] = [
  {
    name: 'GET of a blob that is not here',
    request: `GET /v2/main/app/blobs/${absentDigest('x')}`,
    expect: { status: 404, error: 'BLOB_UNKNOWN', headers: { etag: null } },
  },
  {
    name: 'HEAD of a blob that is not here',
    request: `HEAD /v2/main/app/blobs/${absentDigest('x')}`,
    expect: { status: 404, headers: { 'docker-content-digest': null } },
  },
  {
    name: 'a blob of another repository',
    request: `GET /v2/main/app/blobs/${elsewhere.digest}`,
    expect: { status: 404, error: 'BLOB_UNKNOWN' },
  },
  {
    name: 'a manifest is no blob',
    request: `GET /v2/main/used/blobs/${used.manifest.digest}`,
    expect: { status: 404, error: 'BLOB_UNKNOWN' },
  },
  {
    name: 'a repository that was never pushed',
    request: `GET /v2/main/never/blobs/${content.digest}`,
    expect: { status: 404, error: ['NAME_UNKNOWN', 'BLOB_UNKNOWN'] },
  },
  ...[
    'sha256:short',
    'latest',
    `md5:${'0'.repeat(32)}`,
    `sha256:${'A'.repeat(64)}`,
    `sha256:${'z'.repeat(64)}`,
    `sha256%3A${'0'.repeat(63)}`,
  ].map((digest) => ({
    name: `the digest ${digest.slice(0, 20)} is refused`,
    request: `GET /v2/main/app/blobs/${digest}`,
    expect: { status: 400, error: 'DIGEST_INVALID' },
  })),
]

const deletion: readonly Row[] = [
  {
    name: 'a blob that nothing uses goes',
    steps: [
      { request: `DELETE /v2/main/app/blobs/${doomed[0]?.digest}`, expect: { status: 202 } },
      { request: `HEAD /v2/main/app/blobs/${doomed[0]?.digest}`, expect: { status: 404 } },
      {
        request: `GET /v2/main/app/blobs/${doomed[0]?.digest}`,
        expect: { status: 404, error: 'BLOB_UNKNOWN' },
      },
    ],
  },
  {
    name: 'a second delete finds nothing',
    steps: [
      { request: `DELETE /v2/main/app/blobs/${doomed[1]?.digest}`, expect: { status: 202 } },
      {
        request: `DELETE /v2/main/app/blobs/${doomed[1]?.digest}`,
        expect: { status: 404, error: 'BLOB_UNKNOWN' },
      },
    ],
  },
  {
    name: 'a deleted blob can be pushed again',
    steps: [
      { request: `DELETE /v2/main/app/blobs/${doomed[2]?.digest}`, expect: { status: 202 } },
      {
        request: `POST /v2/main/app/blobs/uploads/?digest=${doomed[2]?.digest}`,
        body: doomed[2]?.bytes ?? '',
        expect: { status: 201 },
      },
      {
        request: `GET /v2/main/app/blobs/${doomed[2]?.digest}`,
        expect: { status: 200, body: doomed[2]?.bytes ?? '' },
      },
    ],
  },
  {
    name: 'by a token with delete',
    request: `DELETE /v2/main/app/blobs/${doomed[3]?.digest}`,
    scopes: ['repository:main/app:delete'],
    expect: { status: 202 },
  },
  {
    name: 'a blob deleted in one repository stays in the other',
    steps: [
      { request: `DELETE /v2/main/app/blobs/${shared.digest}`, expect: { status: 202 } },
      { request: `HEAD /v2/main/app/blobs/${shared.digest}`, expect: { status: 404 } },
      {
        request: `GET /v2/main/other/blobs/${shared.digest}`,
        expect: { status: 200, body: shared.bytes },
      },
    ],
  },
  {
    name: 'a layer in use is kept, and its manifest named',
    steps: [
      {
        request: `DELETE /v2/main/used/blobs/${usedLayer.digest}`,
        expect: { status: 409, error: 'DENIED', says: used.manifest.digest },
      },
      {
        request: `GET /v2/main/used/blobs/${usedLayer.digest}`,
        expect: { status: 200, body: usedLayer.bytes },
      },
    ],
  },
  {
    name: 'a config in use is kept, and its manifest named',
    request: `DELETE /v2/main/used/blobs/${used.config.digest}`,
    expect: { status: 409, error: 'DENIED', says: used.manifest.digest },
  },
  {
    name: 'a blob that is not here cannot be deleted',
    request: `DELETE /v2/main/app/blobs/${absentDigest('x')}`,
    expect: { status: 404, error: 'BLOB_UNKNOWN' },
  },
  {
    name: 'a blob of another repository cannot be deleted here',
    request: `DELETE /v2/main/app/blobs/${elsewhere.digest}`,
    expect: { status: 404, error: 'BLOB_UNKNOWN' },
  },
  {
    name: 'a blob of a repository that was never pushed cannot be deleted',
    request: `DELETE /v2/main/never/blobs/${content.digest}`,
    expect: { status: 404, error: ['NAME_UNKNOWN', 'BLOB_UNKNOWN'] },
  },
  {
    name: 'a digest that is none cannot be deleted',
    request: 'DELETE /v2/main/app/blobs/sha256:short',
    expect: { status: 400, error: 'DIGEST_INVALID' },
  },
]

describe('blobs', () => testRows(plain, table))
describe('conditional requests', () => testRows(conditional, table))
describe('one range', () => testRows(singleRanges, table))
describe('several ranges', () => testRows(multipleRanges, table))
describe('missing blobs', () => testRows(missing, table))
describe('deleting blobs', () => testRows(deletion, table))

describe('HEAD answers what GET answers', () => {
  const targets: readonly (readonly [string, string, string?])[] = [
    ['a blob', target],
    ['a blob of sha512', `/v2/main/app/blobs/${big.digest}`],
    ['an empty blob', `/v2/main/app/blobs/${empty.digest}`],
    ['a missing blob', `/v2/main/app/blobs/${absentDigest('x')}`],
    ['a bad digest', '/v2/main/app/blobs/nodigest'],
    ['a blob without credentials', target, 'anonymous'],
    ['a blob with a wrong password', target, 'wrong'],
    ['a blob of an unknown feed', `/v2/nosuch/app/blobs/${content.digest}`],
  ]
  test.for(targets)('%s', async ([, path, as]) => {
    await compareHeadWithGet(table(), { target: path, ...(as === undefined ? {} : { as }) })
  })
})
