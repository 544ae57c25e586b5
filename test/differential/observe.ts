import { createHash } from 'node:crypto'
import type { Answer } from '../support/wire.ts'
import { brokenOff } from './peers.ts'

/** What clients can tell of an answer, by name: `status`, `code`, `body` and headers. */
export type Observed = ReadonlyMap<string, string>

export interface Difference {
  readonly fact: string
  readonly distribution: string
  readonly entrepot: string
}

/** The value of a header or body that is not there. */
export const absent = 'absent'

/** The headers that some client reads; Date, Connection and the like are none of them. */
const headers = [
  'accept-ranges',
  'allow',
  'cache-control',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'docker-content-digest',
  'docker-distribution-api-version',
  'docker-upload-uuid',
  'etag',
  'link',
  'oci-filters-applied',
  'oci-subject',
  'oci-tag',
  'range',
  'retry-after',
  'transfer-encoding',
  'warning',
  'www-authenticate',
  'x-content-type-options',
] as const

/** What differs between the two from chance alone (ids, boundaries, ports) has one spelling. */
export function observe(answer: Answer, url: string): Observed {
  const boundary = /boundary=([^;]+)/.exec(answer.headers['content-type'] ?? '')?.[1]
  const broken = answer.status === brokenOff
  const seen = new Map([['status', broken ? 'broken off' : `${answer.status}`]])
  for (const name of headers) {
    const value = answer.headers[name]
    seen.set(name, value === undefined ? absent : plain(value, url, boundary))
  }
  observeLocation(answer.headers.location, url, seen)
  observeBody(answer, boundary, seen)
  return seen
}

function observeBody(answer: Answer, boundary: string | undefined, seen: Map<string, string>) {
  if (answer.status >= 400) {
    seen.set('code', codesOf(answer))
    seen.set('content-length', describeLength(answer))
    return
  }
  if (answer.body.length === 0) {
    seen.set('body', absent)
    return
  }
  seen.set('content-length', describeLength(answer))
  seen.set('body', boundary === undefined ? bodyOf(answer) : partsOf(answer.body, boundary))
  const names = namesOf(answer)
  if (names !== undefined) seen.set('order', isSorted(names) ? 'by bytes' : 'another')
}

/**
 * What differs. Answers of two statuses speak of two things: then it is status and code alone
 * (what each of our answers has to carry is checked where the protocol's rows are).
 */
export function compare(distribution: Observed, entrepot: Observed): Difference[] {
  const sameStatus = distribution.get('status') === entrepot.get('status')
  const all = new Set([...distribution.keys(), ...entrepot.keys()])
  const facts = sameStatus ? all : new Set(['status', 'code'])
  return [...facts]
    .map((fact) => ({
      fact,
      distribution: distribution.get(fact) ?? absent,
      entrepot: entrepot.get(fact) ?? absent,
    }))
    .filter((difference) => difference.distribution !== difference.entrepot)
}

/** Errors and lists are worded differently; that the length is true is what matters. */
function describeLength({ headers, body }: Answer): string {
  const length = headers['content-length']
  if (length === undefined) return absent
  return body.length === 0 || Number(length) === body.length ? 'that of the body' : length
}

/** Where it leads to and how that is written are two things. */
function observeLocation(location: string | undefined, url: string, seen: Map<string, string>) {
  if (location === undefined) {
    seen.set('location', absent)
    return
  }
  const { pathname, searchParams } = new URL(location, url)
  const state = searchParams.has('_state')
  searchParams.delete('_state')
  const query = searchParams.size === 0 ? '' : `?${searchParams}`
  seen.set('location', plain(pathname + query, url, undefined))
  seen.set('location-form', location.startsWith('/') ? 'path' : 'URL')
  seen.set('location-state', state ? '_state' : absent)
}

function plain(value: string, url: string, boundary: string | undefined): string {
  // Allow: a list without an order.
  if (/^[A-Z]+(, [A-Z]+)*$/.test(value)) return value.split(', ').toSorted().join(', ')
  const withHost = value
    .replaceAll(new URL(url).host, '<host>')
    .replace(/\/blobs\/uploads\/[^/?]+/, '/blobs/uploads/<id>')
    .replace(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, '<id>')
  return boundary === undefined ? withHost : withHost.replaceAll(boundary, '<boundary>')
}

function codesOf({ body }: Answer): string {
  if (body.length === 0) return absent
  try {
    const { errors } = JSON.parse(body.toString('utf8')) as { errors: { code: string }[] }
    return errors.map(({ code }) => code).join(' ')
  } catch {
    return `no JSON: ${body.subarray(0, 40).toString('utf8').trim()}`
  }
}

function bodyOf(answer: Answer): string {
  const names = namesOf(answer)
  // Of a list its order is a fact of its own.
  if (names !== undefined && names.length > 0) return JSON.stringify(names.toSorted())
  const { body } = answer
  const text = body.toString('utf8')
  // A JSON is what it says, however it is written.
  if (names !== undefined || /^\{\s*\}/.test(text)) return JSON.stringify(JSON.parse(text))
  return `${body.length} bytes ${createHash('sha256').update(body).digest('hex').slice(0, 12)}`
}

function isSorted(names: readonly string[]): boolean {
  return names.every((name, i) => i === 0 || name > (names[i - 1] ?? ''))
}

/** What a tag list or a catalog names (null is none); undefined for anything else. */
function namesOf({ body }: Answer): string[] | undefined {
  const text = body.toString('utf8')
  if (!/^\{("tags"|"name"|"repositories")/.test(text)) return undefined
  const { tags, repositories } = JSON.parse(text) as {
    readonly tags?: string[] | null
    readonly repositories?: string[]
  }
  return tags ?? repositories ?? []
}

/** Each part: its Content-Range and what it holds. */
function partsOf(body: Buffer, boundary: string): string {
  const parts = body.toString('latin1').split(`--${boundary}`).slice(1, -1)
  return parts
    .map((part) => {
      const [head = '', content = ''] = part.split(/\r\n\r\n([\s\S]*)/)
      const range = /content-range: (.*)/i.exec(head)?.[1]?.trim()
      return `${range} ${createHash('sha256').update(content, 'latin1').digest('hex').slice(0, 12)}`
    })
    .join(', ')
}
