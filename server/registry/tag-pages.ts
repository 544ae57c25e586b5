import {
  findTagAhead,
  listTagRecords,
  type TagRecord,
  type TagSort,
  tagKey,
} from '../db/tag-pages.ts'
import { examineAndFind, type FactDeps } from './image-facts.ts'
import { type Found, formatKey, parseNumberedKey, takePage, walk } from './walk.ts'

export interface TagPageQuery {
  readonly repositoryId: number
  readonly sort: TagSort
  readonly desc: boolean
  readonly search: string | null
  readonly platform: string | null
  /** What `next` was; null: from the beginning. */
  readonly after: string | null
  readonly count: number
}

/** How many tags one step looks at, and how many steps one page takes at most. */
const bySearch = { size: 10_000, maxSteps: 20 }
const byPlatform = { size: 2000, maxSteps: 20 }

/** A page of tags with their images. Facts that are not there yet are looked up. */
export async function pageTagRecords(
  deps: FactDeps,
  query: TagPageQuery,
): Promise<{ readonly items: readonly TagRecord[]; readonly next: string | null }> {
  const { items, next } = await find(deps, query)
  const ids = items.flatMap(({ examined, manifestId }) => (examined === 0 ? [manifestId] : []))
  const facts = await examineAndFind(deps, ids)
  return {
    items: items.map((item) => ({ ...item, ...facts.get(item.manifestId) })),
    next: next === null ? null : formatKey(nextKey(query.sort, next)),
  }
}

function find({ db }: FactDeps, query: TagPageQuery): Promise<Found<TagRecord>> {
  const { repositoryId, sort, desc, search, platform, count } = query
  const list = {
    after: query.after === null ? null : afterOf(sort, query.after),
    count,
    rows: (after: Key, end: Key, limit: number) =>
      listTagRecords(db.read, {
        ...{ repositoryId, sort, search, platform, limit },
        span: { after, end, desc },
      }),
    keyOf: (row: TagRecord) => tagKey(sort, row),
  }
  if (search === null && platform === null) return takePage(list)
  const { size, maxSteps } = platform === null ? bySearch : byPlatform
  const ahead = (after: Key) =>
    findTagAhead(db.read, { repositoryId, sort, span: { after, end: null, desc } }, size)
  return walk({ ...list, maxSteps, ahead })
}

type Key = ReturnType<typeof tagKey> | null

/** Of a version the name says where it stands. */
function nextKey(sort: TagSort, key: NonNullable<Key>): NonNullable<Key> {
  return sort === 'pushed' ? key : { value: key.name, name: key.name }
}

function afterOf(sort: TagSort, after: string): Key {
  if (sort === 'pushed') return parseNumberedKey(after) ?? null
  return tagKey(sort, { name: after, updatedAt: 0 })
}
