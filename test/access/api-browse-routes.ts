import { checkFound, checkOverviews, checkRepositories } from './api-browse-replies.ts'
import { inRepository, knowsOf, manages, seesSomething } from './api-needs.ts'
import type { ApiRequest, ApiRoute } from './api-routes.ts'
import { imagesOf } from './images.ts'
import type { Attribute } from './rules.ts'
import { absentFeed, feeds, type Repository, repositories } from './world.ts'

type Fields = Readonly<Record<string, string>>

const everyFeed: readonly string[] = [...feeds, absentFeed]
const none = `sha256:${'0'.repeat(64)}`

/** One of each sort, for routes that need what others do: the tokens of the run last five minutes. */
const few = repositories.filter(({ feed, repository }) =>
  [
    'private/team/app',
    'private/team/apq',
    'restricted/other/app',
    'restricted/other/apq',
    'absent/team/app',
  ].includes(`${feed}/${repository}`),
)

/** The same request in these; what is not there is asked about with its neighbour's. */
function everywhere(
  attributes: readonly Attribute[],
  requestOf: (repository: Repository) => Omit<ApiRequest, 'needs'>,
  places: readonly Repository[] = repositories,
): ApiRequest[] {
  return places.map((each) => {
    const { kind, feed, repository } = each
    const { what = '', ...request } = requestOf(each)
    return {
      ...request,
      what: `${what} in ${repository}`.trimStart(),
      feed,
      needs: inRepository({ feed, repository }, ...attributes),
      ...(kind !== 'there' && { heard: request.heard ?? 404 }),
    }
  })
}

const at = ({ feed, repository }: Repository): Fields => ({ feed, repo: repository })

/** A repository's route with fields in the address. */
function query(
  methods: string,
  path: string,
  attributes: readonly Attribute[],
  fieldsOf: (repository: Repository) => Fields = () => ({}),
  more: Partial<ApiRequest> & { readonly in?: readonly Repository[] } = {},
): ApiRoute {
  const { in: places = few, ...rest } = more
  const requestOf = (each: Repository) => ({
    ...rest,
    query: { ...at(each), ...fieldsOf(each) },
  })
  return { methods: methods.split(' '), path, requests: everywhere(attributes, requestOf, places) }
}

/** The same in a body. */
function body(path: string, attributes: readonly Attribute[], fields: object): ApiRoute {
  return {
    methods: ['POST'],
    path,
    requests: everywhere(attributes, (each) => ({ json: { ...at(each), ...fields } })),
  }
}

const pull = ['Feeds_DownloadPackage'] as const
const remove = ['Feeds_DeletePackage'] as const
const ofImage = (each: Repository) => ({ digest: imagesOf(each).image.manifest.digest })

/** What is in registries: by hand, as the rest. */
export const browseRoutes: Readonly<Record<string, ApiRoute>> = {
  'deletions.preview': body('/api/containers/deletions/preview', [...pull, ...remove], {
    tags: ['v1'],
  }),
  'deletions.run': body('/api/containers/deletions/run', remove, { images: [none] }),
  'images.get': query('GET', '/api/containers/images/get', pull, ofImage, { in: repositories }),
  'images.untagged': query('GET', '/api/containers/images/untagged', pull),
  'images.referrers': query('GET', '/api/containers/images/referrers', pull, ofImage),
  'images.history': query('GET', '/api/containers/images/history', pull, ofImage),
  'images.compare': query('GET', '/api/containers/images/compare', pull, (each) => ({
    left: 'v1',
    right: imagesOf(each).other.manifest.digest,
  })),
  'images.delete': query(
    'POST DELETE',
    '/api/containers/images/delete',
    remove,
    () => ({ digest: none }),
    { heard: 404 },
  ),
  'registries.list': {
    methods: ['GET'],
    path: '/api/containers/registries/list',
    requests: [{ needs: seesSomething, check: checkOverviews }],
  },
  'registries.get': {
    methods: ['GET'],
    path: '/api/containers/registries/get',
    requests: everyFeed.map((feed) => ({ query: { feed }, feed, needs: knowsOf(feed) })),
  },
  'repositories.list': {
    methods: ['GET'],
    path: '/api/containers/repositories/list',
    requests: everyFeed.map((feed) => ({
      ...{ query: { feed }, feed, needs: knowsOf(feed), check: checkRepositories(feed) },
    })),
  },
  'repositories.get': query('GET', '/api/containers/repositories/get', [], () => ({}), {
    in: repositories,
  }),
  'repositories.update': {
    methods: ['POST'],
    path: '/api/containers/repositories/update',
    requests: few.map((each) => ({
      ...{ what: `of ${each.repository}`, query: at(each), json: {}, feed: each.feed },
      needs: manages(each.feed),
      ...(each.kind !== 'there' && { heard: 404 }),
    })),
  },
  'repositories.previewDelete': query('GET', '/api/containers/repositories/preview-delete', remove),
  'repositories.delete': query(
    'POST DELETE',
    '/api/containers/repositories/delete',
    remove,
    () => ({ nonsense: '1' }),
    { heard: 422 },
  ),
  'search.find': {
    methods: ['GET'],
    path: '/api/containers/search',
    requests: ['app', 'v1', 'main', 'private/team/app:v1'].map((q) => ({
      ...{ what: `for ${q}`, query: { q }, needs: seesSomething, check: checkFound(q) },
    })),
  },
  'tags.list': query('GET', '/api/containers/tags/list', pull, () => ({}), { in: repositories }),
  'tags.history': query('GET', '/api/containers/tags/history', pull, () => ({ tag: 'v1' })),
  'tags.create': {
    methods: ['POST'],
    path: '/api/containers/tags/create',
    requests: [
      ...everywhere(['Feeds_AddPackage'], (each) => ({
        query: { ...at(each), name: 'v1', target: 'nothing-there' },
        heard: 404,
      })),
      ...everywhere(['Feeds_AddPackage', 'Feeds_OverwritePackage'], (each) => ({
        what: 'by force',
        query: { ...at(each), name: 'v1', target: 'nothing-there', force: 'true' },
        heard: 404,
      })),
    ],
  },
  'tags.refresh': query(
    'POST',
    '/api/containers/tags/refresh',
    ['Feeds_AddPackage'],
    () => ({ tag: 'not-there' }),
    { heard: 404 },
  ),
  'tags.delete': query(
    'POST DELETE',
    '/api/containers/tags/delete',
    remove,
    () => ({ tag: 'not-there' }),
    { heard: 404 },
  ),
}
