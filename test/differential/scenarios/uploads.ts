import { absentDigest, blob, digestOf } from '../../support/content.ts'
import { type Scenario, type StepOptions, step } from '../steps.ts'

const small = blob('small', 1000)
const other = blob('other', 1000)
const long = blob('sha512', 1000, 'sha512')
const nobodys = '00000000-0000-4000-8000-000000000000'
const empty = { bytes: Buffer.alloc(0), digest: digestOf(Buffer.alloc(0)) }

const start = (options: StepOptions = {}) => step('POST /v2/$repo/blobs/uploads/', options)
const head = (digest: string, options: StepOptions = {}) =>
  step(`HEAD /v2/$repo/blobs/${digest}`, options)
const finish = (digest: string, options: StepOptions = {}) =>
  step(`PUT $location?digest=${digest}`, options)

/** A piece of `small`, with the Content-Range that the specification wants. */
function piece(from: number, to: number): { body: Uint8Array; headers: Record<string, string> } {
  return {
    body: small.bytes.subarray(from, to),
    headers: { 'content-range': `${from}-${to - 1}`, 'content-type': 'application/octet-stream' },
  }
}

export const uploadScenarios: readonly Scenario[] = [
  {
    name: 'a whole blob in the closing PUT',
    steps: [start(), finish(small.digest, { body: small.bytes }), head(small.digest)],
  },
  {
    name: 'one PATCH without a range, and an empty PUT',
    steps: [
      head(small.digest),
      start(),
      step('PATCH $location', { body: small.bytes }),
      finish(small.digest, { body: '' }),
      head(small.digest),
    ],
  },
  {
    name: 'one chunked PATCH, as docker sends it',
    steps: [
      start(),
      step('PATCH $location', { body: small.bytes, chunked: true }),
      finish(small.digest),
      head(small.digest),
    ],
  },
  {
    name: 'several PATCHes with ranges, and the status between them',
    steps: [
      start(),
      step('GET $location'),
      step('PATCH $location', piece(0, 400)),
      step('GET $location'),
      step('HEAD $location'),
      step('PATCH $location', piece(400, 999)),
      step('GET $location'),
      finish(small.digest, piece(999, 1000)),
      head(small.digest),
    ],
  },
  {
    name: 'a PATCH that is out of order',
    steps: [
      start(),
      step('PATCH $location', piece(0, 400)),
      step('PATCH $location', { ...piece(500, 700), shows: ['upload-order'] }),
      step('GET $location', { shows: ['upload-order-status'] }),
    ],
  },
  {
    name: 'a first PATCH that does not begin at 0',
    steps: [start(), step('PATCH $location', { ...piece(10, 400), shows: ['upload-order'] })],
  },
  {
    name: 'a closing PUT that is out of order',
    steps: [
      start(),
      step('PATCH $location', piece(0, 400)),
      finish(small.digest, { ...piece(500, 1000), shows: ['upload-order-end'] }),
    ],
  },
  {
    name: 'a Content-Range that is longer than the body',
    steps: [
      start(),
      step('PATCH $location', {
        body: 'abc',
        headers: { 'content-range': '0-9' },
        shows: ['upload-range-length'],
      }),
    ],
  },
  {
    name: 'a Content-Range that is none',
    steps: [
      start(),
      step('PATCH $location', {
        body: 'abc',
        headers: { 'content-range': 'everything' },
        shows: ['upload-order'],
      }),
    ],
  },
  {
    name: 'a Content-Range as RFC 9110 writes it',
    steps: [
      start(),
      step('PATCH $location', { body: 'abc', headers: { 'content-range': 'bytes 0-2/*' } }),
    ],
  },
  {
    name: 'a digest on a PATCH',
    steps: [
      start(),
      step(`PATCH $location?digest=${small.digest}`, { body: small.bytes }),
      finish(small.digest),
    ],
  },
  {
    name: 'the empty blob',
    steps: [
      start(),
      finish(empty.digest, { body: '' }),
      head(empty.digest),
      step(`GET /v2/$repo/blobs/${empty.digest}`),
    ],
  },
  {
    name: 'a wrong digest, then the right one in the same session',
    steps: [
      start({ keep: 'session' }),
      step('PATCH $location', { body: small.bytes, keep: 'session' }),
      finish(other.digest),
      step(`PUT $session?digest=${small.digest}`),
      head(other.digest),
    ],
  },
  {
    name: 'digests that are none',
    steps: [
      start({ keep: 'session' }),
      step('PUT $session?digest=sha256:abc', { body: small.bytes }),
      start({ keep: 'session' }),
      step('PUT $session?digest=md5:d41d8cd98f00b204e9800998ecf8427e', { body: small.bytes }),
      start({ keep: 'session' }),
      step('PUT $session?digest=', { body: small.bytes }),
      start({ keep: 'session' }),
      step('PUT $session', { body: small.bytes }),
    ],
  },
  {
    name: 'a sha512 digest',
    steps: [
      start(),
      finish(long.digest, { body: long.bytes, shows: ['sha512-push'] }),
      head(long.digest, { shows: ['sha512-pull'] }),
      step(`GET /v2/$repo/blobs/${long.digest}`, { shows: ['sha512-pull'] }),
      step(`GET /v2/$repo/blobs/${digestOf(long.bytes)}`, { shows: ['sha512-alias'] }),
    ],
  },
  {
    name: 'a whole blob in the POST',
    steps: [
      step(`POST /v2/$repo/blobs/uploads/?digest=${small.digest}`, {
        body: small.bytes,
        shows: ['upload-whole'],
      }),
    ],
  },
  {
    name: 'the address of uploads without its slash',
    steps: [step('POST /v2/$repo/blobs/uploads', { shows: ['uploads-slash'] })],
  },
  {
    name: 'a POST that claims to bring JSON, as crane sends it',
    steps: [start({ headers: { 'content-type': 'application/json' } })],
  },
  {
    name: 'an upload that is cancelled',
    steps: [
      start({ keep: 'session' }),
      step('PATCH $location', { body: small.bytes, keep: 'session' }),
      step('DELETE $session', { shows: ['upload-cancelled'] }),
      step('GET $session'),
      step('DELETE $session'),
      step('PATCH $session', { body: small.bytes }),
      step(`PUT $session?digest=${small.digest}`),
    ],
  },
  {
    name: 'an upload that is finished, asked for again',
    steps: [
      start({ keep: 'session' }),
      step('PATCH $location', { body: small.bytes, keep: 'session' }),
      finish(small.digest),
      step('GET $session'),
      step(`PUT $session?digest=${small.digest}`, { shows: ['upload-again'] }),
      step('PATCH $session', { body: small.bytes }),
    ],
  },
  {
    name: 'an upload that never was',
    steps: [
      ...['GET', 'PATCH', 'DELETE'].map((method) =>
        step(`${method} /v2/$repo/blobs/uploads/${nobodys}`, { shows: ['upload-unknown'] }),
      ),
      step(`PUT /v2/$repo/blobs/uploads/${nobodys}?digest=${small.digest}`, {
        body: small.bytes,
        shows: ['upload-unknown'],
      }),
      step(`HEAD /v2/$repo/blobs/uploads/${nobodys}`),
      step('GET /v2/$repo/blobs/uploads/nonsense', { shows: ['upload-unknown'] }),
    ],
  },
  {
    name: 'the same blob twice',
    steps: [
      start(),
      finish(small.digest, { body: small.bytes }),
      start(),
      finish(small.digest, { body: small.bytes }),
      head(small.digest),
    ],
  },
  {
    name: 'a mount from a repository that has the blob',
    steps: [
      step('POST /v2/$repo-source/blobs/uploads/'),
      finish(small.digest, { body: small.bytes }),
      step(`POST /v2/$repo/blobs/uploads/?mount=${small.digest}&from=$repo-source`),
      head(small.digest),
    ],
  },
  {
    name: 'mounts that are not possible',
    steps: [
      step(`POST /v2/$repo/blobs/uploads/?mount=${absentDigest('a')}&from=$repo-source`),
      step(`POST /v2/$repo/blobs/uploads/?mount=${small.digest}&from=main/nothing/here`),
      step(`POST /v2/$repo/blobs/uploads/?mount=${small.digest}&from=Not/A/Name`),
      step(`POST /v2/$repo/blobs/uploads/?mount=${absentDigest('b')}`),
      step('POST /v2/$repo/blobs/uploads/?mount=sha256:abc&from=main/nothing/here', {
        shows: ['mount-digest'],
      }),
      step('POST /v2/$repo/blobs/uploads/?from=main/nothing/here'),
    ],
  },
]
