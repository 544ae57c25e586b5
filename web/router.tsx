import type { QueryClient } from '@tanstack/react-query'
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from '@tanstack/react-router'
import { Frame } from './frame/frame.tsx'
import { Page } from './parts/page.tsx'
import { Empty, Failure, Waiting } from './parts/states.tsx'
import { whoamiQuery } from './queries/session.ts'
import { readReturnPath } from './return-path.ts'

interface Context {
  readonly queries: QueryClient
}

const root = createRootRouteWithContext<Context>()({
  component: Outlet,
  beforeLoad: async ({ context }) => ({
    caller: await context.queries.ensureQueryData(whoamiQuery),
  }),
  errorComponent: ({ error, reset }) => <Failure error={error} onRetry={reset} />,
})

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: ({ to }: Record<string, unknown>): { to?: string } =>
    to === undefined ? {} : { to: readReturnPath(to) },
  component: lazyRouteComponent(() => import('./pages/sign-in.tsx'), 'SignInPage'),
})

const frame = createRoute({ getParentRoute: () => root, id: 'frame', component: Frame })

const home = createRoute({
  getParentRoute: () => root,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/containers', replace: true })
  },
})

const containers = createRoute({ getParentRoute: () => frame, path: '/containers' })

const registries = createRoute({
  getParentRoute: () => containers,
  path: '/',
  component: lazyRouteComponent(
    () => import('./pages/containers/registries.tsx'),
    'RegistriesPage',
  ),
})

/** Everything that has a reference: a registry, a repository, an image. */
const reference = createRoute({
  getParentRoute: () => containers,
  path: '$',
  component: lazyRouteComponent(() => import('./pages/containers/reference.tsx'), 'ReferencePage'),
})

/** Pages that are nobody's but a user's. */
const users = createRoute({
  getParentRoute: () => frame,
  id: 'users',
  beforeLoad: ({ context, location }) => {
    if (context.caller.user === null) {
      throw redirect({ to: '/sign-in', search: { to: location.href }, replace: true })
    }
  },
})

const account = createRoute({
  getParentRoute: () => users,
  path: '/account',
  component: lazyRouteComponent(() => import('./pages/account/account.tsx'), 'AccountPage'),
})

const welcome = createRoute({
  getParentRoute: () => users,
  path: '/welcome',
  component: lazyRouteComponent(() => import('./pages/welcome/welcome.tsx'), 'WelcomePage'),
})

const administration = createRoute({ getParentRoute: () => users, path: '/administration' })

const overview = createRoute({
  getParentRoute: () => administration,
  path: '/',
  component: lazyRouteComponent(
    () => import('./pages/administration/overview.tsx'),
    'AdministrationPage',
  ),
})

const userList = createRoute({
  getParentRoute: () => administration,
  path: '/users',
  component: lazyRouteComponent(() => import('./pages/administration/users.tsx'), 'UsersPage'),
})

const groups = createRoute({
  getParentRoute: () => administration,
  path: '/groups',
  component: lazyRouteComponent(() => import('./pages/administration/groups.tsx'), 'GroupsPage'),
})

const feedGroups = createRoute({
  getParentRoute: () => administration,
  path: '/feed-groups',
  component: lazyRouteComponent(
    () => import('./pages/administration/feed-groups.tsx'),
    'FeedGroupsPage',
  ),
})

const tasks = createRoute({
  getParentRoute: () => administration,
  path: '/tasks',
  component: lazyRouteComponent(() => import('./pages/administration/tasks.tsx'), 'TasksPage'),
})

const permissions = createRoute({
  getParentRoute: () => administration,
  path: '/permissions',
  validateSearch: ({ tab, ...asked }: Record<string, unknown>): Permissions => ({
    ...(tab === 'rights' && { tab }),
    ...textsOf(asked, ['user', 'group', 'feed', 'repo']),
  }),
  component: lazyRouteComponent(
    () => import('./pages/administration/permissions.tsx'),
    'PermissionsPage',
  ),
})

interface Permissions {
  readonly tab?: 'rights'
  readonly user?: string
  readonly group?: string
  readonly feed?: string
  readonly repo?: string
}

const keys = createRoute({
  getParentRoute: () => administration,
  path: '/api-keys',
  component: lazyRouteComponent(() => import('./pages/administration/api-keys.tsx'), 'ApiKeysPage'),
})

const directories = createRoute({
  getParentRoute: () => administration,
  path: '/directories',
  component: lazyRouteComponent(
    () => import('./pages/administration/directories.tsx'),
    'DirectoriesPage',
  ),
})

const connectors = createRoute({
  getParentRoute: () => administration,
  path: '/connectors',
  component: lazyRouteComponent(
    () => import('./pages/administration/connectors.tsx'),
    'ConnectorsPage',
  ),
})

const settings = createRoute({
  getParentRoute: () => administration,
  path: '/settings',
  component: lazyRouteComponent(
    () => import('./pages/administration/settings.tsx'),
    'SettingsPage',
  ),
})

const audit = createRoute({
  getParentRoute: () => administration,
  path: '/audit',
  component: lazyRouteComponent(() => import('./pages/administration/audit.tsx'), 'AuditPage'),
})

const health = createRoute({
  getParentRoute: () => administration,
  path: '/health',
  component: lazyRouteComponent(() => import('./pages/administration/health.tsx'), 'HealthPage'),
})

const jobs = createRoute({
  getParentRoute: () => administration,
  path: '/jobs',
  component: lazyRouteComponent(() => import('./pages/administration/jobs.tsx'), 'JobsPage'),
})

const storage = createRoute({
  getParentRoute: () => administration,
  path: '/storage',
  component: lazyRouteComponent(() => import('./pages/administration/storage.tsx'), 'StoragePage'),
})

const administrationPages = [
  overview,
  userList,
  groups,
  feedGroups,
  tasks,
  permissions,
  keys,
  directories,
  connectors,
  settings,
  jobs,
  storage,
  audit,
  health,
] as const

/** Of an address's query what is text, by these names; a number there was meant as one. */
function textsOf<Name extends string>(
  search: Readonly<Record<string, unknown>>,
  names: readonly Name[],
): { [N in Name]?: string } {
  const found = names.filter((name) => ['string', 'number'].includes(typeof search[name]))
  return Object.fromEntries(found.map((name) => [name, String(search[name])])) as {
    [N in Name]?: string
  }
}

const routeTree = root.addChildren([
  home,
  signIn,
  frame.addChildren([
    containers.addChildren([registries, reference]),
    users.addChildren([account, welcome, administration.addChildren(administrationPages)]),
  ]),
])

export function createPages(queries: QueryClient) {
  return createRouter({
    routeTree,
    context: { queries },
    // A reference stands in the address as one would type it.
    pathParamsAllowedCharacters: [':', '@'],
    // Texts, as they stand there: a tag 1.10 is no number.
    parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
    stringifySearch: formatSearch,
    defaultPreload: 'intent',
    defaultPendingComponent: () => <Waiting />,
    defaultErrorComponent: ({ error, reset }) => (
      <Page title="Something failed">
        <Failure error={error} onRetry={reset} />
      </Page>
    ),
    defaultNotFoundComponent: NotFound,
    scrollRestoration: true,
  })
}

/** Of the characters that may stand in a query, those of references are left as they are. */
function formatSearch(fields: Readonly<Record<string, unknown>>): string {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined)
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()
  const readable = text.replace(/%2F/g, '/').replace(/%3A/g, ':').replace(/%40/g, '@')
  return readable === '' ? '' : `?${readable}`
}

function NotFound() {
  return (
    <Page title="No such page">
      <Empty title="There is no page at this address">
        Press / to search, or go to the containers at the left.
      </Empty>
    </Page>
  )
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createPages>
  }
}
