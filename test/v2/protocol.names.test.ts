import { describe, expect, test } from 'vitest'
import { absentDigest, image, index } from '../support/content.ts'
import { pushManifest } from '../support/push.ts'
import { type Row, Run, type Step, testRows } from '../support/rows.ts'
import { useServer } from '../support/server.ts'
import { jsonOf } from '../support/wire.ts'

const empty = index([])
const typed = { 'content-type': empty.mediaType }

const { table, server } = useServer(async (setUp, one) => {
  await one.createFeed('MiXed')
  await one.createFeed('aliased', { alternateNames: ['Old-Name', 'older.name'] })
  await one.createFeed('asleep')
  await pushManifest(setUp, 'mixed/app', empty, 'v1')
  await pushManifest(setUp, 'aliased/app', empty, 'v1')
  await pushManifest(setUp, 'asleep/app', empty, 'v1')
  await one.setFeed('asleep', { active: false })
  return undefined
})

/** Names that the grammar allows and that a careless router gets wrong. */
const goodNames = [
  'a',
  '0',
  'a.b',
  'a_b',
  'a__b',
  'a-b',
  'a--b',
  'a----b',
  '0a/1b/2c',
  'a/b/c/d/e/f/g/h/i/j/k/l',
  'library/debian',
  'uploads',
  'blobs',
  'manifests',
  'tags',
  'referrers',
  'list',
  'latest',
  'v2',
  'x/blobs',
  'x/tags',
  'x/manifests',
  'x/referrers',
  'x/uploads',
  'x/tags/list',
  'x/blobs/uploads',
  'x/manifests/latest',
  'blobs/uploads',
  'tags/list',
  'manifests/manifests',
  'tags/list/tags/list',
  'v2/main/app',
  `long/${'x'.repeat(200)}`,
]

const pushAndPull: readonly Row[] = goodNames.map((name) => {
  const one = image(name, { layerCount: 1 })
  const [layer = one.config] = one.layers
  const root = `/v2/main/${name}`
  const upload = (content: typeof layer): readonly Step[] => [
    {
      request: `POST ${root}/blobs/uploads/`,
      expect: { status: 202, headers: { location: startsWith(`${root}/blobs/uploads/`) } },
    },
    {
      request: `PUT $location?digest=${content.digest}`,
      body: content.bytes,
      expect: { status: 201, headers: { location: `${root}/blobs/${content.digest}` } },
    },
  ]
  return {
    name: `pushes and pulls ${shortened(name)}`,
    steps: [
      ...upload(one.config),
      ...upload(layer),
      {
        request: `PUT ${root}/manifests/v1`,
        headers: { 'content-type': one.manifest.mediaType },
        body: one.manifest.bytes,
        expect: { status: 201, headers: { location: startsWith(`${root}/manifests/`) } },
      },
      {
        request: `GET ${root}/manifests/v1`,
        expect: { status: 200, body: one.manifest.bytes },
      },
      {
        request: `GET ${root}/manifests/${one.manifest.digest}`,
        scopes: [`repository:main/${name}:pull`],
        expect: { status: 200, body: one.manifest.bytes },
      },
      { request: `GET ${root}/blobs/${layer.digest}`, expect: { status: 200, body: layer.bytes } },
      {
        request: `GET ${root}/tags/list`,
        expect: { status: 200, json: { name: `main/${name}`, tags: ['v1'] } },
      },
      {
        request: `GET ${root}/referrers/${one.manifest.digest}`,
        expect: { status: 200, headers: { 'content-type': empty.mediaType } },
      },
    ],
  }
})

function shortened(name: string): string {
  return name.length > 60 ? `a name of ${name.length} characters` : name
}

function startsWith(prefix: string): RegExp {
  return new RegExp(`^${prefix.replace(/[.]/g, '\\.')}.`)
}

const badNames = [
  'App',
  'team/App',
  'a..b',
  'a___b',
  'a._b',
  'a-_b',
  '-a',
  'a-',
  '.a',
  'a.',
  '_a',
  'a_',
  'a/-b',
  'a/b-/c',
  'a//b',
  'a/./b',
  'a/../b',
  '../a',
  'a%20b',
  'a%00b',
  '%C3%A4',
  'a%2F%2E%2E%2Fb',
  'a@b',
  'a+b',
  'a~b',
  'a:b',
  'a*',
  'x'.repeat(300),
]

const invalid: readonly Row[] = badNames.flatMap((name) => [
  {
    name: `GET of the invalid name ${shortened(name)}`,
    request: `GET /v2/main/${name}/tags/list`,
    expect: { status: 400, error: 'NAME_INVALID' },
  },
  {
    name: `PUT under the invalid name ${shortened(name)}`,
    request: `PUT /v2/main/${name}/manifests/v1`,
    headers: typed,
    body: empty.bytes,
    expect: { status: 400, error: 'NAME_INVALID' },
  },
])

const digest = absentDigest('names')

/** `server/feed:tag`: the commonest slip of newcomers. */
const withoutRepository: readonly Row[] = [
  ['GET', 'manifests/latest'],
  ['PUT', 'manifests/latest'],
  ['HEAD', 'manifests/latest'],
  ['GET', 'tags/list'],
  ['GET', `blobs/${digest}`],
  ['POST', 'blobs/uploads/'],
  ['GET', `referrers/${digest}`],
].map(([method = '', rest = '']) => ({
  name: `${method} ${rest.replace(digest, '<digest>')} of a feed without a repository`,
  request: `${method} /v2/main/${rest}`,
  ...(method === 'PUT' ? { headers: typed, body: empty.bytes } : {}),
  expect: {
    status: 400,
    ...(method === 'HEAD' ? {} : { error: 'NAME_INVALID', says: [/repository/i, 'main/'] }),
  },
}))

const found = (root: string, name: string): readonly Step[] => [
  {
    request: `GET ${root}/tags/list`,
    expect: { status: 200, json: { name, tags: ['v1'] } },
  },
  { request: `GET ${root}/manifests/v1`, expect: { status: 200, body: empty.bytes } },
  {
    request: `PUT ${root}/manifests/v1`,
    headers: typed,
    body: empty.bytes,
    expect: { status: 201, headers: { location: startsWith(`/v2/${name}/manifests/`) } },
  },
  {
    request: `POST ${root}/blobs/uploads/`,
    expect: { status: 202, headers: { location: startsWith(`/v2/${name}/blobs/uploads/`) } },
  },
]

const feeds: readonly Row[] = [
  { name: 'a feed by its lower-case name', steps: found('/v2/mixed/app', 'mixed/app') },
  { name: 'a feed as it was typed', steps: found('/v2/MiXed/app', 'mixed/app') },
  { name: 'a feed in upper case', steps: found('/v2/MIXED/app', 'mixed/app') },
  {
    name: 'the first feed in upper case',
    steps: [
      { request: 'GET /v2/MAIN/nothing/tags/list', expect: { status: 404, error: 'NAME_UNKNOWN' } },
    ],
  },
  {
    name: 'a feed by an alternate name',
    steps: [
      { request: 'GET /v2/old-name/app/manifests/v1', expect: { status: 200, body: empty.bytes } },
      { request: 'GET /v2/older.name/app/manifests/v1', expect: { status: 200 } },
      { request: 'GET /v2/OLD-NAME/app/manifests/v1', expect: { status: 200 } },
    ],
  },
  {
    name: 'a token for an alternate name',
    request: 'GET /v2/old-name/app/manifests/v1',
    scopes: ['repository:old-name/app:pull'],
    expect: { status: 200 },
  },
  {
    name: 'the challenge of an alternate name can be answered',
    request: 'GET /v2/old-name/app/manifests/v1',
    as: 'anonymous',
    expect: {
      status: 401,
      headers: { 'www-authenticate': /,scope="repository:(old-name|aliased)\/app:pull"/ },
    },
  },
  ...['nosuch/app', 'api/app', 'health/app', 'main2/app', 'mai/app'].map((name) => ({
    name: `the unknown feed of ${name}`,
    request: `GET /v2/${name}/tags/list`,
    expect: { status: 404, error: 'NAME_UNKNOWN' },
  })),
  ...['_catalog/app', '_auth/app', '-main/app', 'ma%20in/app', 'm..n/app'].map((name) => ({
    name: `no feed can be called as in ${name}`,
    request: `GET /v2/${name}/tags/list`,
    expect: { status: [400, 404], error: ['NAME_INVALID', 'NAME_UNKNOWN'] },
  })),
  ...[
    ['GET', 'tags/list'],
    ['GET', 'manifests/v1'],
    ['HEAD', 'manifests/v1'],
    ['GET', `blobs/${digest}`],
    ['POST', 'blobs/uploads/'],
    ['GET', `referrers/${digest}`],
    ['DELETE', `manifests/${digest}`],
  ].map(([method, rest = '']) => ({
    name: `${method} ${rest.replace(digest, '<digest>')} of an inactive feed`,
    request: `${method} /v2/asleep/app/${rest}`,
    expect: { status: 404, ...(method === 'HEAD' ? {} : { error: 'NAME_UNKNOWN' }) },
  })),
  {
    name: 'no push into an inactive feed',
    request: 'PUT /v2/asleep/app/manifests/v2',
    headers: typed,
    body: empty.bytes,
    expect: { status: 404, error: 'NAME_UNKNOWN' },
  },
  {
    name: 'the catalog shows no inactive feed and the lower-case names of the others',
    request: 'GET /v2/_catalog?n=1000',
    expect: {
      status: 200,
      check: (answer) => {
        const { repositories } = jsonOf(answer) as { repositories: string[] }
        expect(repositories).toContain('mixed/app')
        expect(repositories).toContain('aliased/app')
        expect(repositories.filter((name) => /^(asleep|old|MiXed)/.test(name))).toEqual([])
      },
    },
  },
]

const scope = (text: string) => ({ 'www-authenticate': new RegExp(`,scope="${text}"$`) })
const challenges: readonly Row[] = [
  ['GET /v2/main/app/tags/list', 'repository:main/app:pull'],
  ['GET /v2/main/app/manifests/v1', 'repository:main/app:pull'],
  ['HEAD /v2/main/app/manifests/v1', 'repository:main/app:pull'],
  [`GET /v2/main/a/b/c/blobs/${digest}`, 'repository:main/a/b/c:pull'],
  [`GET /v2/main/app/referrers/${digest}`, 'repository:main/app:pull'],
  ['POST /v2/main/app/blobs/uploads/', 'repository:main/app:pull,push'],
  ['PUT /v2/main/app/manifests/v1', 'repository:main/app:pull,push'],
  ['DELETE /v2/main/app/manifests/v1', 'repository:main/app:[a-z,*]*(delete|\\*)'],
  [`DELETE /v2/main/app/blobs/${digest}`, 'repository:main/app:[a-z,*]*(delete|\\*)'],
  ['GET /v2/nosuch/app/tags/list', 'repository:nosuch/app:pull'],
  ['GET /v2/MAIN/app/tags/list', 'repository:main/app:pull'],
  ['GET /v2/asleep/app/tags/list', 'repository:asleep/app:pull'],
  ['GET /v2/main/x/blobs/manifests/v1', 'repository:main/x/blobs:pull'],
  ['GET /v2/_catalog', 'registry:catalog:\\*'],
].map(([request = '', text = '']) => ({
  name: `${request.replace(digest, '<digest>')} without credentials asks for ${text}`,
  request,
  as: 'anonymous',
  expect: { status: 401, headers: scope(text) },
}))

const refusedQuietly: readonly Row[] = [
  'GET /v2/main/App/tags/list',
  'GET /v2/main/manifests/latest',
  'GET /v2/main/app/manifests/not%20a%20tag',
  'GET /v2/main/app/blobs/nodigest',
  'PUT /v2/main/app/manifests/..',
  'POST /v2/main/UPPER/blobs/uploads/',
  'DELETE /v2/main/app/tags/list',
].map((request) => ({
  name: `${request} without credentials is 401 before anything else`,
  request,
  as: 'anonymous',
  expect: { status: 401, error: 'UNAUTHORIZED' },
}))

describe('names and routing', () => testRows(pushAndPull, table))
describe('invalid names', () => testRows(invalid, table))
describe('a feed without a repository', () => testRows(withoutRepository, table))
describe('feeds', () => testRows(feeds, table))
describe('challenges', () => testRows(challenges, table))
describe('malformed and anonymous', () => testRows(refusedQuietly, table))

describe('administration of names', () => {
  test.for(['_auth', '_catalog', 'api', 'health', 'API', 'a b', '', '-a', 'ä', 'a/b'])(
    'no feed can be called "%s"',
    async (name) => {
      await expect(server().createFeed(name)).rejects.toThrow()
    },
  )

  test.for(['main', 'MAIN', 'mixed', 'old-name', 'OLDER.NAME'])(
    'the name "%s" is taken',
    async (name) => {
      await expect(server().createFeed(name)).rejects.toThrow()
    },
  )

  test('a feed that is woken again is reachable again, with its images', async () => {
    await server().createFeed('sleeper')
    await pushManifest(table(), 'sleeper/app', empty, 'v1')
    await server().setFeed('sleeper', { active: false })
    const get = { request: 'GET /v2/sleeper/app/manifests/v1' }
    await new Run(table()).step({ ...get, expect: { status: 404, error: 'NAME_UNKNOWN' } })
    await server().setFeed('sleeper', { active: true })
    await new Run(table()).step({ ...get, expect: { status: 200, body: empty.bytes } })
  })
})
