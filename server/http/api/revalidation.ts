import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/** What a reply is told from another by: of its bytes, for a page may hang on many rows. */
export function etagOf(body: string): string {
  return `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`
}

/** Whether the client has it already (RFC 9110, 13.1.2: weak comparison). */
export function hasAlready(headers: IncomingHttpHeaders, etag: string): boolean {
  const known = headers['if-none-match']?.split(',') ?? []
  return known.some((each) => each.trim().replace(/^W\//, '') === etag)
}
