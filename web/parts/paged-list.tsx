import { Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import type { Reply, Route, Sent } from '../../contract/route.ts'
import { pageQuery } from '../queries/calls.ts'
import { type Column, DataTable, Pager } from './data-table.tsx'
import type { RowGroups } from './row-groups.ts'
import { Failure, Waiting } from './states.tsx'

type Rows<R extends Route> = Reply<R> extends readonly (infer Row)[] ? Row : never

/**
 * A list of the server as a table: page after page by key, its failure in words, `empty` where it
 * has nothing. What it shows is asked for again every few seconds.
 */
export function PagedList<R extends Route>(props: {
  readonly route: R
  /** The filter; `after` is the list's own. Another filter begins at the first page. */
  readonly query?: Sent<R>['query']
  readonly body?: Sent<R>['body']
  /** What takes the server long is not asked for again by itself. */
  readonly isStill?: boolean
  readonly caption: string
  readonly columns: readonly Column<Rows<R>>[]
  readonly keyOf: (row: Rows<R>) => string | number
  /** Together those of one page, which is the server's. */
  readonly groups?: RowGroups<Rows<R>>
  readonly empty: ReactNode
}) {
  const { route, query, body, isStill, caption, columns, keyOf, groups, empty } = props
  const { rows, isPrevious, error, retry, pager } = usePages(route, query, { body, isStill })
  if (rows === undefined) {
    return error ? <Failure error={error} onRetry={retry} /> : <Waiting />
  }
  if (rows.length === 0 && !pager.onPrevious && !pager.onNext) return empty
  return (
    <>
      {error && <Failure error={error} onRetry={retry} />}
      <div className={isPrevious ? 'former' : undefined}>
        <DataTable {...{ caption, columns, rows, keyOf, groups }} />
      </div>
      {rows.length === 0 && <GoesOn />}
      <Pager {...pager} />
    </>
  )
}

/** Where the server has looked through a stretch of a long list and found nothing there. */
export function GoesOn() {
  return (
    <Text c="dimmed" role="status">
      Nothing so far, but the list goes on: press Next to look further.
    </Text>
  )
}

/** Page after page of a list of the server. While another filter or page is on its way, the former rows. */
export function usePages<R extends Route>(
  route: R,
  query?: Sent<R>['query'],
  {
    body,
    isStill = false,
  }: { body?: Sent<R>['body'] | undefined; isStill?: boolean | undefined } = {},
) {
  const { after, moves } = useCursors(JSON.stringify([query ?? {}, body ?? {}]))
  const input = {
    query: { ...(query as object), ...(after !== undefined && { after }) },
    ...(body !== undefined && { body }),
  }
  const { data, error, refetch, isPlaceholderData } = useQuery({
    ...pageQuery(route, input as Partial<Sent<R>>),
    ...(isStill && { refetchInterval: false, refetchOnWindowFocus: false }),
  })
  return {
    rows: data?.items as readonly Rows<R>[] | undefined,
    /** Whether these are still the rows of the former filter or page. */
    isPrevious: isPlaceholderData,
    error,
    retry: () => void refetch(),
    pager: moves(data?.next ?? null),
  }
}

/** The keys that the pages of this filter began after, so far. */
function useCursors(filter: string) {
  const [kept, setKept] = useState<{ filter: string; cursors: readonly string[] }>({
    filter,
    cursors: [],
  })
  const cursors = kept.filter === filter ? kept.cursors : []
  const go = (to: readonly string[]) => () => setKept({ filter, cursors: to })
  const moves = (next: string | null) => ({
    onFirst: cursors.length > 0 ? go([]) : undefined,
    onPrevious: cursors.length > 0 ? go(cursors.slice(0, -1)) : undefined,
    onNext: next === null ? undefined : go([...cursors, next]),
  })
  return { after: cursors.at(-1), moves }
}
