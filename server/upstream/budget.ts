import type { IncomingHttpHeaders } from 'node:http'

/** What a registry said of how many requests it still takes (Docker Hub's `RateLimit-…`). */
export interface Budget {
  readonly limit: number | null
  readonly remaining: number
  readonly windowSeconds: number | null
  /** When it was said, in milliseconds. */
  readonly at: number
}

/** `76;w=21600` */
const pattern = /^\s*(\d{1,12})\s*(?:;\s*w\s*=\s*(\d{1,9}))?/

/** Undefined: the headers say nothing of it. */
export function readBudget(headers: IncomingHttpHeaders, now: number): Budget | undefined {
  const remaining = pattern.exec(String(headers['ratelimit-remaining'] ?? ''))
  if (!remaining) return undefined
  const limit = pattern.exec(String(headers['ratelimit-limit'] ?? ''))
  const window = remaining[2] ?? limit?.[2]
  return {
    remaining: Number(remaining[1]),
    limit: limit ? Number(limit[1]) : null,
    windowSeconds: window === undefined ? null : Number(window),
    at: now,
  }
}

const usualMs = 60_000
const longestMs = 6 * 60 * 60 * 1000

/** `Retry-After`: seconds or a date (RFC 9110, 10.2.3); a minute if it says nothing. */
export function readRetryAfter(headers: IncomingHttpHeaders, now: number): number {
  const text = headers['retry-after']
  if (text === undefined) return usualMs
  const ms = /^\d+$/.test(text) ? 1000 * Number(text) : Date.parse(text) - now
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 1000), longestMs) : usualMs
}
