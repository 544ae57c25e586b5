import { RegistryError } from '../../domain/errors.ts'
import type { Listed, Page } from '../../registry/tags.ts'
import type { Exchange } from './exchange.ts'

/**
 * `n` and `last` of a list (OCI distribution-spec, "Listing Tags"). Without `n` a client gets all
 * up to `maxCount`: many never look at the Link.
 */
export function readPage({ query }: Exchange, maxCount: number): Page {
  const n = query.get('n')
  if (n !== null && !/^\d{1,15}$/.test(n)) {
    throw new RegistryError(
      'PAGINATION_NUMBER_INVALID',
      `n must be a whole number of 0 or more; it is "${n.slice(0, 50)}".`,
      { detail: { n: n.slice(0, 50) } },
    )
  }
  const count = n === null ? maxCount : Math.min(Number(n), maxCount)
  return { after: readLast(query), count }
}

/** Any text may stand where a list is to go on, but no name has control characters. */
function readLast(query: URLSearchParams): string {
  const last = query.get('last') ?? ''
  if (!/\p{Cc}/u.test(last)) return last
  throw new RegistryError('REQUEST_INVALID', 'last must not contain control characters.')
}

/** The Link to the following page; none at the end, and none for an empty page asked for with n=0. */
export function linkHeader(
  path: string,
  { count }: Page,
  { listed, filter = {} }: { listed: Listed<unknown>; filter?: Record<string, string> },
): Record<string, string> {
  if (listed.next === null || count === 0) return {}
  const query = new URLSearchParams({ ...filter, n: String(count), last: listed.next })
  return { link: `<${path}?${query}>; rel="next"` }
}
