import { blob, image } from '../../support/content.ts'
import { type Scenario, type Step, step } from '../steps.ts'
import { pushBlob, pushImage, putManifest } from './images.ts'

const listed = image('listed')
const get = (query: string, shows: readonly string[] = []) =>
  step(`GET /v2/$repo/tags/list${query}`, { shows })
const catalog = (query: string, shows: readonly string[] = []) =>
  step(`GET /v2/_catalog${query}`, { shows })

/** The image under another repository of the scenario. */
function pushTo(suffix: string): readonly Step[] {
  return pushImage(listed, '1').map((one) => ({
    ...one,
    request: one.request.replace('$repo/', `$repo${suffix}/`),
  }))
}

export const listScenarios: readonly Scenario[] = [
  {
    // The first of all: the registries are still empty.
    name: 'the catalog',
    steps: [
      catalog(''),
      ...pushTo('/c'),
      ...pushTo('/a/b'),
      ...pushTo('-x'),
      ...pushTo(''),
      catalog(''),
      catalog('?n=2', ['catalog-pages']),
      catalog('?n=2&last=main/s0-x', ['catalog-after']),
      catalog('?n=2&last=main/s0/a/b', ['catalog-after']),
      catalog('?last=main/zzz'),
      catalog('?n=100'),
      catalog('?n=4'),
      catalog('?n=0'),
      catalog('?n=-1', ['page-size']),
      catalog('?n=abc', ['page-size']),
      step('HEAD /v2/_catalog', { shows: ['lists-head'] }),
      step('POST /v2/_catalog'),
      step('GET /v2/_catalog/', { shows: ['slash-at-the-end'] }),
    ],
  },
  {
    name: 'a repository that has blobs only',
    steps: [...pushBlob(blob('lonely')), step('GET /v2/$repo/tags/list'), catalog('?last=main/s1')],
  },
  {
    name: 'tags of a repository that is not there',
    steps: [
      get(''),
      get('?n=2'),
      step('HEAD /v2/$repo/tags/list', { shows: ['lists-head-unknown'] }),
      step('GET /v2/$repo/tags'),
    ],
  },
  {
    name: 'the only tag',
    steps: [
      ...pushImage(listed, 'only'),
      get(''),
      get('?n=1'),
      step('HEAD /v2/$repo/tags/list', { shows: ['lists-head'] }),
    ],
  },
  {
    name: 'pages of tags',
    steps: [
      ...pushImage(listed, 'b'),
      ...['a', 'c', 'B', '10', '9', '_x', 'a.b', 'a-b'].map((tag) =>
        putManifest(listed.manifest, tag),
      ),
      get(''),
      get('?n=3', ['tags-pages', 'tags-link']),
      get('?n=3&last=B', ['tags-pages', 'tags-link']),
      get('?n=3&last=a', ['tags-pages', 'tags-link']),
      get('?last=a', ['tags-pages']),
      get('?last=aa', ['tags-pages']),
      get('?last=zzz', ['tags-pages']),
      get('?n=9'),
      get('?n=100'),
      get('?n=0', ['tags-pages']),
      get('?n=-1', ['page-size']),
      get('?n=abc', ['page-size']),
      get('?n=', ['page-size']),
      get('?last='),
      get('?last=%00', ['last-control']),
    ],
  },
]
