import type { QueryClient } from '@tanstack/react-query'
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  parseSearchWith,
  redirect,
  stringifySearchWith,
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

const administration = createRoute({
  getParentRoute: () => users,
  path: '/administration',
  component: lazyRouteComponent(
    () => import('./pages/administration/overview.tsx'),
    'AdministrationPage',
  ),
})

const routeTree = root.addChildren([
  home,
  signIn,
  frame.addChildren([
    containers.addChildren([registries, reference]),
    users.addChildren([account, administration]),
  ]),
])

export function createPages(queries: QueryClient) {
  return createRouter({
    routeTree,
    context: { queries },
    // A reference stands in the address as one would type it.
    pathParamsAllowedCharacters: [':', '@'],
    // Nor is a query read as JSON: a tag 1.10 is no number.
    parseSearch: parseSearchWith((text) => text),
    stringifySearch: stringifySearchWith(String),
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
