import type { FeedInfo } from '../../contract/feeds.ts'
import type { Privilege } from '../../contract/privileges.ts'
import type { Whoami } from '../../contract/sessions.ts'
import { isRefusal, RegistryError } from '../domain/errors.ts'
import { formatColumns } from './columns.ts'
import {
  type Command,
  isOn,
  json,
  type Terminal,
  type Typed,
  textOf,
  usageError,
} from './command.ts'

/** What the server says of the caller. */
interface Answer {
  readonly kind: Whoami['kind']
  readonly name: string
  readonly groups: readonly string[]
  readonly rights: readonly { readonly feed: string | null; readonly rights: readonly string[] }[]
}

export const whoamiCommand: Command = {
  words: 'whoami',
  operands: [],
  summary: 'Ask a running server who these credentials are, and what they may do.',
  options: {
    url: { type: 'string', sample: 'URL', help: 'The server: https://registry.example.com.' },
    user: { type: 'string', sample: 'NAME', help: 'With --password-stdin. Default: Anonymous.' },
    'password-stdin': { type: 'boolean', help: 'Read the password from the standard input.' },
    'api-key-stdin': { type: 'boolean', help: 'Read an API key from the standard input.' },
    json,
  },
  settings: null,
  read: (typed) => {
    const url = readUrl(typed)
    checkCredentials(typed)
    return async (_config, terminal) => {
      const answer = await ask(url, await readHeaders(typed, terminal))
      terminal.print(isOn(typed, 'json') ? JSON.stringify(answer, null, 2) : format(answer))
    }
  },
}

function readUrl(typed: Typed): URL {
  const text = textOf(typed, 'url')
  if (text === undefined) throw usageError('Say which server: --url https://registry.example.com.')
  const url = URL.parse(text)
  const isPlain = url !== null && url.username === '' && url.password === ''
  if (isPlain && /^https?:$/.test(url.protocol)) return url
  throw usageError(`--url "${text}" is not http(s)://host[:port].`)
}

function checkCredentials(typed: Typed): void {
  const user = textOf(typed, 'user')
  if ((user !== undefined) !== isOn(typed, 'password-stdin')) {
    throw usageError('--user and --password-stdin go together.')
  }
  if (user !== undefined && isOn(typed, 'api-key-stdin')) {
    throw usageError('Give a user with a password, or an API key, not both.')
  }
}

async function readHeaders(typed: Typed, { readInput }: Terminal): Promise<Record<string, string>> {
  const user = textOf(typed, 'user')
  if (user === undefined && !isOn(typed, 'api-key-stdin')) return {}
  const secret = await readInput()
  if (secret === '') throw usageError('The standard input is empty: no password and no key.')
  if (user === undefined) return { 'x-apikey': secret.trim() }
  return { authorization: `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}` }
}

async function ask(url: URL, headers: Record<string, string>): Promise<Answer> {
  const get = async <T>(path: string) => (await fetchJson<T>(new URL(path, url), headers)).value
  const { kind, name, user } = await get<Whoami>('/api/sessions/whoami')
  const feeds = await listFeeds(url, headers).catch((error: unknown) => {
    // To Anonymous who may view nothing there are no feeds.
    if (kind === 'anonymous' && isRefusal(error, 'DENIED')) return []
    throw error
  })
  const rights = []
  for (const feed of [null, ...feeds.map((each) => each.name)]) {
    const query = feed === null ? '' : `?feed=${encodeURIComponent(feed)}`
    const privileges = await get<Privilege[]>(`/api/security/privileges${query}`)
    const allowed = privileges.flatMap((each) => (each.allowed ? [each.attribute] : []))
    rights.push({ feed, rights: allowed })
  }
  return { kind, name, groups: user?.groups ?? [], rights }
}

/** Those that the caller may see: Anonymous perhaps none. */
async function listFeeds(url: URL, headers: Record<string, string>): Promise<FeedInfo[]> {
  const feeds: FeedInfo[] = []
  for (let page: URL | null = new URL('/api/management/feeds/list?count=1000', url); page; ) {
    const { value, next }: Page<FeedInfo[]> = await fetchJson(page, headers)
    feeds.push(...value)
    page = next
  }
  return feeds
}

interface Page<T> {
  readonly value: T
  readonly next: URL | null
}

async function fetchJson<T>(url: URL, headers: Record<string, string>): Promise<Page<T>> {
  const response = await fetch(url, { headers, redirect: 'error' }).catch((cause: unknown) => {
    throw new RegistryError('UNAVAILABLE', `${url.origin} does not answer.`, { cause })
  })
  const text = await response.text()
  if (response.ok && /json/.test(response.headers.get('content-type') ?? '')) {
    const [, next] = /^<([^>]+)>; rel="next"$/.exec(response.headers.get('link') ?? '') ?? []
    return { value: JSON.parse(text) as T, next: next === undefined ? null : new URL(next, url) }
  }
  const said = response.status === 429 ? 'too many attempts' : text.slice(0, 300)
  throw new RegistryError('DENIED', `${url.origin} answers ${response.status}: ${said}`)
}

function format({ kind, name, groups, rights }: Answer): string {
  const about = [
    `${name} (${kind})`,
    ...(groups.length > 0 ? [`groups: ${groups.join(', ')}`] : []),
  ]
  const rows = rights.map((each) => [each.feed ?? '(the server)', each.rights.join(', ') || 'none'])
  return [...about, '', formatColumns(['FEED', 'RIGHTS'], rows)].join('\n')
}
