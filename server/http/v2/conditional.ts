import type { IncomingMessage } from 'node:http'

/** Whether `If-None-Match` names the content (RFC 9110, 13.1.2: weak comparison). */
export function isNotModified({ headers }: IncomingMessage, digest: string): boolean {
  const header = headers['if-none-match']
  if (header === undefined) return false
  return header.trim() === '*' || listOf(header).includes(`"${digest}"`)
}

/** Whether a `Range` still counts: without `If-Range`, or when that names the content exactly. */
export function isRangeWanted({ headers }: IncomingMessage, digest: string): boolean {
  const header = headers['if-range']
  return header === undefined || header === `"${digest}"`
}

function listOf(header: string): string[] {
  return header.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
}
