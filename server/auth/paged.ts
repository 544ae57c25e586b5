import type { KeyPage } from '../db/key-page.ts'
import { userKey } from '../domain/user-name.ts'

/** Asks for a page of a list that goes by name. */
export interface NamedPage {
  /** The last name of the page before. */
  readonly after?: string
  readonly count: number
  /** A part of what is looked for. */
  readonly search?: string
}

/** `next` is what the following page begins after; null at the end. */
export interface Paged<T, C = string> {
  readonly items: readonly T[]
  readonly next: C | null
}

/** A page of what `list` gives in the order of its key. */
export async function pageByKey<T extends { readonly name: string }>(
  { after = '', count, search }: NamedPage,
  list: (page: KeyPage) => Promise<readonly T[]>,
): Promise<Paged<T>> {
  const found = await list({
    after: userKey(after),
    count: count + 1,
    search: search === undefined || search === '' ? null : userKey(search),
  })
  return cutAt(found, count, ({ name }) => name)
}

/** The first `count`, of a list that was asked for one more. */
export function cutAt<T, C>(
  found: readonly T[],
  count: number,
  cursorOf: (item: T) => C,
): Paged<T, C> {
  const items = found.slice(0, count)
  const last = items.at(-1)
  return { items, next: found.length > count && last !== undefined ? cursorOf(last) : null }
}
