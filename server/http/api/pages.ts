import { defaultCount } from '../../../contract/page.ts'
import type { Paged } from '../../auth/paged.ts'
import { userKey } from '../../domain/user-name.ts'
import type { Call } from './call.ts'

/** What a page is asked for by, as use cases take it. */
export function pageOf<T>(query: {
  readonly after?: T | undefined
  readonly count?: number | undefined
}): { readonly after?: T & {}; readonly count: number } {
  const { after, count = defaultCount } = query
  return after === undefined || after === null ? { count } : { after, count }
}

/** The items of a page; the answer's `Link` says where the next one begins. */
export function sendPage<T>(call: Call, page: Paged<T, string | number>): T[] {
  if (page.next !== null) call.goesOnAfter(page.next)
  return [...page.items]
}

/** A page of a list that is short enough to be read whole. */
export function pageOfAll<T extends { readonly name: string }>(
  all: readonly T[],
  { after, count }: { readonly after?: string; readonly count: number },
): Paged<T> {
  const key = after === undefined ? '' : userKey(after)
  const rest = [...all]
    .sort((a, b) => (userKey(a.name) < userKey(b.name) ? -1 : 1))
    .filter(({ name }) => after === undefined || userKey(name) > key)
  const items = rest.slice(0, count)
  return { items, next: rest.length > count ? (items.at(-1)?.name ?? null) : null }
}
