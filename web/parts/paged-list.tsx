import { useQuery } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import type { Reply, Route, Sent } from '../../contract/route.ts'
import { pageQuery } from '../queries/calls.ts'
import { type Column, DataTable, Pager } from './data-table.tsx'
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
  readonly caption: string
  readonly columns: readonly Column<Rows<R>>[]
  readonly keyOf: (row: Rows<R>) => string | number
  readonly empty: ReactNode
}) {
  const { route, query, caption, columns, keyOf, empty } = props
  const { after, moves } = useCursors(JSON.stringify(query ?? {}))
  const input = { query: { ...(query as object), ...(after !== undefined && { after }) } }
  const { data, error, refetch } = useQuery(pageQuery(route, input as Partial<Sent<R>>))
  if (data === undefined) {
    return error ? <Failure error={error} onRetry={() => void refetch()} /> : <Waiting />
  }
  const rows = data.items as readonly Rows<R>[]
  if (rows.length === 0 && after === undefined) return empty
  return (
    <>
      {error && <Failure error={error} onRetry={() => void refetch()} />}
      <DataTable {...{ caption, columns, rows, keyOf }} />
      <Pager {...moves(data.next)} />
    </>
  )
}

/** The keys that the pages so far began after; of another filter none. */
function useCursors(filter: string) {
  const [state, setState] = useState({ filter, cursors: [] as readonly string[] })
  const cursors = state.filter === filter ? state.cursors : []
  const go = (to: readonly string[]) => setState({ filter, cursors: to })
  const moves = (next: string | null) => ({
    onFirst: cursors.length > 0 ? () => go([]) : undefined,
    onPrevious: cursors.length > 0 ? () => go(cursors.slice(0, -1)) : undefined,
    onNext: next === null ? undefined : () => go([...cursors, next]),
  })
  return { after: cursors.at(-1), moves }
}
