import { describe, expect, test } from 'vitest'
import { artifact, image, index } from '../support/content.ts'
import { pushBlob, pushImage, pushManifest } from '../support/push.ts'
import { compareHeadWithGet, type Row, Run, testRows } from '../support/rows.ts'
import { useServer } from '../support/server.ts'
import { type Answer, jsonOf } from '../support/wire.ts'

const empty = index([])

/** By bytes of `<feed>/<repository>`: "-" and "." come before "/", "_" after the letters' upper case. */
const repositories = [
  'cat-2/z',
  'cat.x/a',
  'cat/a',
  'cat/a-b',
  'cat/a.b',
  'cat/a/b',
  'cat/a0',
  'cat/a_b',
  'cat/ab',
  'main/digests-only',
  'main/one',
  'main/paged',
  'main/untagged-later',
] as const

const pagedTags = Array.from({ length: 25 }, (_, i) => `t${String(i).padStart(2, '0')}`)
/** In byte order. */
const oddTags = ['0', '1.2.3', '1.2.3-rc.1', 'A', 'Z', '_', 'a', 'a-1', 'a.1', 'a_1', 'b']

const { table } = useServer(async (setUp, server) => {
  for (const feed of ['cat', 'cat-2', 'cat.x', 'bare']) await server.createFeed(feed)
  // Pushed in another order than they are listed.
  for (const name of [...repositories].reverse()) {
    if (name === 'main/paged') continue
    await pushManifest(setUp, name, empty, name === 'main/digests-only' ? undefined : 'v1')
  }
  for (const tag of [...pagedTags].reverse()) await pushManifest(setUp, 'main/paged', empty, tag)
  await server.createFeed('tags')
  for (const tag of [...oddTags].reverse()) await pushManifest(setUp, 'tags/odd', empty, tag)
  await pushManifest(setUp, 'tags/long', empty, 'x'.repeat(128))
  // A blob and an open upload alone make no repository.
  await pushBlob(setUp, 'main/blobs-only', image('blobs only').config)
  return {
    mainView: (await server.createKey('main', ['view'])).authorization,
    bareView: (await server.createKey('bare', ['view'])).authorization,
    catAll: (await server.createKey('cat', ['view', 'add', 'delete', 'promote'])).authorization,
  }
})

const all = [...repositories, 'tags/long', 'tags/odd']
const list = (names: readonly string[]) => ({ repositories: names })
const noLink = { link: null }
const pageError = { status: 400, error: 'PAGINATION_NUMBER_INVALID' } as const

const catalog: readonly Row[] = [
  {
    name: 'the catalog is sorted by the bytes of feed and repository',
    request: 'GET /v2/_catalog',
    expect: {
      status: 200,
      json: list(all),
      headers: { ...noLink, 'content-type': 'application/json' },
    },
  },
  {
    name: 'a first page',
    request: 'GET /v2/_catalog?n=3',
    expect: {
      status: 200,
      json: list(all.slice(0, 3)),
      headers: { link: '</v2/_catalog?n=3&last=cat%2Fa>; rel="next"' },
    },
  },
  {
    name: 'a page after another',
    request: 'GET /v2/_catalog?n=4&last=cat%2Fa',
    expect: { status: 200, json: list(all.slice(3, 7)), headers: { link: /last=cat%2Fa0>/ } },
  },
  {
    name: 'last need not be escaped',
    request: 'GET /v2/_catalog?n=2&last=cat/a/b',
    expect: { status: 200, json: list(['cat/a0', 'cat/a_b']) },
  },
  {
    name: 'a last page of fewer has no link',
    request: 'GET /v2/_catalog?n=10&last=main%2Fpaged',
    expect: {
      status: 200,
      json: list(['main/untagged-later', 'tags/long', 'tags/odd']),
      headers: noLink,
    },
  },
  {
    name: 'a last page that is just full has no link',
    request: 'GET /v2/_catalog?n=2&last=main%2Funtagged-later',
    expect: { status: 200, json: list(['tags/long', 'tags/odd']), headers: noLink },
  },
  {
    name: 'exactly all has no link',
    request: `GET /v2/_catalog?n=${all.length}`,
    expect: { status: 200, json: list(all), headers: noLink },
  },
  {
    name: 'after the last one there is nothing',
    request: 'GET /v2/_catalog?last=tags%2Fodd',
    expect: { status: 200, json: list([]), headers: noLink },
  },
  {
    name: 'last that is not there begins where it would be',
    request: 'GET /v2/_catalog?n=2&last=cat%2Fa-zzz',
    expect: { status: 200, json: list(['cat/a.b', 'cat/a/b']) },
  },
  {
    name: 'last that no name could have',
    request: 'GET /v2/_catalog?n=1&last=zzz%20%2F%2F',
    expect: { status: 200, json: list([]), headers: noLink },
  },
  {
    name: 'n=0 is an empty list without a link',
    request: 'GET /v2/_catalog?n=0',
    expect: { status: 200, json: list([]), headers: noLink },
  },
  ...['-1', 'abc', '1.5', '1e3', '0x10', '', '%20'].map((n) => ({
    name: `the catalog refuses n=${n}`,
    request: `GET /v2/_catalog?n=${n}`,
    expect: pageError,
  })),
  {
    name: 'a huge n is all there is',
    request: 'GET /v2/_catalog?n=1000000',
    expect: { status: 200, json: list(all), headers: noLink },
  },
  {
    name: 'parameters that are not known are ignored',
    request: 'GET /v2/_catalog?foo=bar',
    expect: { status: 200, json: list(all) },
  },
  {
    name: 'a feed key sees the catalog of its feed',
    request: 'GET /v2/_catalog',
    as: 'mainView',
    expect: { status: 200, json: list(all.filter((name) => name.startsWith('main/'))) },
  },
  {
    name: 'a page of a filtered catalog is full and goes on within the filter',
    request: 'GET /v2/_catalog?n=2',
    as: 'mainView',
    expect: {
      status: 200,
      json: list(['main/digests-only', 'main/one']),
      headers: { link: '</v2/_catalog?n=2&last=main%2Fone>; rel="next"' },
    },
  },
  {
    name: 'the last page of a filtered catalog has no link',
    request: 'GET /v2/_catalog?n=2&last=main%2Fone',
    as: 'mainView',
    expect: {
      status: 200,
      json: list(['main/paged', 'main/untagged-later']),
      headers: noLink,
    },
  },
  {
    name: 'a feed key of a feed without images sees an empty list',
    request: 'GET /v2/_catalog',
    as: 'bareView',
    expect: { status: 200, json: list([]), headers: noLink },
  },
  {
    name: 'last of a feed that may not be seen only says where to begin',
    request: 'GET /v2/_catalog?last=cat%2Fab',
    as: 'mainView',
    expect: { status: 200, json: list(all.filter((name) => name.startsWith('main/'))) },
  },
  {
    name: 'a key that may do everything in one feed sees no other',
    request: 'GET /v2/_catalog',
    as: 'catAll',
    expect: { status: 200, json: list(all.filter((name) => name.startsWith('cat/'))) },
  },
  {
    name: 'a token for the catalog sees what its owner may',
    request: 'GET /v2/_catalog',
    as: 'mainView',
    scopes: ['registry:catalog:*'],
    expect: { status: 200, json: list(all.filter((name) => name.startsWith('main/'))) },
  },
  {
    name: 'the catalog without credentials',
    request: 'GET /v2/_catalog',
    as: 'anonymous',
    expect: {
      status: 401,
      error: 'UNAUTHORIZED',
      headers: { 'www-authenticate': /,scope="registry:catalog:\*"$/ },
    },
  },
]

const tagList = (name: string, names: readonly string[]) => ({ name, tags: names })
const paged = '/v2/main/paged/tags/list'

const tags: readonly Row[] = [
  {
    name: 'tags are sorted by their bytes',
    request: 'GET /v2/tags/odd/tags/list',
    expect: {
      status: 200,
      json: tagList('tags/odd', oddTags),
      headers: { ...noLink, 'content-type': 'application/json' },
    },
  },
  {
    name: 'a tag of 128 characters',
    request: 'GET /v2/tags/long/tags/list',
    expect: { status: 200, json: tagList('tags/long', ['x'.repeat(128)]) },
  },
  {
    name: 'a repository without tags has an empty list, not null',
    request: 'GET /v2/main/digests-only/tags/list',
    expect: { status: 200, body: '{"name":"main/digests-only","tags":[]}' },
  },
  {
    name: 'a first page of tags',
    request: `GET ${paged}?n=10`,
    expect: {
      status: 200,
      json: tagList('main/paged', pagedTags.slice(0, 10)),
      headers: { link: `<${paged}?n=10&last=t09>; rel="next"` },
    },
  },
  {
    name: 'a second page of tags',
    request: `GET ${paged}?n=10&last=t09`,
    expect: {
      status: 200,
      json: tagList('main/paged', pagedTags.slice(10, 20)),
      headers: { link: `<${paged}?n=10&last=t19>; rel="next"` },
    },
  },
  {
    name: 'a last page of tags',
    request: `GET ${paged}?n=10&last=t19`,
    expect: {
      status: 200,
      json: tagList('main/paged', pagedTags.slice(20)),
      headers: noLink,
    },
  },
  {
    name: 'last without n',
    request: `GET ${paged}?last=t22`,
    expect: { status: 200, json: tagList('main/paged', ['t23', 't24']), headers: noLink },
  },
  {
    name: 'n of just all tags has no link',
    request: `GET ${paged}?n=25`,
    expect: { status: 200, json: tagList('main/paged', pagedTags), headers: noLink },
  },
  {
    name: 'n beyond all tags',
    request: `GET ${paged}?n=26`,
    expect: { status: 200, json: tagList('main/paged', pagedTags), headers: noLink },
  },
  {
    name: 'n of one less has a link',
    request: `GET ${paged}?n=24`,
    expect: { status: 200, headers: { link: /[?&]last=t23>/ } },
  },
  {
    name: 'n=0 is an empty list of tags without a link',
    request: `GET ${paged}?n=0`,
    expect: { status: 200, json: tagList('main/paged', []), headers: noLink },
  },
  {
    name: 'n=0 with last',
    request: `GET ${paged}?n=0&last=t03`,
    expect: { status: 200, json: tagList('main/paged', []), headers: noLink },
  },
  {
    name: 'last that is no tag of the repository',
    request: `GET ${paged}?n=1&last=t05zzz`,
    expect: { status: 200, json: tagList('main/paged', ['t06']) },
  },
  {
    name: 'last in upper case comes before the lower case',
    request: `GET ${paged}?n=1&last=T99`,
    expect: { status: 200, json: tagList('main/paged', ['t00']) },
  },
  {
    name: 'last after all tags',
    request: `GET ${paged}?last=zzz`,
    expect: { status: 200, json: tagList('main/paged', []), headers: noLink },
  },
  ...['-1', 'abc', '2.5', '1e1', '', '+1', '99999999999999999999x'].map((n) => ({
    name: `the tag list refuses n=${n}`,
    request: `GET ${paged}?n=${n}`,
    expect: pageError,
  })),
  {
    name: 'tags of a repository that was never pushed',
    request: 'GET /v2/main/never/tags/list',
    expect: { status: 404, error: 'NAME_UNKNOWN' },
  },
  {
    name: 'tags of a repository that has blobs but no manifest',
    request: 'GET /v2/main/blobs-only/tags/list',
    expect: { status: 404, error: 'NAME_UNKNOWN' },
  },
  {
    name: 'tags by a token with pull',
    request: `GET ${paged}?n=1`,
    scopes: ['repository:main/paged:pull'],
    expect: { status: 200, json: tagList('main/paged', ['t00']) },
  },
]

describe('catalog', () => testRows(catalog, table))
describe('tags', () => testRows(tags, table))

describe('pages', () => {
  async function follow(first: string, field: string): Promise<string[]> {
    const run = new Run(table())
    const seen: string[] = []
    let target: string | undefined = first
    while (target !== undefined) {
      const answer: Answer = await run.step({ request: `GET ${target}`, expect: { status: 200 } })
      seen.push(...((jsonOf(answer) as Record<string, string[]>)[field] ?? []))
      target = answer.headers.link?.match(/^<([^>]+)>/)?.[1]
    }
    return seen
  }

  test.for([1, 2, 3, 7, 24])('following the links by %i gives every tag once', async (n) => {
    expect(await follow(`${paged}?n=${n}`, 'tags')).toEqual(pagedTags)
  })

  test.for([1, 2, 5, 14])('following the links by %i gives every repository once', async (n) => {
    expect(await follow(`/v2/_catalog?n=${n}`, 'repositories')).toEqual(all)
  })
})

describe('HEAD answers what GET answers', () => {
  test.for([
    '/v2/_catalog',
    '/v2/_catalog?n=2',
    '/v2/_catalog?n=x',
    `${paged}`,
    `${paged}?n=3&last=t03`,
    '/v2/main/never/tags/list',
    `/v2/main/one/referrers/${empty.digest}`,
    `/v2/main/one/referrers/${empty.digest}?artifactType=application/vnd.example`,
  ])('%s', async (target) => {
    await compareHeadWithGet(table(), { target })
  })
})

describe('what a listing follows', () => {
  const names = async () => {
    const answer = await new Run(table()).step({
      request: 'GET /v2/_catalog?last=main%2Funtagged-later&n=50',
      expect: { status: 200 },
    })
    return (jsonOf(answer) as { repositories: string[] }).repositories
  }

  test('a repository appears with its first manifest and goes with its last', async () => {
    const one = artifact('coming and going', 'application/vnd.example.test')
    await pushBlob(table(), 'tags/coming', one.config)
    expect(await names()).not.toContain('tags/coming')
    await pushImage(table(), 'tags/coming', one, ['v1'])
    expect(await names()).toContain('tags/coming')
    const run = new Run(table())
    await run.step({
      request: `DELETE /v2/tags/coming/manifests/${one.manifest.digest}`,
      expect: { status: 202 },
    })
    expect(await names()).not.toContain('tags/coming')
    await run.step({
      request: 'GET /v2/tags/coming/tags/list',
      expect: { status: 404, error: 'NAME_UNKNOWN' },
    })
  })
})
