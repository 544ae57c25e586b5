import { describe, expect, test } from 'vitest'
import { absentDigest, descriptor, image, index } from '../support/content.ts'
import { pushImage } from '../support/push.ts'
import { type Expected, type Row, Run, type Step, testRows } from '../support/rows.ts'
import { useServer } from '../support/server.ts'

const one = image('refusals', { layerCount: 1 })
const [layer = one.config] = one.layers
const next = index([], { note: 'pushed by the matrix' })
const nothing = absentDigest('refusals')

const { table } = useServer(async (setUp, server) => {
  // Tag deletion on, so that what is refused is refused for want of rights.
  await server.createFeed('team', { tagDeletion: true })
  await server.createFeed('other')
  await pushImage(setUp, 'team/app', one, ['v1'])
  const key = async (...args: Parameters<typeof server.createKey>) =>
    (await server.createKey(...args)).authorization
  return {
    system: await key(null),
    view: await key('team', ['view']),
    'view+add': await key('team', ['view', 'add']),
    'view+delete': await key('team', ['view', 'delete']),
    all: await key('team', ['view', 'add', 'promote', 'delete']),
    'other feed': await key('other', ['view', 'add', 'promote', 'delete']),
    promote: await key('team', ['promote']),
  }
})

type Right = 'view' | 'add' | 'delete'

interface Operation {
  readonly what: string
  readonly request: string
  readonly headers?: Step['headers']
  readonly body?: Uint8Array
  readonly needs: Right
  /** What one who may do it hears. */
  readonly granted: Expected
  readonly scope: string
}

const root = '/v2/team/app'
const pull = 'repository:team/app:pull'
const push = 'repository:team/app:pull,push'
const session = `${root}/blobs/uploads/6f1d7b0a-2f0e-4c59-9d3c-0d7b6a3c7c11`
const unknownUpload = { status: 404, error: 'BLOB_UPLOAD_UNKNOWN' }

/** Each leaves things as they are, so that the order of callers does not matter. */
const operations: readonly Operation[] = [
  {
    what: 'GET tags',
    request: `GET ${root}/tags/list`,
    needs: 'view',
    granted: { status: 200 },
    scope: pull,
  },
  {
    what: 'GET manifest by tag',
    request: `GET ${root}/manifests/v1`,
    needs: 'view',
    granted: { status: 200, body: one.manifest.bytes },
    scope: pull,
  },
  {
    what: 'HEAD manifest by tag',
    request: `HEAD ${root}/manifests/v1`,
    needs: 'view',
    granted: { status: 200 },
    scope: pull,
  },
  {
    what: 'GET manifest by digest',
    request: `GET ${root}/manifests/${one.manifest.digest}`,
    needs: 'view',
    granted: { status: 200 },
    scope: pull,
  },
  {
    what: 'GET absent manifest',
    request: `GET ${root}/manifests/absent`,
    needs: 'view',
    granted: { status: 404, error: 'MANIFEST_UNKNOWN' },
    scope: pull,
  },
  {
    what: 'GET blob',
    request: `GET ${root}/blobs/${layer.digest}`,
    needs: 'view',
    granted: { status: 200, body: layer.bytes },
    scope: pull,
  },
  {
    what: 'HEAD blob',
    request: `HEAD ${root}/blobs/${layer.digest}`,
    needs: 'view',
    granted: { status: 200 },
    scope: pull,
  },
  {
    what: 'GET absent blob',
    request: `GET ${root}/blobs/${nothing}`,
    needs: 'view',
    granted: { status: 404, error: 'BLOB_UNKNOWN' },
    scope: pull,
  },
  {
    what: 'GET range of blob',
    request: `GET ${root}/blobs/${layer.digest}`,
    headers: { range: 'bytes=0-4' },
    needs: 'view',
    granted: { status: 206 },
    scope: pull,
  },
  {
    what: 'GET referrers',
    request: `GET ${root}/referrers/${one.manifest.digest}`,
    needs: 'view',
    granted: { status: 200 },
    scope: pull,
  },
  {
    what: 'POST upload',
    request: `POST ${root}/blobs/uploads/`,
    needs: 'add',
    granted: { status: 202 },
    scope: push,
  },
  {
    what: 'POST whole blob',
    request: `POST ${root}/blobs/uploads/?digest=${layer.digest}`,
    body: layer.bytes,
    needs: 'add',
    granted: { status: 201 },
    scope: push,
  },
  {
    what: 'POST mount',
    request: `POST ${root}/blobs/uploads/?mount=${layer.digest}&from=team/app`,
    needs: 'add',
    granted: { status: 201 },
    scope: push,
  },
  {
    what: 'GET upload',
    request: `GET ${session}`,
    needs: 'add',
    granted: unknownUpload,
    scope: push,
  },
  {
    what: 'PATCH upload',
    request: `PATCH ${session}`,
    body: layer.bytes,
    needs: 'add',
    granted: unknownUpload,
    scope: push,
  },
  {
    what: 'PUT upload',
    request: `PUT ${session}?digest=${nothing}`,
    body: layer.bytes,
    needs: 'add',
    granted: unknownUpload,
    scope: push,
  },
  {
    what: 'DELETE upload',
    request: `DELETE ${session}`,
    needs: 'add',
    granted: unknownUpload,
    scope: push,
  },
  {
    what: 'PUT manifest',
    request: `PUT ${root}/manifests/pushed`,
    headers: { 'content-type': next.mediaType },
    body: next.bytes,
    needs: 'add',
    granted: { status: 201 },
    scope: push,
  },
  {
    what: 'DELETE manifest',
    request: `DELETE ${root}/manifests/${nothing}`,
    needs: 'delete',
    granted: { status: 404, error: 'MANIFEST_UNKNOWN' },
    scope: 'repository:team/app:delete',
  },
  {
    what: 'DELETE tag',
    request: `DELETE ${root}/manifests/absent`,
    needs: 'delete',
    granted: { status: 404, error: 'MANIFEST_UNKNOWN' },
    scope: 'repository:team/app:delete',
  },
  {
    what: 'DELETE blob',
    request: `DELETE ${root}/blobs/${nothing}`,
    needs: 'delete',
    granted: { status: 404, error: 'BLOB_UNKNOWN' },
    scope: 'repository:team/app:delete',
  },
]

/** What each caller may do in the feed; null: not even see it. */
const callers: readonly (readonly [name: string, rights: readonly Right[] | null])[] = [
  ['admin', ['view', 'add', 'delete']],
  ['system', ['view', 'add', 'delete']],
  ['view', ['view']],
  ['view+add', ['view', 'add']],
  ['view+delete', ['view', 'delete']],
  ['all', ['view', 'add', 'delete']],
  ['other feed', null],
]

const isHead = (operation: Operation) => operation.request.startsWith('HEAD')
/** HEAD has no body to hold the code. */
const withoutBody = (operation: Operation, expected: Expected): Expected =>
  isHead(operation)
    ? { status: expected.status, ...(expected.headers ? { headers: expected.headers } : {}) }
    : expected

function decision(operation: Operation, rights: readonly Right[] | null): Expected {
  if (rights === null) {
    return withoutBody(operation, {
      status: 404,
      error: 'NAME_UNKNOWN',
    })
  }
  return rights.includes(operation.needs)
    ? operation.granted
    : withoutBody(operation, { status: 403, error: 'DENIED' })
}

const requestOf = ({ request, headers, body }: Operation) => ({
  request,
  ...(headers === undefined ? {} : { headers }),
  ...(body === undefined ? {} : { body }),
})

const basicRows: readonly Row[] = operations.flatMap((operation) => [
  ...callers.map(([as, rights]) => ({
    name: `${operation.what} as ${as}`,
    ...requestOf(operation),
    as,
    expect: decision(operation, rights),
  })),
  {
    name: `${operation.what} without credentials`,
    ...requestOf(operation),
    as: 'anonymous',
    expect: withoutBody(operation, {
      status: 401,
      error: 'UNAUTHORIZED',
      headers: { 'www-authenticate': scopePattern(operation, '') },
    }),
  },
  {
    name: `${operation.what} with a wrong password`,
    ...requestOf(operation),
    as: 'wrong',
    expect: withoutBody(operation, { status: 401, error: 'UNAUTHORIZED' }),
  },
  {
    name: `${operation.what} with a forged token`,
    ...requestOf(operation),
    as: 'anonymous',
    headers: { ...operation.headers, authorization: 'Bearer forged' },
    expect: withoutBody(operation, {
      status: 401,
      error: 'UNAUTHORIZED',
      headers: { 'www-authenticate': scopePattern(operation, 'invalid_token') },
    }),
  },
])

function scopePattern(operation: Operation, error: string): RegExp {
  const end = error === '' ? '$' : `,error="${error}"`
  if (operation.needs !== 'delete') return new RegExp(`,scope="${operation.scope}"${end}`)
  return new RegExp(`,scope="repository:team/app:[a-z,*]*(delete|\\*)[a-z,*]*"${end}`)
}

const everything = ['repository:team/app:pull,push,delete']

const bearerRows: readonly Row[] = operations.flatMap((operation) => [
  ...callers.map(([as, rights]) => ({
    name: `${operation.what} with a token of ${as}`,
    ...requestOf(operation),
    as,
    scopes: everything,
    expect: decision(operation, rights),
  })),
  {
    name: `${operation.what} with just the scope that the challenge asks for`,
    ...requestOf(operation),
    scopes: [operation.scope],
    expect: operation.granted,
  },
  ...['admin', 'all'].map((as) => ({
    name: `${operation.what} with a token of ${as} that lacks the scope`,
    ...requestOf(operation),
    as,
    scopes: ['repository:team/elsewhere:pull,push,delete'],
    expect: withoutBody(operation, {
      status: 401,
      error: 'UNAUTHORIZED',
      headers: { 'www-authenticate': scopePattern(operation, 'insufficient_scope') },
    }),
  })),
  {
    name: `${operation.what} with a token of nobody`,
    ...requestOf(operation),
    as: 'anonymous',
    scopes: everything,
    expect: withoutBody(operation, { status: 401, error: 'UNAUTHORIZED' }),
  },
])

const others: readonly Row[] = [
  {
    name: 'a key that may promote but not view does not see the feed',
    request: `GET ${root}/tags/list`,
    as: 'promote',
    expect: { status: 404, error: 'NAME_UNKNOWN' },
  },
  {
    name: 'a manifest larger than the limit is refused before its size is looked at',
    request: `PUT ${root}/manifests/v1`,
    as: 'anonymous',
    headers: { 'content-type': next.mediaType },
    body: Buffer.alloc(5 * 1024 * 1024, ' '),
    expect: { status: 401 },
  },
  {
    name: 'an index of what the caller cannot see is refused without telling',
    request: 'PUT /v2/other/app/manifests/v1',
    as: 'other feed',
    headers: { 'content-type': next.mediaType },
    body: index([descriptor(one.manifest)]).bytes,
    expect: { status: 400, error: 'MANIFEST_BLOB_UNKNOWN', hides: ['team'] },
  },
]

describe('Basic', () => testRows(basicRows, table))
describe('Bearer', () => testRows(bearerRows, table))
describe('others', () => testRows(others, table))

describe('a feed that the caller may not view is as one that is not there', () => {
  test.for(operations)('$what', async (operation) => {
    const ask = async (feed: string) => {
      const request = requestOf(operation)
      const answer = await new Run(table()).step({
        ...request,
        request: request.request.replaceAll('team/app', `${feed}/app`),
        as: 'other feed',
        expect: { status: 404 },
      })
      const headers = Object.entries(answer.headers).filter(([name]) => name !== 'date')
      const text = answer.body.toString('utf8').replaceAll(feed, '<feed>')
      return { status: answer.status, text, headers: Object.fromEntries(headers) }
    }
    // Of the same length, so that lengths compare.
    expect(await ask('team')).toEqual(await ask('meat'))
  })
})

describe('a challenge for a feed that is there is as one for none', () => {
  test.for(operations)('$what', async (operation) => {
    const ask = async (feed: string) => {
      const request = requestOf(operation)
      const answer = await new Run(table()).step({
        ...request,
        request: request.request.replaceAll('team/app', `${feed}/app`),
        as: 'anonymous',
        expect: { status: 401 },
      })
      const header = answer.headers['www-authenticate']?.replaceAll(feed, '<feed>')
      return [header, answer.body.toString('utf8').replaceAll(feed, '<feed>')]
    }
    expect(await ask('team')).toEqual(await ask('meat'))
  })
})
