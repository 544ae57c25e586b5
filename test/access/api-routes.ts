import { browseRoutes } from './api-browse-routes.ts'
import {
  about,
  administrator,
  anyone,
  every,
  inPerson,
  known,
  knowsOf,
  makesRegistries,
  manages,
  managesAbsent,
  type Need,
  ownerOr,
  pulls,
  views,
} from './api-needs.ts'
import {
  checkAudit,
  checkFeed,
  checkFeeds,
  checkJobs,
  checkKeys,
  checkNewKey,
  checkPrivileges,
  checkTasks,
  checkWhoami,
} from './api-replies.ts'
import { imagesOf } from './images.ts'
import type { Caller } from './rules.ts'
import type { Stage } from './stage.ts'
import { absentFeed, feeds, type Repository, repositories } from './world.ts'

type Fields = Readonly<Record<string, string>>

/** One request, which changes nothing that another one depends on, whoever sends it. */
export interface ApiRequest {
  readonly what?: string
  /** In place of `:name` in the path. */
  readonly name?: string
  readonly query?: Fields | ((stage: Stage, caller: Caller) => Fields)
  /** Not sent with GET. */
  readonly json?: unknown
  readonly needs: Need
  /** What whoever may hears: where that is no 200, the request asks for something impossible. */
  readonly heard?: number
  /** Which registry it is about: the answers about those that one may not see are the same. */
  readonly feed?: string
  /** Whoever may would change what others rely on. */
  readonly onlyRefused?: true
  /** What is wrong with the reply; undefined: nothing. */
  readonly check?: (reply: unknown, caller: Caller) => string | undefined
}

/** A route of the management API, by hand: the contract is compared with it, not read. */
export interface ApiRoute {
  readonly methods: readonly string[]
  readonly path: string
  /** "nothing": credentials are not even looked at. */
  readonly open?: true
  readonly requests: readonly ApiRequest[]
}

const none = '999999'
const nonsense = { nonsense: '1' }

/** Every registry, and one that is not there. */
const everyFeed: readonly string[] = [...feeds, absentFeed]

function route(methods: string, path: string, ...requests: readonly ApiRequest[]): ApiRoute {
  return { methods: methods.split(' '), path, requests }
}

/** For administrators alone, asked once. */
function admins(methods: string, path: string, more: Omit<ApiRequest, 'needs'> = {}): ApiRoute {
  return route(methods, path, { ...more, needs: administrator })
}

/** For the managers of each registry. */
function ofRegistry(
  methods: string,
  path: string,
  { query, ...more }: Omit<ApiRequest, 'needs' | 'query'> & { readonly query?: Fields },
): ApiRoute {
  const requests = everyFeed.map((feed) => ({
    ...{ ...more, what: 'of a registry', query: { ...query, feed }, feed },
    needs: manages(feed),
  }))
  return route(methods, path, ...requests)
}

function ofKeys(more: Omit<ApiRequest, 'needs'>, ofNone: Partial<ApiRequest>): ApiRequest[] {
  const query = (id: (stage: Stage) => number) => (stage: Stage) => ({
    ...(typeof more.query === 'object' && more.query),
    id: String(id(stage)),
  })
  return [
    {
      ...{ ...more, what: "of the publisher's", query: query(({ keys }) => keys.publisher) },
      needs: ownerOr('publisher'),
    },
    {
      ...{ ...more, what: "of Admin's", query: query(({ keys }) => keys.Admin) },
      needs: ownerOr('Admin'),
    },
    {
      ...{ ...more, what: 'of a registry', query: query(({ keys }) => keys.feed) },
      needs: administrator,
    },
    { ...more, what: 'of none', query: { id: none }, needs: administrator, ...ofNone },
  ]
}

/** Of every repository, as for a pull: in those that are not there is no image either. */
function ofImages(more: Fields, heard = 200): ApiRequest[] {
  return repositories.map((repository) => ({
    what: `of ${repository.repository}`,
    feed: repository.feed,
    query: { ...imageIn(repository), ...more },
    needs: pulls(repository),
    heard: repository.kind === 'there' ? heard : 404,
  }))
}

function imageIn(repository: Repository): Fields {
  const { digest } = imagesOf(repository).image.manifest
  return { feed: repository.feed, repo: repository.repository, digest }
}

/** The second repository asks for rights of its own. */
function ofTwoImages(): ApiRequest[] {
  return repositories.flatMap((repository) =>
    repositories
      .filter((other) => other.kind === 'there' && other.feed !== repository.feed)
      .map((other) => {
        const { feed, repo, digest } = imageIn(other)
        return {
          what: `of ${repository.repository} with ${feed}/${repo}`,
          query: {
            ...imageIn(repository),
            ...{ otherFeed: feed ?? '', otherRepo: repo ?? '', otherDigest: digest ?? '' },
          },
          needs: every(pulls(repository), pulls(other)),
          heard: repository.kind === 'there' ? 200 : 404,
        }
      }),
  )
}

/** Keys have no name here: they ask about another one, as Anonymous does. */
function ownName(caller: Caller): string {
  return caller.kind === 'user' ? caller.name : 'reader'
}

function byName(feed: string): Need {
  return (caller) => (caller.kind === 'user' ? knowsOf(feed)(caller) : administrator(caller))
}

export const apiRoutes: Readonly<Record<string, ApiRoute>> = {
  ...browseRoutes,
  'health.list': admins('GET', '/api/health/checks'),
  'health.check': admins('POST', '/api/health/check', { query: { name: 'none' }, heard: 422 }),
  'health.selfTest': admins('GET', '/api/health/self-test'),
  'apiKeys.create': route(
    'POST',
    '/api/api-keys/create',
    {
      ...{ what: 'its own', needs: inPerson, check: checkNewKey },
      json: { type: 'personal', packagePermissions: ['view'] },
    },
    {
      ...{ what: "barred's", needs: ownerOr('barred') },
      json: { type: 'personal', user: 'barred', packagePermissions: ['view'] },
    },
    {
      ...{ what: 'for everything', needs: administrator, heard: 422 },
      json: { type: 'system', feed: 'private' },
    },
    ...everyFeed.map((feed) => ({
      ...{ what: 'for a registry', needs: administrator, heard: 422 },
      json: { type: 'feed', feed, user: 'Admin' },
    })),
  ),
  'apiKeys.list': route('GET', '/api/api-keys/list', { needs: known, check: checkKeys }),
  'apiKeys.update': route('POST', '/api/api-keys/update', ...ofKeys({ json: {} }, { heard: 404 })),
  'apiKeys.rotate': route(
    'POST',
    '/api/api-keys/rotate',
    ...ofKeys({ query: { overlapHours: '999' }, heard: 422 }, { heard: 404 }),
  ),
  'apiKeys.delete': route(
    'POST DELETE',
    '/api/api-keys/delete',
    ...ofKeys({ query: nonsense, heard: 422 }, { heard: 200 }),
  ),
  'apiKeys.requests': route('GET', '/api/api-keys/requests', ...ofKeys({}, {})),
  'audit.list': route(
    'GET',
    '/api/audit/list',
    { needs: administrator },
    ...everyFeed.map((feed) => ({
      ...{ what: 'of a registry', query: { feed }, feed },
      ...{ needs: manages(feed), check: checkAudit(feed) },
    })),
  ),
  'connectors.list': admins('GET', '/api/management/connectors/list'),
  'connectors.get': admins('GET', '/api/management/connectors/get/:name', {
    ...{ name: 'none', heard: 404 },
  }),
  'connectors.create': admins('POST PUT', '/api/management/connectors/create', {
    ...{ json: { name: 'hub', url: 'nowhere' }, heard: 422 },
  }),
  'connectors.update': admins('POST PUT', '/api/management/connectors/update/:name', {
    ...{ name: 'none', json: {}, heard: 404 },
  }),
  'connectors.delete': admins('POST DELETE', '/api/management/connectors/delete/:name', {
    name: 'none',
  }),
  'connectors.test': admins('POST', '/api/management/connectors/test', {
    ...{ json: { connector: 'none' }, heard: 404 },
  }),
  'directories.list': admins('GET', '/api/security/directories/list'),
  'directories.add': admins('POST', '/api/security/directories/add', { json: {}, heard: 422 }),
  'directories.update': admins('POST', '/api/security/directories/update', {
    ...{ query: { directory: 'none' }, json: {}, heard: 404 },
  }),
  'directories.order': admins('POST', '/api/security/directories/order', {
    ...{ json: { directories: ['none'] }, heard: 404 },
  }),
  'directories.delete': admins('POST DELETE', '/api/security/directories/delete', {
    query: { directory: 'none' },
  }),
  'directories.test': admins('POST', '/api/security/directories/test', {
    ...{ json: { directory: 'none', user: 'linda' }, heard: 404 },
  }),
  'directories.providers': route('GET', '/api/sessions/providers', { needs: anyone }),
  'feedGroups.create': admins('POST PUT', '/api/management/feed-groups/create', {
    ...{ json: { name: 'Ours' }, heard: 409 },
  }),
  'feedGroups.list': admins('GET', '/api/management/feed-groups/list'),
  'feedGroups.update': admins('POST', '/api/management/feed-groups/update', {
    ...{ query: { group: 'none' }, json: {}, heard: 404 },
  }),
  'feedGroups.delete': admins('POST DELETE', '/api/management/feed-groups/delete', {
    query: { group: 'none' },
  }),
  'feeds.create': route(
    'POST PUT',
    '/api/management/feeds/create',
    { what: 'in no group', json: { name: 'private' }, needs: makesRegistries(null), heard: 409 },
    {
      ...{ what: 'in a group', json: { name: 'private', feedGroup: 'Ours' } },
      ...{ needs: makesRegistries('Ours'), heard: 409 },
    },
    {
      ...{ what: 'in a group that is not there', json: { name: 'new', feedGroup: 'none' } },
      ...{ needs: makesRegistries(null), heard: 422 },
    },
  ),
  'feeds.get': route(
    'GET',
    '/api/management/feeds/get/:name',
    ...everyFeed.map((feed) => ({
      ...{ name: feed, feed, needs: views(feed), check: checkFeed(feed) },
      ...(feed === absentFeed && { heard: 404 }),
    })),
  ),
  'feeds.list': route('GET', '/api/management/feeds/list', { needs: anyone, check: checkFeeds }),
  'feeds.update': route(
    'POST PUT',
    '/api/management/feeds/update/:name',
    ...everyFeed.map((feed) => ({ name: feed, feed, json: {}, needs: manages(feed) })),
    // What a connector's credentials open, and what all clients are answered with.
    // And how much of the server's room it may take.
    ...[
      ...[{ connectors: ['none'] }, { mirrorOf: 'docker.io' }, { defaultMirror: true }],
      { quotaBytes: 1_000_000 },
    ].map((json) => ({
      ...{ what: `with ${Object.keys(json)}`, name: 'private', json, onlyRefused: true as const },
      needs: every(manages('private'), administrator),
    })),
    // To take a registry into a group, or out of one, is to make one there.
    {
      ...{ what: 'into a group', name: 'private', json: { feedGroup: 'Ours' }, onlyRefused: true },
      needs: every(manages('private'), makesRegistries(null)),
    },
    {
      ...{ what: 'out of its group', name: 'restricted', json: { feedGroup: null } },
      ...{ needs: every(manages('restricted'), makesRegistries(null)), onlyRefused: true },
    },
  ),
  'feeds.delete': route(
    'POST DELETE',
    '/api/management/feeds/delete/:name',
    ...feeds.map((feed) => ({
      ...{ name: feed, feed, query: nonsense, heard: 422, needs: manages(feed) },
    })),
    { name: absentFeed, feed: absentFeed, needs: managesAbsent },
  ),
  'imageFiles.list': route('GET', '/api/containers/images/files/list', ...ofImages({})),
  // What these images have for layers are no archives.
  'imageFiles.get': route('GET', '/api/containers/images/files/get', ...ofImages({ path: 'a' })),
  'imageFiles.download': route(
    'GET',
    '/api/containers/images/files/download',
    ...ofImages({ path: 'a' }, 409),
  ),
  'imageFiles.compare': route('GET', '/api/containers/images/files/compare', ...ofTwoImages()),
  'jobs.list': route(
    'GET',
    '/api/jobs/list',
    { needs: administrator },
    ...everyFeed.map((feed) => ({
      ...{ what: 'of a registry', query: { feed }, feed, needs: manages(feed) },
      check: checkJobs(feed),
    })),
  ),
  'jobs.run': route(
    'POST',
    '/api/jobs/run',
    { what: "the server's", query: { job: 'None' }, needs: administrator, heard: 404 },
    ...everyFeed.map((feed) => ({
      ...{ what: 'of a registry', query: { job: 'StorageCleanup', feed }, feed },
      ...{ needs: manages(feed), heard: 422 },
    })),
  ),
  'jobs.runs': route(
    'GET',
    '/api/jobs/runs',
    { needs: administrator },
    ...everyFeed.map((feed) => ({
      ...{ what: 'of a registry', query: { feed }, feed, needs: manages(feed) },
      check: checkJobs(feed),
    })),
  ),
  'jobs.log': route(
    'GET',
    '/api/jobs/log',
    { query: { run: none }, needs: administrator, heard: 404 },
    ...everyFeed.map((feed) => ({
      ...{ what: 'of a registry', query: { run: none, feed }, feed },
      ...{ needs: manages(feed), heard: 404 },
    })),
  ),
  'jobs.cancel': route(
    'POST',
    '/api/jobs/cancel',
    { query: { run: none }, needs: administrator, heard: 404 },
    ...everyFeed.map((feed) => ({
      ...{ what: 'of a registry', query: { run: none, feed }, feed },
      ...{ needs: manages(feed), heard: 404 },
    })),
  ),
  'jobs.update': route(
    'POST',
    '/api/jobs/update',
    { query: { job: 'None' }, json: {}, needs: administrator, heard: 404 },
    ...everyFeed.map((feed) => ({
      ...{ what: 'of a registry', query: { job: 'FeedDeletion', feed }, json: {}, feed },
      ...{ needs: manages(feed), heard: 404 },
    })),
  ),
  'privileges.list': route(
    'GET',
    '/api/security/privileges',
    { what: 'its own', needs: anyone, check: checkPrivileges(null) },
    ...everyFeed.map((feed) => ({
      ...{ what: 'its own in a registry', query: { feed }, feed, needs: knowsOf(feed) },
      check: checkPrivileges({ feed, repository: null }),
    })),
    ...repositories
      .filter(({ kind }) => kind !== 'nowhere')
      .map(({ feed, repository }) => ({
        what: `its own in ${repository}`,
        ...{ query: { feed, repo: repository }, needs: knowsOf(feed) },
        check: checkPrivileges({ feed, repository }),
      })),
    ...(['reader', 'patterned'] as const).map((user) => ({
      ...{ what: `of ${user}`, query: { user, feed: 'private' }, needs: about(user) },
      check: checkPrivileges({ feed: 'private', repository: null }, user),
    })),
    ...everyFeed.map((feed) => ({
      ...{ what: 'its own, by its name', feed, needs: byName(feed) },
      // A key that administers asks about another one.
      heard: feed === absentFeed ? 422 : 200,
      query: (_stage: Stage, caller: Caller) => ({ user: ownName(caller), feed }),
    })),
    {
      ...{ what: 'of a group', query: { group: 'Builders', feed: 'restricted' } },
      needs: administrator,
    },
  ),
  'retention.list': ofRegistry('GET', '/api/retention/list', {}),
  'retention.create': ofRegistry('POST', '/api/retention/create', { json: {}, heard: 422 }),
  'retention.update': ofRegistry('POST', '/api/retention/update', {
    ...{ query: { id: none }, json: {}, heard: 404 },
  }),
  'retention.order': ofRegistry('POST', '/api/retention/order', {
    ...{ json: { rules: [999_999] }, heard: 404 },
  }),
  'retention.delete': ofRegistry('POST DELETE', '/api/retention/delete', { query: { id: none } }),
  'retention.preview': ofRegistry('GET', '/api/retention/preview', {}),
  'retention.try': ofRegistry('POST', '/api/retention/try', { json: { tags: ['*'] } }),
  'securityGroups.add': admins('POST', '/api/security/groups/add', {
    ...{ json: { name: 'Builders' }, heard: 409 },
  }),
  'securityGroups.update': admins('POST', '/api/security/groups/update', {
    ...{ json: { name: 'none' }, heard: 404 },
  }),
  'securityGroups.delete': admins('POST DELETE', '/api/security/groups/delete', {
    query: { group: 'none' },
  }),
  'securityGroups.list': admins('GET', '/api/security/groups/list'),
  'securityPermissions.add': admins('POST', '/api/security/permissions/add', {
    ...{ json: { task: 'none', user: 'reader' }, heard: 422 },
  }),
  'securityPermissions.delete': admins('POST DELETE', '/api/security/permissions/delete', {
    query: { permissionId: none },
  }),
  'securityPermissions.list': admins('GET', '/api/security/permissions/list'),
  'securityTasks.add': admins('POST', '/api/security/tasks/add', {
    ...{ json: { name: 'Look', attributes: [] }, heard: 409 },
  }),
  'securityTasks.update': admins('POST', '/api/security/tasks/update', {
    ...{ json: { name: 'none' }, heard: 404 },
  }),
  'securityTasks.delete': admins('POST DELETE', '/api/security/tasks/delete', {
    query: { task: 'none' },
  }),
  'securityTasks.list': admins('GET', '/api/security/tasks/list', { check: checkTasks }),
  'securityTasks.attributes': admins('GET', '/api/security/attributes/list'),
  'securityTransfer.export': admins('GET', '/api/security/export'),
  'securityTransfer.import': admins('POST', '/api/security/import', {
    ...{ query: { dryRun: 'true' }, json: {} },
  }),
  'securityUsers.add': admins('POST', '/api/security/users/add', { json: {}, heard: 422 }),
  'securityUsers.update': admins('POST', '/api/security/users/update', {
    ...{ json: { name: 'nobody-has-it' }, heard: 404 },
  }),
  'securityUsers.changePassword': route('POST', '/api/security/users/change-password', {
    ...{ json: nonsense, needs: inPerson, heard: 422 },
  }),
  'securityUsers.delete': admins('POST DELETE', '/api/security/users/delete', {
    query: { user: 'nobody-has-it' },
  }),
  'securityUsers.list': admins('GET', '/api/security/users/list'),
  'sessions.whoami': route('GET', '/api/sessions/whoami', { needs: anyone, check: checkWhoami }),
  'sessions.login': {
    ...route('POST', '/api/sessions/login', { json: {}, needs: anyone, heard: 422 }),
    open: true,
  },
  'sessions.logout': {
    ...route('POST', '/api/sessions/logout', { query: nonsense, needs: anyone, heard: 422 }),
    open: true,
  },
  'sessions.logoutEverywhere': route('POST', '/api/sessions/logout-everywhere', {
    ...{ query: nonsense, needs: inPerson, heard: 422 },
  }),
  'sessions.list': route('GET', '/api/sessions/list', { needs: inPerson }),
  'sessions.delete': route('POST DELETE', '/api/sessions/delete', {
    ...{ query: { id: none }, needs: inPerson },
  }),
  'settings.list': admins('GET', '/api/settings/list'),
  'settings.set': admins('POST', '/api/settings/set', {
    ...{ query: { name: 'None.Such' }, heard: 422 },
  }),
  'storage.get': admins('GET', '/api/storage', { query: { feed: 'private' } }),
  'storage.stores': admins('GET', '/api/storage/stores'),
  'storage.set': admins('POST', '/api/storage', {
    ...{ query: { feed: 'private' }, json: { id: 'tape', properties: {} }, heard: 422 },
  }),
  'storage.test': admins('POST', '/api/storage/test', {
    ...{ json: { id: 'disk', properties: {} }, heard: 422 },
  }),
  'sizes.server': admins('GET', '/api/sizes/server'),
  'sizes.feeds': admins('GET', '/api/sizes/feeds'),
  'sizes.feed': ofRegistry('GET', '/api/sizes/feed', {}),
  'sizes.repositories': ofRegistry('GET', '/api/sizes/repositories', {}),
  'sizes.tags': ofRegistry('GET', '/api/sizes/tags', { query: { repo: 'none/such' }, heard: 404 }),
  'sizes.images': ofRegistry('GET', '/api/sizes/images', {
    ...{ query: { repo: 'none/such' }, heard: 404 },
  }),
  'sizes.freed': admins('POST', '/api/sizes/freed', { query: { feed: 'private' }, json: {} }),
}
