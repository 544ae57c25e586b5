import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { api } from '../../../../contract/api.ts'
import { callPage, type Page } from '../../../../contract/call.ts'
import type { Indexing, Unreadable } from '../../../../contract/image-files.ts'
import type { Reply, Route, Sent } from '../../../../contract/route.ts'
import { client } from '../../../call.ts'
import { callQuery } from '../../../queries/calls.ts'

/** How often the server is asked how far it is with reading layers. */
const progressMs = 700
/** Content under a digest never changes: what was seen once is good for the whole visit. */
const staleMs = 30 * 60_000
const pageCount = '200'

/** Where files are: an image, and if only that is meant one of its layers. */
export interface FilesPlace {
  readonly feed: string
  readonly repo: string
  readonly digest: string
  readonly layer?: string
}

type Answer = { readonly state: 'ready' } | Indexing | Unreadable

/** The pages of a list so far, and how to get another one. */
export function useFilePages<R extends Route>(route: R, query: Sent<R>['query'], enabled = true) {
  const answer = useInfiniteQuery({
    queryKey: [route.path, 'pages', query],
    enabled,
    staleTime: staleMs,
    initialPageParam: '',
    queryFn: ({ pageParam, signal }): Promise<Page<R>> => {
      const part = { count: pageCount, ...(pageParam !== '' && { after: pageParam }) }
      const input = { query: { ...(query as object), ...part } } as Partial<Sent<R>>
      return callPage({ ...client, signal }, route, input)
    },
    getNextPageParam: ({ next }) => next ?? undefined,
    refetchInterval: ({ state }) =>
      state.data?.pages.some(({ items }) => isIndexing(items)) ? progressMs : false,
  })
  return {
    replies: (answer.data?.pages ?? []).map(({ items }) => items),
    error: answer.error,
    retry: () => void answer.refetch(),
    more: answer.hasNextPage ? () => void answer.fetchNextPage() : undefined,
    isMoreOnTheWay: answer.isFetchingNextPage,
  }
}

/** A file's facts and the beginning of its content. */
export function useFile(place: FilesPlace, path: string, enabled = true) {
  const input = { query: { ...place, path } }
  return useQuery({
    ...callQuery(api.imageFiles.get, input),
    enabled,
    staleTime: staleMs,
    refetchInterval: ({ state }) => (isIndexing(state.data) ? progressMs : false),
  })
}

function isIndexing(reply: Reply<Route> | undefined): boolean {
  return (reply as Answer | undefined)?.state === 'indexing'
}
