import { absentDigest, blob } from '../../support/content.ts'
import { type Scenario, type Step, step } from '../steps.ts'

const content = blob('ranges', 5000)

const push: readonly Step[] = [
  step('POST /v2/$repo/blobs/uploads/'),
  step(`PUT $location?digest=${content.digest}`, { body: content.bytes }),
]

const get = (headers: Readonly<Record<string, string>> = {}, shows: readonly string[] = []) =>
  step(`GET /v2/$repo/blobs/${content.digest}`, { headers, shows })

const range = (value: string, shows: readonly string[] = []) => get({ range: value }, shows)

export const blobScenarios: readonly Scenario[] = [
  {
    name: 'a blob, whole',
    steps: [
      ...push,
      get(),
      step(`HEAD /v2/$repo/blobs/${content.digest}`),
      get({ accept: 'application/octet-stream' }),
      get({ accept: 'text/html' }),
      get({ 'accept-encoding': 'gzip, zstd' }),
    ],
  },
  {
    name: 'ranges of a blob',
    steps: [
      ...push,
      range('bytes=0-0'),
      range('bytes=500-1499'),
      range('bytes=4500-'),
      range('bytes=-500'),
      range('bytes=4000-9999'),
      range('bytes=-9999'),
      range('bytes=0-'),
      range('bytes=0-4999'),
      range('bytes=5000-', ['range-outside']),
      range('bytes=9000-9999', ['range-outside']),
      range('bytes=500-100', ['range-outside']),
      range('bytes=-0', ['range-empty']),
      range('bytes=a-b', ['range-nonsense']),
      range('bytes='),
      range('bytes', ['range-nonsense']),
      range('chunks=0-10', ['range-nonsense']),
      range('0-10', ['range-nonsense']),
    ],
  },
  {
    name: 'several ranges of a blob',
    steps: [
      ...push,
      range('bytes=0-99,500-599'),
      range('bytes=500-599, 0-99'),
      range('bytes=0-99,100-199'),
      range('bytes=0-99,50-149'),
      range('bytes=0-99,9000-', ['range-part']),
      range('bytes=8000-,9000-', ['range-outside']),
      range('bytes=0-4999,0-4999'),
    ],
  },
  {
    name: 'a range of HEAD',
    steps: [
      ...push,
      step(`HEAD /v2/$repo/blobs/${content.digest}`, {
        headers: { range: 'bytes=0-9' },
        shows: ['range-head'],
      }),
    ],
  },
  {
    name: 'a blob that the client has',
    steps: [
      ...push,
      get({ 'if-none-match': `"${content.digest}"` }, ['not-modified']),
      get({ 'if-none-match': `W/"${content.digest}"` }, ['not-modified']),
      get({ 'if-none-match': '"other"' }),
      get({ 'if-none-match': '*' }, ['not-modified']),
      get({ 'if-none-match': `"other", "${content.digest}"` }, ['not-modified']),
      get({ range: 'bytes=0-9', 'if-range': `"${content.digest}"` }),
      get({ range: 'bytes=0-9', 'if-range': '"other"' }),
    ],
  },
  {
    name: 'a blob that is not there',
    steps: [
      ...push,
      step(`GET /v2/$repo/blobs/${absentDigest('x')}`),
      step(`HEAD /v2/$repo/blobs/${absentDigest('x')}`),
      step(`GET /v2/$repo-none/blobs/${content.digest}`),
      step(`HEAD /v2/$repo-none/blobs/${content.digest}`),
      step(`DELETE /v2/$repo/blobs/${absentDigest('x')}`),
      step(`GET /v2/$repo/blobs/${absentDigest('x', 'sha512')}`),
    ],
  },
  {
    name: 'digests of blobs that are none',
    steps: [
      step('GET /v2/$repo/blobs/sha256:abc'),
      step('GET /v2/$repo/blobs/latest', { shows: ['digest-invalid'] }),
      step(`GET /v2/$repo/blobs/${content.digest.toUpperCase()}`, { shows: ['digest-invalid'] }),
      step('GET /v2/$repo/blobs/md5:d41d8cd98f00b204e9800998ecf8427e'),
      step('HEAD /v2/$repo/blobs/sha256:abc'),
      step('DELETE /v2/$repo/blobs/sha256:abc'),
    ],
  },
  {
    name: 'a digest with an escaped colon',
    steps: [...push, step(`HEAD /v2/$repo/blobs/${content.digest.replace(':', '%3A')}`)],
  },
  {
    name: 'a blob that is deleted',
    steps: [
      ...push,
      step(`DELETE /v2/$repo/blobs/${content.digest}`, { shows: ['deleted-digest'] }),
      step(`HEAD /v2/$repo/blobs/${content.digest}`),
      step(`GET /v2/$repo/blobs/${content.digest}`),
      step(`DELETE /v2/$repo/blobs/${content.digest}`),
      ...push,
      step(`HEAD /v2/$repo/blobs/${content.digest}`),
    ],
  },
  {
    name: 'methods that blobs do not have',
    steps: [
      step(`PUT /v2/$repo/blobs/${content.digest}`, { body: content.bytes }),
      step(`POST /v2/$repo/blobs/${content.digest}`, { body: content.bytes }),
      step(`PATCH /v2/$repo/blobs/${content.digest}`, { body: content.bytes }),
      step('GET /v2/$repo/blobs/uploads/', { shows: ['uploads-method'] }),
      step('PUT /v2/$repo/blobs/uploads/', { shows: ['uploads-method'] }),
    ],
  },
]
