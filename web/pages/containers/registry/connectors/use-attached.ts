import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api } from '../../../../../contract/api.ts'
import { call } from '../../../../../contract/call.ts'
import type { FeedInfo } from '../../../../../contract/feeds.ts'
import { client } from '../../../../call.ts'
import { callQuery } from '../../../../queries/calls.ts'

/**
 * Saves which connectors a registry asks, in which order. The page shows it at once, so that a key
 * pressed three times moves a row by three; the requests go one after the other.
 */
export function useAttached(feed: string) {
  const queries = useQueryClient()
  const { queryKey } = callQuery(api.feeds.get, { params: { name: feed } })
  return useMutation({
    scope: { id: `connectors of ${feed}` },
    mutationFn: (connectors: readonly string[]) =>
      call(client, api.feeds.update, {
        params: { name: feed },
        body: { connectors: [...connectors] },
      }),
    onMutate: async (connectors) => {
      queries.setQueryData(queryKey, (old: FeedInfo | undefined) =>
        old === undefined ? old : { ...old, connectors: [...connectors] },
      )
      await queries.cancelQueries({ queryKey })
    },
    onSettled: () =>
      Promise.all(
        [api.feeds.get, api.connectors.list].map(({ path }) =>
          queries.invalidateQueries({ queryKey: [path] }),
        ),
      ),
  })
}

/** With the one at `from` moved to `to`. */
export function moved(names: readonly string[], from: number, to: number): readonly string[] {
  const others = names.filter((_, at) => at !== from)
  return [...others.slice(0, to), ...names.slice(from, from + 1), ...others.slice(to)]
}
