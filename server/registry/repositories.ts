import type { Db } from '../db/database.ts'
import { dayOf } from '../db/pulls.ts'
import {
  findRepositoryAhead,
  listRepositoryRows,
  type RepositoryRow,
  type RepositorySort,
  repositoryKey,
} from '../db/repository-pages.ts'
import type { Feed } from './feeds.ts'
import { formatKey, parseNumberedKey, takePage, walk } from './walk.ts'

/** Pulls of so many days are told one by one, today's too. */
export const recentDays = 30

/** The last day that is not recent. */
export function lastOldDay(now: number): number {
  return dayOf(now) - recentDays
}

export interface RepositoryQuery {
  readonly feed: Feed
  readonly sort: RepositorySort
  readonly desc: boolean
  readonly search: string | null
  readonly after: string | null
  readonly count: number
  /** Null: the caller may view all of the feed. */
  readonly mayView: ((repository: string) => boolean) | null
  readonly now: number
}

/** How many repositories one step looks at, and how many steps one page takes at most. */
const bySearch = { size: 5000, maxSteps: 20 }
const byRights = { size: 1000, maxSteps: 50 }

/** A page of listed repositories that may be viewed. */
export async function pageRepositories(
  { db }: { readonly db: Db },
  query: RepositoryQuery,
): Promise<{ readonly items: readonly RepositoryRow[]; readonly next: string | null }> {
  const { feed, sort, desc, search, count, mayView } = query
  const after = query.after === null ? null : keyOfAfter(sort, query.after)
  const keyOf = (row: RepositoryRow) => repositoryKey(sort, row)
  const rows = async (from: Key, end: Key, limit: number) => {
    const found = await listRepositoryRows(db.read, {
      ...{ feedId: feed.id, sort, search, since: lastOldDay(query.now) },
      span: { after: from, end, desc },
      // Which of them may be viewed is not known to the database.
      limit: mayView === null ? limit : byRights.size,
    })
    return mayView === null ? found : found.filter(({ name }) => mayView(name))
  }
  const list = { after, count, rows, keyOf }
  if (search === null && mayView === null) return format(await takePage(list))
  const { size, maxSteps } = mayView === null ? bySearch : byRights
  const ahead = (from: Key) =>
    findRepositoryAhead(
      db.read,
      { feedId: feed.id, sort, span: { after: from, end: null, desc } },
      size,
    )
  return format(await walk({ ...list, ahead, maxSteps }))
}

type Key = ReturnType<typeof repositoryKey> | null

function format({ items, next }: { items: readonly RepositoryRow[]; next: Key }) {
  return { items, next: next === null ? null : formatKey(next) }
}

function keyOfAfter(sort: RepositorySort, after: string): Key {
  return sort === 'name' ? { value: after, name: after } : (parseNumberedKey(after) ?? null)
}
