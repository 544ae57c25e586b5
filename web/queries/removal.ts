import { useIsMutating, useMutation, useQueryClient } from '@tanstack/react-query'
import { call } from '../../contract/call.ts'
import type { Reply, Route, Sent } from '../../contract/route.ts'
import { client } from '../call.ts'

const mutationKey = ['removal']

/**
 * A call that deletes what the page is about; `leave` leads away from it. It is under way until
 * that other page is there, and only then what the routes in `refreshes` answered is asked for anew.
 */
export function useRemoval<R extends Route>(
  route: R,
  refreshes: readonly Route[],
  leave: (done: Reply<R>) => Promise<void>,
) {
  const queries = useQueryClient()
  return useMutation({
    mutationKey,
    mutationFn: (input: Partial<Sent<R>>): Promise<Reply<R>> => call(client, route, input),
    onSuccess: async (done) => {
      await leave(done)
      await Promise.all(
        refreshes.map(({ path }) => queries.invalidateQueries({ queryKey: [path] })),
      )
    },
  })
}

/** Whether nothing is being deleted: a page about what goes does not ask for it any more. */
export function useStays(): boolean {
  return useIsMutating({ mutationKey }) === 0
}
