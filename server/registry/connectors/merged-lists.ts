import type { Db } from '../../db/database.ts'
import { isRefusal } from '../../domain/errors.ts'
import { UpstreamError } from '../../upstream/upstream-error.ts'
import {
  type AnnotatedReferrer,
  fitting,
  pageReferrers,
  type ReferrersQuery,
} from '../referrers.ts'
import { cut, type Listed, type Page, pageTags } from '../tags.ts'
import {
  type Asker,
  findOtherFeed,
  type Place,
  type PullThroughDeps,
  type Way,
} from './pull-through.ts'
import type { Upstream } from './upstream.ts'
import type { UpstreamLists } from './upstream-lists.ts'

export interface MergedDeps extends PullThroughDeps {
  readonly db: Db
  readonly lists: UpstreamLists
}

/** A page of what is here and what connectors list. */
export interface Merged<T> extends Listed<T> {
  /** Who could not be asked; null: nobody. */
  readonly warning: string | null
}

/** Tags in the order of their bytes. Throws NAME_UNKNOWN where nobody knows the repository. */
export async function mergeTags(
  deps: MergedDeps,
  place: Place,
  { asker, page }: { readonly asker: Asker; readonly page: Page },
): Promise<Merged<string>> {
  const { places, failures, lists } = await ask(deps, place, asker, (upstream) =>
    deps.lists.tags(upstream, place.repository),
  )
  let unknown: unknown
  const names = new Set<string>()
  for (const each of places) {
    try {
      const more = { after: page.after, count: page.count + 1 }
      for (const tag of (await pageTags(deps, each, more)).items) names.add(tag)
    } catch (error) {
      if (!isRefusal(error, 'NAME_UNKNOWN')) throw error
      unknown ??= error
    }
  }
  for (const list of lists) {
    for (const tag of pageOf(list, page)) names.add(tag)
  }
  const isKnown = names.size > 0 || lists.some((list) => list.length > 0)
  if (!isKnown && failures.length === 0 && unknown !== undefined) throw unknown
  const sorted = [...names].sort()
  return { ...cut(sorted, page.count, (tag) => tag), warning: warningOf(failures) }
}

/** Of a list in order, one more than the page has. */
function pageOf(list: readonly string[], { after, count }: Page): readonly string[] {
  let [low, high] = [0, list.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((list[middle] ?? '') > after) high = middle
    else low = middle + 1
  }
  return list.slice(low, low + count + 1)
}

/** Referrers by digest; a page holds what fits an answer. */
export async function mergeReferrers(
  deps: MergedDeps,
  query: ReferrersQuery,
  { asker, page }: { readonly asker: Asker; readonly page: Page },
): Promise<Merged<AnnotatedReferrer>> {
  const { repository, subject, artifactType } = query
  const { places, failures, lists } = await ask(deps, query, asker, (upstream) =>
    deps.lists.referrers(upstream, repository, subject),
  )
  const found = new Map<string, AnnotatedReferrer>()
  /** Beyond it there may be more here than were read. */
  let end: string | null = null
  for (const each of places) {
    const { items, next } = await pageReferrers(deps, { ...query, ...each }, page)
    for (const item of items) found.set(item.digest, item)
    if (next !== null && (end === null || next < end)) end = next
  }
  for (const item of lists.flat()) {
    const fits = artifactType === null || item.artifactType === artifactType
    if (fits && item.digest > page.after && !found.has(item.digest)) found.set(item.digest, item)
  }
  const sorted = [...found.values()]
    .filter(({ digest }) => end === null || digest <= end)
    .sort((a, b) => (a.digest < b.digest ? -1 : 1))
  const listed = cut(sorted, Math.min(page.count, fitting(sorted)), ({ digest }) => digest)
  return { items: listed.items, next: listed.next ?? end, warning: warningOf(failures) }
}

interface Asked<T> {
  /** Repositories of this server that count too, the feed's own first. */
  readonly places: readonly Place[]
  readonly lists: readonly (readonly T[])[]
  /** Names of connectors that could not be asked. */
  readonly failures: readonly string[]
}

async function ask<T>(
  deps: MergedDeps,
  place: Place,
  asker: Asker,
  read: (upstream: Upstream) => Promise<readonly T[]>,
): Promise<Asked<T>> {
  const places = await listPlaces(deps, { ...place, asker, way: [] })
  const upstreams = places.flatMap((each) => deps.connectors.upstreamsFor(each))
  const failures: string[] = []
  const lists = await Promise.all(
    [...new Set(upstreams)].map(async (upstream) => {
      try {
        return await read(upstream)
      } catch (error) {
        if (!(error instanceof UpstreamError)) throw error
        failures.push(upstream.name)
        return []
      }
    }),
  )
  return { places, lists, failures }
}

async function listPlaces(
  deps: MergedDeps,
  search: Place & { readonly asker: Asker; readonly way: Way },
): Promise<Place[]> {
  const places: Place[] = [{ feed: search.feed, repository: search.repository }]
  for (const connector of deps.connectors.of(search.feed.id)) {
    if (connector.kind !== 'feed') continue
    const other = await findOtherFeed(deps, search, connector.feedId)
    if (other === undefined) continue
    const way = [...search.way, search.feed.id]
    places.push(...(await listPlaces(deps, { ...other, asker: search.asker, way })))
  }
  return places
}

function warningOf(failures: readonly string[]): string | null {
  if (failures.length === 0) return null
  return `the list lacks what ${failures.join(', ')} has, which cannot be asked now`
}
