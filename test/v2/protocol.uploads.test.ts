import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { absentDigest, blob, type Content, contentOf } from '../support/content.ts'
import { errorsOf, type Row, Run, type Step, testRows } from '../support/rows.ts'
import { useServer } from '../support/server.ts'
import { send, sendAndHangUp } from '../support/wire.ts'

const { table } = useServer(async (_, server) => ({
  view: (await server.createKey('main', ['view'])).authorization,
  add: (await server.createKey('main', ['view', 'add'])).authorization,
}))

const octets = { 'content-type': 'application/octet-stream' }
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$|^[\w-]{16,}$/

/** Every row uploads to a repository of its own, so that what one leaves cannot help another. */
let repositories = 0
function repository(): string {
  repositories += 1
  return `main/up/r${repositories}`
}

const escaped = (text: string) => text.replaceAll('/', '\\/')

const start = (name: string, more: Partial<Step> = {}): Step => ({
  request: `POST /v2/${name}/blobs/uploads/`,
  expect: {
    status: 202,
    headers: {
      location: new RegExp(`^${escaped(`/v2/${name}/blobs/uploads/`)}.+`),
      'docker-upload-uuid': uuid,
      range: '0-0',
      'content-length': '0',
    },
  },
  ...more,
})

const patched = (name: string, end: number) => ({
  status: 202,
  headers: {
    location: new RegExp(`^${escaped(`/v2/${name}/blobs/uploads/`)}.+`),
    'docker-upload-uuid': uuid,
    range: `0-${end}`,
    'content-length': '0',
  },
})

const committed = (name: string, content: Content) => ({
  status: 201,
  headers: {
    location: `/v2/${name}/blobs/${content.digest}`,
    'docker-content-digest': content.digest,
    'content-length': '0',
  },
})

const patch = (
  name: string,
  content: Content,
  [from, to]: readonly [number, number],
  more: Partial<Step> = {},
): Step => ({
  request: 'PATCH $location',
  headers: octets,
  body: content.bytes.subarray(from, to + 1),
  expect: patched(name, to),
  ...more,
})

const close = (name: string, content: Content, more: Partial<Step> = {}): Step => ({
  request: `PUT $location?digest=${content.digest}`,
  expect: committed(name, content),
  ...more,
})

const status = (name: string, end: number): Step => ({
  request: 'GET $location',
  expect: {
    status: 204,
    headers: {
      location: new RegExp(`^${escaped(`/v2/${name}/blobs/uploads/`)}.+`),
      'docker-upload-uuid': uuid,
      range: `0-${end}`,
    },
  },
})

const outOfOrder = (name: string, end: number) => ({
  status: 416,
  error: ['RANGE_INVALID', 'BLOB_UPLOAD_INVALID'],
  headers: {
    location: new RegExp(`^${escaped(`/v2/${name}/blobs/uploads/`)}.+`),
    'docker-upload-uuid': uuid,
    range: `0-${end}`,
  },
})

const pullable = (name: string, content: Content): Step => ({
  request: `GET /v2/${name}/blobs/${content.digest}`,
  expect: { status: 200, body: content.bytes },
})

const gone = (request: string): Step => ({
  request,
  expect: { status: 404, error: 'BLOB_UPLOAD_UNKNOWN' },
})

const range = (from: number, to: number) => ({ ...octets, 'content-range': `${from}-${to}` })

/** A row that is given its own repository and content. */
const row = (
  name: string,
  steps: (name: string, content: Content) => readonly Step[],
  content: Content = blob(`upload ${name}`, 1000),
): Row => ({ name, steps: steps(repository(), content) })

const whole: readonly Row[] = [
  row('POST then PUT with the whole body', (name, content) => [
    start(name),
    close(name, content, { headers: octets, body: content.bytes }),
    pullable(name, content),
  ]),
  row('POST then PUT with the body chunked', (name, content) => [
    start(name),
    close(name, content, { headers: octets, body: content.bytes, chunked: true }),
    pullable(name, content),
  ]),
  row('POST then PUT without a content type', (name, content) => [
    start(name),
    close(name, content, { body: content.bytes }),
    pullable(name, content),
  ]),
  row('POST then PUT with the range of the whole body', (name, content) => [
    start(name),
    close(name, content, { headers: range(0, 999), body: content.bytes }),
    pullable(name, content),
  ]),
  row('PUT waits for 100 Continue', (name, content) => [
    start(name),
    close(name, content, { body: content.bytes, expectContinue: true }),
    pullable(name, content),
  ]),
  row('a single POST with the digest', (name, content) => [
    {
      request: `POST /v2/${name}/blobs/uploads/?digest=${content.digest}`,
      headers: octets,
      body: content.bytes,
      expect: committed(name, content),
    },
    pullable(name, content),
  ]),
  row('a single POST with the body chunked', (name, content) => [
    {
      request: `POST /v2/${name}/blobs/uploads/?digest=${content.digest}`,
      headers: octets,
      body: content.bytes,
      chunked: true,
      expect: committed(name, content),
    },
    pullable(name, content),
  ]),
  row('a single POST with the digest percent-encoded', (name, content) => [
    {
      request: `POST /v2/${name}/blobs/uploads/?digest=${content.digest.replace(':', '%3A')}`,
      body: content.bytes,
      expect: committed(name, content),
    },
    pullable(name, content),
  ]),
  row('POST with an empty JSON body, as crane sends it', (name, content) => [
    start(name, { headers: { 'content-type': 'application/json' }, body: '' }),
    patch(name, content, [0, 999]),
    close(name, content),
    pullable(name, content),
  ]),
  row('POST with a form content type, as curl sends it', (name, content) => [
    start(name, { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: '' }),
    close(name, content, {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: content.bytes,
    }),
    pullable(name, content),
  ]),
  row('POST with a JSON object for a body is a blob when there is a digest', (name) => {
    const json = contentOf(`{"name":"${name}"}`)
    return [
      {
        request: `POST /v2/${name}/blobs/uploads/?digest=${json.digest}`,
        headers: { 'content-type': 'application/json' },
        body: json.bytes,
        expect: committed(name, json),
      },
      pullable(name, json),
    ]
  }),
  row('a blob that is here already can be pushed again', (name, content) => [
    start(name),
    close(name, content, { body: content.bytes }),
    start(name),
    close(name, content, { body: content.bytes }),
    pullable(name, content),
  ]),
  row('by a token with pull and push', (name, content) => [
    start(name, { scopes: [`repository:${name}:pull,push`] }),
    close(name, content, { body: content.bytes, scopes: [`repository:${name}:pull,push`] }),
    pullable(name, content),
  ]),
  row('by a key that may add', (name, content) => [
    start(name, { as: 'add' }),
    patch(name, content, [0, 999], { as: 'add' }),
    close(name, content, { as: 'add' }),
    { ...pullable(name, content), as: 'add' },
  ]),
  row(
    'an empty blob by POST and PUT',
    (name, content) => [
      start(name),
      close(name, content),
      { ...pullable(name, content), expect: { status: 200, body: '' } },
    ],
    contentOf(''),
  ),
  row(
    'an empty blob by PATCH',
    (name, content) => [
      start(name),
      {
        request: 'PATCH $location',
        headers: octets,
        body: '',
        expect: { status: 202, headers: { range: /^0-\d+$/, location: /./ } },
      },
      close(name, content),
      pullable(name, content),
    ],
    contentOf(''),
  ),
  row(
    'an empty blob by a single POST',
    (name, content) => [
      {
        request: `POST /v2/${name}/blobs/uploads/?digest=${content.digest}`,
        body: '',
        expect: committed(name, content),
      },
      pullable(name, content),
    ],
    contentOf(''),
  ),
  row(
    'a single byte',
    (name, content) => [
      start(name),
      patch(name, content, [0, 0]),
      close(name, content),
      pullable(name, content),
    ],
    contentOf('x'),
  ),
  row(
    'three megabytes and a bit, chunked',
    (name, content) => [
      start(name),
      patch(name, content, [0, content.size - 1], { chunked: true }),
      close(name, content),
      pullable(name, content),
    ],
    blob('three megabytes', 3 * 1024 * 1024 + 17),
  ),
]

const sha512 = (name: string) => blob(`sha512 ${name}`, 1000, 'sha512')

const algorithms: readonly Row[] = [
  row(
    'sha512 in a session that was not told of it',
    (name, content) => [
      start(name),
      close(name, content, { body: content.bytes }),
      pullable(name, content),
    ],
    sha512('a'),
  ),
  row(
    'sha512 in chunks in a session that was not told of it',
    (name, content) => [
      start(name),
      patch(name, content, [0, 499], { headers: range(0, 499) }),
      patch(name, content, [500, 999], { headers: range(500, 999) }),
      close(name, content),
      pullable(name, content),
    ],
    sha512('b'),
  ),
  row(
    'sha512 with digest-algorithm',
    (name, content) => [
      start(name, { request: `POST /v2/${name}/blobs/uploads/?digest-algorithm=sha512` }),
      patch(name, content, [0, 999]),
      close(name, content),
      pullable(name, content),
    ],
    sha512('c'),
  ),
  row(
    'sha512 by a single POST',
    (name, content) => [
      {
        request: `POST /v2/${name}/blobs/uploads/?digest=${content.digest}`,
        body: content.bytes,
        expect: committed(name, content),
      },
      pullable(name, content),
    ],
    sha512('d'),
  ),
  row('sha256 in a session for sha512', (name, content) => [
    start(name, { request: `POST /v2/${name}/blobs/uploads/?digest-algorithm=sha512` }),
    patch(name, content, [0, 999]),
    close(name, content),
    pullable(name, content),
  ]),
  row('digest-algorithm=sha256', (name, content) => [
    start(name, { request: `POST /v2/${name}/blobs/uploads/?digest-algorithm=sha256` }),
    close(name, content, { body: content.bytes }),
  ]),
  row('digest-algorithm=md5 is refused', (name) => [
    {
      request: `POST /v2/${name}/blobs/uploads/?digest-algorithm=md5`,
      expect: { status: 400, error: 'DIGEST_INVALID' },
    },
  ]),
]

const thirds = (name: string, content: Content): readonly Step[] => [
  patch(name, content, [0, 299], { headers: range(0, 299) }),
  patch(name, content, [300, 599], { headers: range(300, 599) }),
]

const chunks: readonly Row[] = [
  row('one PATCH without a range, the body chunked, as docker does', (name, content) => [
    start(name),
    patch(name, content, [0, 999], { headers: {}, chunked: true }),
    close(name, content, { body: '' }),
    { request: `HEAD /v2/${name}/blobs/${content.digest}`, expect: { status: 200 } },
  ]),
  row('one PATCH with a length and no range, as podman does', (name, content) => [
    start(name),
    patch(name, content, [0, 999]),
    close(name, content),
    pullable(name, content),
  ]),
  row('one PATCH with a range', (name, content) => [
    start(name),
    patch(name, content, [0, 999], { headers: range(0, 999) }),
    close(name, content),
    pullable(name, content),
  ]),
  row('three PATCHes with ranges', (name, content) => [
    start(name),
    ...thirds(name, content),
    patch(name, content, [600, 999], { headers: range(600, 999) }),
    close(name, content),
    pullable(name, content),
  ]),
  row('three PATCHes with ranges, the bodies chunked', (name, content) => [
    start(name),
    patch(name, content, [0, 299], { headers: range(0, 299), chunked: true }),
    patch(name, content, [300, 599], { headers: range(300, 599), chunked: true }),
    patch(name, content, [600, 999], { headers: range(600, 999), chunked: true }),
    close(name, content),
    pullable(name, content),
  ]),
  row('two PATCHes without ranges append', (name, content) => [
    start(name),
    patch(name, content, [0, 299]),
    patch(name, content, [300, 999]),
    close(name, content),
    pullable(name, content),
  ]),
  row('the last chunk in the closing PUT with a range', (name, content) => [
    start(name),
    ...thirds(name, content),
    close(name, content, { headers: range(600, 999), body: content.bytes.subarray(600) }),
    pullable(name, content),
  ]),
  row('the last chunk in the closing PUT without a range', (name, content) => [
    start(name),
    ...thirds(name, content),
    close(name, content, { headers: octets, body: content.bytes.subarray(600) }),
    pullable(name, content),
  ]),
  row('the last chunk in the closing PUT, chunked', (name, content) => [
    start(name),
    ...thirds(name, content),
    close(name, content, { body: content.bytes.subarray(600), chunked: true }),
    pullable(name, content),
  ]),
  ...['bytes 0-999/*', 'bytes 0-999/1000', 'bytes 0-999', ' 0-999 '].map((value) =>
    row(`Content-Range: ${value}`, (name, content) => [
      start(name),
      patch(name, content, [0, 999], { headers: { 'content-range': value } }),
      close(name, content),
      pullable(name, content),
    ]),
  ),
  row('a digest on PATCH is ignored, even a wrong one', (name, content) => [
    start(name),
    patch(name, content, [0, 999], { request: `PATCH $location?digest=${absentDigest('early')}` }),
    close(name, content),
  ]),
  row('a session whose address carries a digest can be sent to again', (name, content) => [
    start(name),
    patch(name, content, [0, 499], { request: `PATCH $location?digest=${content.digest}` }),
    patch(name, content, [500, 999], { headers: range(500, 999) }),
    close(name, content),
    pullable(name, content),
  ]),
  row('an empty PATCH in the middle changes nothing', (name, content) => [
    start(name),
    patch(name, content, [0, 499]),
    { request: 'PATCH $location', headers: octets, body: '', expect: patched(name, 499) },
    patch(name, content, [500, 999]),
    close(name, content),
    pullable(name, content),
  ]),
]

const statuses: readonly Row[] = [
  row('an empty session', (name) => [start(name), status(name, 0)]),
  row('a session with bytes', (name, content) => [
    start(name),
    patch(name, content, [0, 299]),
    status(name, 299),
    patch(name, content, [300, 999]),
    status(name, 999),
  ]),
  row('cancel', (name, content) => [
    start(name),
    patch(name, content, [0, 299]),
    { request: 'DELETE $location', expect: { status: 204 } },
    gone('GET $location'),
    gone('DELETE $location'),
    { ...gone('PATCH $location'), body: content.bytes },
    gone(`PUT $location?digest=${content.digest}`),
    { request: `HEAD /v2/${name}/blobs/${content.digest}`, expect: { status: 404 } },
  ]),
  row('cancel an empty session', (name) => [
    start(name),
    { request: 'DELETE $location', expect: { status: 204 } },
    gone('GET $location'),
  ]),
  row('cancel with push alone', (name) => [
    start(name),
    {
      request: 'DELETE $location',
      as: 'add',
      scopes: [`repository:${name}:pull,push`],
      expect: { status: 204 },
    },
  ]),
  ...['GET', 'PATCH', 'PUT', 'DELETE'].map((method) =>
    row(`${method} of a session that nobody began`, (name, content) => [
      {
        ...gone(
          `${method} /v2/${name}/blobs/uploads/6f1d7b0a-2f0e-4c59-9d3c-0d7b6a3c7c11?digest=${content.digest}`,
        ),
        ...(method === 'PATCH' || method === 'PUT' ? { body: content.bytes } : {}),
      },
    ]),
  ),
  ...['nonsense', '..', '%2E%2E%2Fx', 'a'.repeat(300), '%00'].map((id) =>
    row(`a session called ${id.slice(0, 20)}`, (name) => [
      {
        request: `GET /v2/${name}/blobs/uploads/${id}`,
        expect: {
          status: [404, 400],
          error: ['BLOB_UPLOAD_UNKNOWN', 'NAME_INVALID', 'UNSUPPORTED'],
        },
      },
    ]),
  ),
]

const recovery: readonly Row[] = [
  row('a PATCH that skips bytes', (name, content) => [
    start(name),
    patch(name, content, [0, 299], { headers: range(0, 299) }),
    {
      request: 'PATCH $location',
      headers: range(600, 999),
      body: content.bytes.subarray(600),
      expect: outOfOrder(name, 299),
    },
    status(name, 299),
    patch(name, content, [300, 999], { headers: range(300, 999) }),
    close(name, content),
    pullable(name, content),
  ]),
  row('a PATCH that goes back', (name, content) => [
    start(name),
    patch(name, content, [0, 499], { headers: range(0, 499) }),
    {
      request: 'PATCH $location',
      headers: range(300, 999),
      body: content.bytes.subarray(300),
      expect: outOfOrder(name, 499),
    },
    patch(name, content, [500, 999], { headers: range(500, 999) }),
    close(name, content),
    pullable(name, content),
  ]),
  row('a PATCH that was sent twice', (name, content) => [
    start(name),
    patch(name, content, [0, 499], { headers: range(0, 499) }),
    {
      request: 'PATCH $location',
      headers: range(0, 499),
      body: content.bytes.subarray(0, 500),
      expect: outOfOrder(name, 499),
    },
    patch(name, content, [500, 999], { headers: range(500, 999) }),
    close(name, content),
  ]),
  row('a first PATCH that does not begin at 0', (name, content) => [
    start(name),
    {
      request: 'PATCH $location',
      headers: range(5, 999),
      body: content.bytes.subarray(5),
      expect: outOfOrder(name, 0),
    },
    patch(name, content, [0, 999], { headers: range(0, 999) }),
    close(name, content),
    pullable(name, content),
  ]),
  row('a first PATCH that begins at 1 is not taken for the second', (name, content) => [
    start(name),
    {
      request: 'PATCH $location',
      headers: range(1, 999),
      body: content.bytes.subarray(1),
      expect: outOfOrder(name, 0),
    },
    patch(name, content, [0, 999], { headers: range(0, 999) }),
    close(name, content),
  ]),
  row('a closing PUT that skips bytes', (name, content) => [
    start(name),
    patch(name, content, [0, 299]),
    {
      request: `PUT $location?digest=${content.digest}`,
      headers: range(600, 999),
      body: content.bytes.subarray(600),
      expect: outOfOrder(name, 299),
    },
    close(name, content, { headers: range(300, 999), body: content.bytes.subarray(300) }),
    pullable(name, content),
  ]),
  row('a closing PUT that begins anew is told where to go on', (name, content) => [
    start(name),
    patch(name, content, [0, 299]),
    {
      request: `PUT $location?digest=${content.digest}`,
      headers: range(0, 999),
      body: content.bytes,
      expect: outOfOrder(name, 299),
    },
    close(name, content, { headers: range(300, 999), body: content.bytes.subarray(300) }),
    pullable(name, content),
  ]),
  ...['abc', '5-1', 'bytes */1000', '0-', '-5', 'items 0-9/10'].map((value) =>
    row(`a PATCH with Content-Range: ${value} leaves the session usable`, (name, content) => [
      start(name),
      {
        request: 'PATCH $location',
        headers: { 'content-range': value },
        body: content.bytes,
        expect: { status: [400, 416] },
      },
      status(name, 0),
      patch(name, content, [0, 999], { headers: range(0, 999) }),
      close(name, content),
      pullable(name, content),
    ]),
  ),
  row('a PATCH with fewer bytes than its range says', (name, content) => [
    start(name),
    {
      request: 'PATCH $location',
      headers: range(0, 999),
      body: content.bytes.subarray(0, 500),
      expect: { status: [400, 416] },
    },
    { request: 'GET $location', expect: { status: 204, headers: { range: /^0-(0|499)$/ } } },
  ]),
  row('a PATCH with more bytes than its range says', (name, content) => [
    start(name),
    {
      request: 'PATCH $location',
      headers: range(0, 499),
      body: content.bytes,
      expect: { status: [400, 416] },
    },
    { request: 'GET $location', expect: { status: 204, headers: { range: /^0-(0|499)$/ } } },
  ]),
  row('a wrong digest is refused and the session still usable', (name, content) => [
    start(name),
    patch(name, content, [0, 999]),
    {
      request: `PUT $location?digest=${absentDigest('wrong')}`,
      expect: { status: 400, error: 'DIGEST_INVALID' },
    },
    status(name, 999),
    close(name, content),
    pullable(name, content),
  ]),
  row('a closing PUT with a wrong digest takes its own bytes back', (name, content) => [
    start(name),
    patch(name, content, [0, 299]),
    {
      request: `PUT $location?digest=${absentDigest('wrong')}`,
      body: content.bytes.subarray(300),
      expect: { status: 400, error: 'DIGEST_INVALID' },
    },
    // As it was before: the client sends the same chunk again, or another.
    status(name, 299),
    close(name, content, { body: content.bytes.subarray(300) }),
    pullable(name, content),
  ]),
  row('a whole body that was spoilt on its way is simply sent again', (name, content) => [
    start(name),
    {
      request: `PUT $location?digest=${content.digest}`,
      body: blob('spoilt', 1000).bytes,
      expect: { status: 400, error: 'DIGEST_INVALID' },
    },
    close(name, content, { body: content.bytes }),
    pullable(name, content),
  ]),
  row('after a wrong digest nothing can be pulled under it', (name, content) => [
    start(name),
    {
      request: `PUT $location?digest=${absentDigest('never')}`,
      body: content.bytes,
      expect: { status: 400, error: 'DIGEST_INVALID' },
    },
    { request: `HEAD /v2/${name}/blobs/${absentDigest('never')}`, expect: { status: 404 } },
    { request: `HEAD /v2/${name}/blobs/${content.digest}`, expect: { status: 404 } },
  ]),
  row('a wrong sha512 digest', (name, content) => [
    start(name),
    {
      request: `PUT $location?digest=${absentDigest('wrong', 'sha512')}`,
      body: content.bytes,
      expect: { status: 400, error: 'DIGEST_INVALID' },
    },
    close(name, content, { body: content.bytes }),
    pullable(name, content),
  ]),
  row('a PUT without a digest is refused and the session still usable', (name, content) => [
    start(name),
    patch(name, content, [0, 999]),
    { request: 'PUT $location', expect: { status: 400, error: 'DIGEST_INVALID' } },
    close(name, content),
    pullable(name, content),
  ]),
  ...['sha256:short', 'nonsense', `md5:${'a'.repeat(32)}`, `sha256:${'A'.repeat(64)}`, ''].map(
    (digest) =>
      row(`a PUT with digest=${digest.slice(0, 20)} leaves the session usable`, (name, content) => [
        start(name),
        patch(name, content, [0, 999]),
        {
          request: `PUT $location?digest=${digest}`,
          expect: { status: 400, error: 'DIGEST_INVALID' },
        },
        status(name, 999),
        close(name, content),
        pullable(name, content),
      ]),
  ),
  row('a closing PUT of bytes that are not all there', (name, content) => [
    start(name),
    patch(name, content, [0, 499]),
    {
      request: `PUT $location?digest=${content.digest}`,
      expect: { status: 400, error: 'DIGEST_INVALID' },
    },
    patch(name, content, [500, 999]),
    close(name, content),
    pullable(name, content),
  ]),
  row('a single POST with a wrong digest', (name, content) => [
    {
      request: `POST /v2/${name}/blobs/uploads/?digest=${absentDigest('post')}`,
      body: content.bytes,
      expect: { status: 400, error: 'DIGEST_INVALID' },
    },
    { request: `HEAD /v2/${name}/blobs/${content.digest}`, expect: { status: 404 } },
  ]),
  row('a single POST with a digest that is none', (name, content) => [
    {
      request: `POST /v2/${name}/blobs/uploads/?digest=sha256:short`,
      body: content.bytes,
      expect: { status: 400, error: 'DIGEST_INVALID' },
    },
  ]),
  row('a view key cannot touch uploads', (name, content) => [
    {
      request: `POST /v2/${name}/blobs/uploads/`,
      as: 'view',
      expect: { status: 403, error: 'DENIED' },
    },
    start(name),
    {
      request: 'PATCH $location',
      as: 'view',
      body: content.bytes,
      expect: { status: 403, error: 'DENIED' },
    },
    {
      request: `PUT $location?digest=${content.digest}`,
      as: 'view',
      body: content.bytes,
      expect: { status: 403, error: 'DENIED' },
    },
    { request: 'DELETE $location', as: 'view', expect: { status: 403, error: 'DENIED' } },
    status(name, 0),
  ]),
]

describe('whole blobs', () => testRows(whole, table))
describe('digest algorithms', () => testRows(algorithms, table))
describe('chunks', () => testRows(chunks, table))
describe('status and cancel', () => testRows(statuses, table))
describe('refusals and recovery', () => testRows(recovery, table))

describe('retries', () => {
  const content = (name: string) => blob(`retry ${name}`, 1000)

  async function begin(name: string): Promise<{ run: Run; location: string }> {
    const run = new Run(table())
    const answer = await run.step(start(name))
    return { run, location: answer.headers.location ?? '' }
  }

  test('a PUT that was committed is 201 again, with and without its body', async () => {
    const name = repository()
    const one = content('committed')
    const { run, location } = await begin(name)
    const request = `PUT ${location}?digest=${one.digest}`
    await run.step({ request, body: one.bytes, expect: committed(name, one) })
    await run.step({ request, body: one.bytes, expect: committed(name, one) })
    await run.step({ request, expect: committed(name, one) })
    await run.step(pullable(name, one))
  })

  test('a committed session takes no other digest and no more bytes', async () => {
    const name = repository()
    const one = content('over')
    const { run, location } = await begin(name)
    await run.step({
      request: `PUT ${location}?digest=${one.digest}`,
      body: one.bytes,
      expect: committed(name, one),
    })
    await run.step(gone(`PUT ${location}?digest=${absentDigest('over')}`))
    await run.step({ ...gone(`PATCH ${location}`), body: one.bytes })
    await run.step(gone(`GET ${location}`))
    await run.step(gone(`DELETE ${location}`))
    await run.step(pullable(name, one))
  })

  test('a session is not found under another repository', async () => {
    const name = repository()
    const one = content('foreign')
    const { run, location } = await begin(name)
    const foreign = location.replace(name, 'main/up/foreign')
    await run.step(gone(`GET ${foreign}`))
    await run.step({ ...gone(`PATCH ${foreign}`), body: one.bytes })
    await run.step({ ...gone(`PUT ${foreign}?digest=${one.digest}`), body: one.bytes })
    await run.step(gone(`DELETE ${foreign}`))
    await run.step({ request: `GET ${location}`, expect: { status: 204 } })
  })

  test('a PATCH that broke off goes on where it stopped', async () => {
    const name = repository()
    const one = content('broken')
    const { run, location } = await begin(name)
    const { url, callers } = table()
    const authorization = callers.admin ?? ''
    await sendAndHangUp(
      url,
      { method: 'PATCH', target: location, headers: { authorization }, body: one.bytes },
      400,
    )
    const end = await settledEnd(run, location)
    expect(end).toBe(399)
    await run.step({
      request: `PATCH ${location}`,
      headers: range(400, 999),
      body: one.bytes.subarray(400),
      expect: patched(name, 999),
    })
    await run.step({
      request: `PUT ${location}?digest=${one.digest}`,
      expect: committed(name, one),
    })
    await run.step(pullable(name, one))
  })

  test('a closing PUT that broke off can be told from 416 where to go on', async () => {
    const name = repository()
    const one = content('broken put')
    const { run, location } = await begin(name)
    const { url, callers } = table()
    const target = `${location}?digest=${one.digest}`
    const headers = { authorization: callers.admin ?? '' }
    await sendAndHangUp(url, { method: 'PUT', target, headers, body: one.bytes }, 400)
    await settledEnd(run, location)
    const refused = await run.step({
      request: `PUT ${target}`,
      headers: range(0, 999),
      body: one.bytes,
      expect: outOfOrder(name, 399),
    })
    const from = Number(refused.headers.range?.split('-')[1]) + 1
    await run.step({
      request: `PUT ${target}`,
      headers: range(from, 999),
      body: one.bytes.subarray(from),
      expect: committed(name, one),
    })
    await run.step(pullable(name, one))
  })

  /** The end that the session names once the server has noticed that the client is gone. */
  async function settledEnd(run: Run, location: string): Promise<number> {
    let end = -1
    for (let i = 0; i < 50 && end < 399; i += 1) {
      const answer = await run.step({ request: `GET ${location}`, expect: { status: 204 } })
      end = Number(answer.headers.range?.split('-')[1])
      if (end < 399) await sleep(100)
    }
    return end
  }

  test('two clients push the same new layer at once and both succeed', async () => {
    const name = repository()
    const one = blob('twice at once', 300_000)
    const push = async () => {
      const { run, location } = await begin(name)
      await run.step({
        request: `PATCH ${location}`,
        body: one.bytes,
        chunked: true,
        expect: patched(name, one.size - 1),
      })
      await run.step({
        request: `PUT ${location}?digest=${one.digest}`,
        expect: committed(name, one),
      })
    }
    await Promise.all([push(), push(), push(), push()])
    await new Run(table()).step(pullable(name, one))
  })

  test('of two PUTs of one session at once one commits and neither spoils the blob', async () => {
    const name = repository()
    const one = blob('same session', 200_000)
    const { run, location } = await begin(name)
    const { url, callers } = table()
    const put = async () => {
      const headers = { authorization: callers.admin ?? '', ...range(0, one.size - 1) }
      const target = `${location}?digest=${one.digest}`
      try {
        const answer = await send(url, { method: 'PUT', target, headers, body: one.bytes })
        if (answer.status === 400) expect(errorsOf(answer)[0]?.code).toBe('BLOB_UPLOAD_INVALID')
        return answer.status
      } catch (error) {
        // Who was overtaken may find its connection closed.
        expect((error as NodeJS.ErrnoException).code).toMatch(/^(ECONNRESET|EPIPE)$/)
        return 0
      }
    }
    const statuses = await Promise.all([put(), put()])
    expect(statuses).toContain(201)
    for (const each of statuses) expect([0, 201, 400, 404, 416]).toContain(each)
    await run.step(pullable(name, one))
  })

  test('credentials are asked for before the body is sent', async () => {
    const name = repository()
    const one = content('expect')
    const { run, location } = await begin(name)
    for (const as of ['anonymous', 'wrong']) {
      const answer = await run.step({
        request: `PUT ${location}?digest=${one.digest}`,
        as,
        body: one.bytes,
        expectContinue: true,
        expect: { status: 401, error: 'UNAUTHORIZED' },
      })
      expect(answer.continued).toBe(false)
    }
    await run.step(status(name, 0))
  })
})
