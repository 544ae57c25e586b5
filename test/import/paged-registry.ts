import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Image } from '../support/content.ts'

export interface PagedRegistry extends AsyncDisposable {
  readonly url: string
  /** `METHOD path` of every request. */
  readonly requests: string[]
  /** Tokens that were given, one after another. */
  readonly tokens: () => number
}

export interface PagedOptions {
  /** By repository and tag. */
  readonly images: Readonly<Record<string, Readonly<Record<string, Image>>>>
  /** How many answers a repository's token is good for: then it has expired, whatever it said. */
  readonly answersAToken: number
  /** So many requests are told to come back later, each second one. */
  readonly busy: number
  /** What the list of referrers says of any digest; absent: it has none. */
  readonly referrers?: readonly string[]
}

/**
 * Another registry at its most tiresome: one name a page, tokens that are good for a few answers, and
 * requests that it has no time for.
 */
export async function openPagedRegistry(options: PagedOptions): Promise<PagedRegistry> {
  const requests: string[] = []
  const tokens = new ShortTokens(options.answersAToken)
  let busy = options.busy
  const server = http.createServer((req, res) => {
    const { method = '', url = '', headers } = req
    requests.push(`${method} ${url}`)
    const answer = (status: number, body: string | Buffer = '', more = {}) => {
      res.writeHead(status, { 'content-length': Buffer.byteLength(body), ...more })
      res.end(method === 'HEAD' ? undefined : body)
    }
    const { pathname, searchParams } = new URL(url, 'http://localhost')
    if (pathname === '/token') {
      const token = tokens.give(searchParams.get('scope') ?? '')
      return answer(200, JSON.stringify({ token, expires_in: 3600 }))
    }
    if (!tokens.letIn(headers.authorization ?? '', pathname)) {
      const realm = `http://${headers.host}/token`
      const challenge = `Bearer realm="${realm}",service="paged",scope="registry:catalog:*"`
      return answer(401, '{}', { 'www-authenticate': challenge })
    }
    if (busy > 0 && requests.length % 2 === 0) {
      busy -= 1
      return answer(busy % 2 === 0 ? 429 : 503, '', { 'retry-after': '1' })
    }
    const found = contentAt(options, pathname, searchParams)
    return found === undefined ? answer(404, '{}') : answer(200, found.body, found.headers)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    tokens: () => tokens.given,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

class ShortTokens {
  given = 0
  readonly #answers: number
  /** By header, how many answers it is good for. */
  readonly #left = new Map<string, number>()

  constructor(answers: number) {
    this.#answers = answers
  }

  give(scope: string): string {
    const token = `t${this.given}`
    this.given += 1
    const isOfRepository = scope.startsWith('repository:')
    this.#left.set(`Bearer ${token}`, isOfRepository ? this.#answers : 1000)
    return token
  }

  letIn(authorization: string, pathname: string): boolean {
    const left = this.#left.get(authorization) ?? 0
    this.#left.set(authorization, left - 1)
    // The first one is for no scope, and the list wants its own.
    return left > 0 && !(pathname === '/v2/_catalog' && authorization === 'Bearer t0')
  }
}

interface Found {
  readonly body: string | Buffer
  readonly headers: Readonly<Record<string, string>>
}

function contentAt(
  { images, referrers }: PagedOptions,
  pathname: string,
  query: URLSearchParams,
): Found | undefined {
  if (pathname === '/v2/') return { body: '{}', headers: {} }
  const after = query.get('last') ?? ''
  if (pathname === '/v2/_catalog') {
    return pageOf(Object.keys(images), after, { field: 'repositories', pathname })
  }
  const [, name = '', kind, item = ''] =
    /^\/v2\/(.+)\/(tags|manifests|blobs|referrers)\/([^/]+)$/.exec(pathname) ?? []
  const tags = images[name]
  if (tags === undefined) return undefined
  if (kind === 'tags') return pageOf(Object.keys(tags), after, { field: 'tags', pathname })
  if (kind === 'referrers') {
    if (referrers === undefined) return undefined
    const manifests = referrers.map((digest) => ({ digest }))
    return { body: JSON.stringify({ schemaVersion: 2, manifests }), headers: {} }
  }
  const all = Object.values(tags)
  if (kind === 'blobs') {
    const blob = all.flatMap(({ blobs }) => blobs).find(({ digest }) => digest === item)
    return blob && { body: blob.bytes, headers: {} }
  }
  const image = tags[item] ?? all.find(({ manifest }) => manifest.digest === item)
  if (image === undefined) return undefined
  const { bytes, mediaType } = image.manifest
  return { body: bytes, headers: { 'content-type': mediaType } }
}

/** One name, and where the next is. */
function pageOf(
  names: readonly string[],
  after: string,
  { field, pathname }: { readonly field: string; readonly pathname: string },
): Found {
  const [name, ...rest] = names.slice(names.indexOf(after) + 1)
  const link = `<${pathname}?n=1&last=${name}>; rel="next"`
  return {
    body: JSON.stringify({ [field]: name === undefined ? null : [name] }),
    headers: rest.length > 0 ? { link } : {},
  }
}
