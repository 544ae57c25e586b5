import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query'
import { isRefused } from '../call.ts'

/** Told of every call that was refused because nobody is signed in. */
export interface Watcher {
  unauthorized: () => void
}

/** How often what is on the screen is asked for anew, while the tab is visible. */
export const pollMs = 5000

/** What the server said is kept and shown at once when one comes back, then asked for anew. */
export function createQueryClient(watcher: Watcher): QueryClient {
  const onError = (error: unknown) => {
    if (isRefused(error, 401)) watcher.unauthorized()
  }
  return new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: {
        staleTime: 1000,
        // A refusal stays one; what the network lost is asked for again.
        retry: (count, error) => count < 2 && !isRefused(error, 400, 401, 403, 404, 409, 422),
        refetchIntervalInBackground: false,
      },
    },
  })
}
