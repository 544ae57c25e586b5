import type { IncomingHttpHeaders } from 'node:http'
import { pageHeader } from '../../contract/call.ts'
import { RegistryError } from '../domain/errors.ts'

/**
 * Throws DENIED unless the request, which a cookie vouches for, comes from a page of this server:
 * the browser says so, and it has a header that no other site can make a browser send without
 * asking this server first, which never agrees.
 */
export function checkSameOrigin(headers: IncomingHttpHeaders, baseUrl: string): void {
  if (!saysSameOrigin(headers, baseUrl) || headers[pageHeader.name] !== pageHeader.value) {
    throw new RegistryError(
      'DENIED',
      `With the cookie of a session, changes are taken from pages of this server only: they send ${pageHeader.name}: ${pageHeader.value}, and their browser Origin or Sec-Fetch-Site. Scripts use an API key instead.`,
    )
  }
}

/**
 * Throws DENIED when a browser says that a page of another site sent this: a login is one's own, and
 * a password that was typed into the browser's dialog (RFC 7617) goes along with every site's forms.
 */
export function checkNotForeign(headers: IncomingHttpHeaders, baseUrl: string): void {
  const silent = headers['sec-fetch-site'] === undefined && headers.origin === undefined
  if (silent || saysSameOrigin(headers, baseUrl)) return
  throw new RegistryError(
    'DENIED',
    'A page of another site cannot log in or out here, nor change anything.',
  )
}

/** Fetch Metadata where the browser sends it (`none`: typed by the user), else its Origin. */
function saysSameOrigin(headers: IncomingHttpHeaders, baseUrl: string): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site === 'same-origin' || site === 'none'
  return headers.origin?.toLowerCase() === baseUrl
}
