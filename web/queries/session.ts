import { type QueryClient, queryOptions, useQuery } from '@tanstack/react-query'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import type { Whoami } from '../../contract/sessions.ts'
import { anonymousClient, client, isRefused } from '../call.ts'

const nobody: Whoami = {
  kind: 'anonymous',
  name: 'Anonymous',
  user: null,
  administrator: false,
  generatedPassword: false,
  session: null,
}

/** Who looks at the pages. A session that has ended is nobody's. */
export const whoamiQuery = queryOptions({
  queryKey: [api.sessions.whoami.path],
  queryFn: async ({ signal }) => {
    try {
      return await call({ ...client, signal }, api.sessions.whoami)
    } catch (error) {
      if (isRefused(error, 401)) return nobody
      throw error
    }
  },
  staleTime: 60_000,
  refetchOnWindowFocus: 'always',
})

/** Below the frame, which waits for it, it is always known. */
export function useWhoami(): Whoami {
  return useQuery(whoamiQuery).data ?? nobody
}

/** Where a browser can sign in besides the form. The cookie of a session that ended stays out of it. */
export const providersQuery = queryOptions({
  queryKey: [api.directories.providers.path],
  queryFn: ({ signal }) => call({ ...anonymousClient, signal }, api.directories.providers),
})

/** Begins a session. Nothing that the former one was told, or is yet to be told, is kept. */
export async function signIn(
  queries: QueryClient,
  body: { readonly userName: string; readonly password: string },
): Promise<Whoami> {
  const whoami = await call(client, api.sessions.login, { body })
  await queries.cancelQueries()
  // That one stays and changes: what is on the screen waits for it, such as the welcome's next step.
  const [own] = whoamiQuery.queryKey
  queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== own })
  queries.getMutationCache().clear()
  queries.setQueryData(whoamiQuery.queryKey, whoami)
  return whoami
}

/** Ends the session, and with `everywhere` all others and what `docker login` keeps. */
export async function signOut(queries: QueryClient, everywhere = false): Promise<void> {
  await call(client, everywhere ? api.sessions.logoutEverywhere : api.sessions.logout)
  await forgetSession(queries)
}

/** After the session has ended, whoever ended it. */
export async function forgetSession(queries: QueryClient): Promise<void> {
  await queries.cancelQueries()
  queries.clear()
  queries.setQueryData(whoamiQuery.queryKey, nobody)
}
