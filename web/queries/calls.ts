import {
  keepPreviousData,
  queryOptions,
  type UseMutationResult,
  useMutation,
  useQueryClient,
} from '@tanstack/react-query'
import { call, callPage, type Page } from '../../contract/call.ts'
import type { Reply, Route, Sent } from '../../contract/route.ts'
import { client } from '../call.ts'
import { pollMs } from './query-client.ts'

/** What a GET route answers. It is asked for again every few seconds while somebody looks. */
export function callQuery<R extends Route>(route: R, input: Partial<Sent<R>> = {}) {
  return queryOptions({
    queryKey: [route.path, input],
    queryFn: ({ signal }) => call({ ...client, signal }, route, input),
    refetchInterval: pollMs,
  })
}

/** One page of a list, with where the next begins. The former page stays until this one is here. */
export function pageQuery<R extends Route>(route: R, input: Partial<Sent<R>> = {}) {
  return queryOptions({
    queryKey: [route.path, 'page', input],
    queryFn: ({ signal }) => callPageWithRows(route, input, signal),
    refetchInterval: pollMs,
    placeholderData: keepPreviousData,
  })
}

/** How many stretches of a long list are looked through for the first row that a filter lets in. */
const maxStretches = 10

async function callPageWithRows<R extends Route>(
  route: R,
  input: Partial<Sent<R>>,
  signal: AbortSignal,
): Promise<Page<R>> {
  const caller = { ...client, signal }
  let page = await callPage(caller, route, input)
  for (let stretch = 1; stretch < maxStretches; stretch += 1) {
    if (page.next === null || !Array.isArray(page.items) || page.items.length > 0) return page
    const query = { ...(input.query as object), after: page.next }
    page = await callPage(caller, route, { ...input, query } as Partial<Sent<R>>)
  }
  return page
}

/** A call that changes something; what the routes in `refreshes` answered is asked for anew then. */
export function useCall<R extends Route>(
  route: R,
  refreshes: readonly Route[] = [],
): UseMutationResult<Reply<R>, Error, Partial<Sent<R>>> {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (input: Partial<Sent<R>>) => call(client, route, input),
    onSuccess: () =>
      Promise.all(refreshes.map(({ path }) => queries.invalidateQueries({ queryKey: [path] }))),
  })
}
