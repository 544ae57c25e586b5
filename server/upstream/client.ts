import type { IncomingMessage } from 'node:http'
import { maxManifestBytes } from '../domain/manifest.ts'
import {
  dockerManifest,
  dockerManifestList,
  ociIndex,
  ociManifest,
  withoutParameters,
} from '../domain/media-type.ts'
import { type Actions, Authorizer, type Credentials } from './authorizer.ts'
import { type Bound, discard, readAll, readJson } from './body.ts'
import { type Budget, readBudget, readRetryAfter } from './budget.ts'
import { type ConnectionOptions, type Connections, openConnections } from './connections.ts'
import { UpstreamError } from './upstream-error.ts'

export interface ClientOptions extends ConnectionOptions {
  /** `https://registry.example.com`; a path behind it is put in front of every repository's name. */
  readonly url: URL
  readonly credentials: Credentials | null
  readonly realmHosts: readonly string[]
  readonly now: () => number
  /** What its tokens are asked for; absent: `pull`. */
  readonly actions?: Actions
  /** Told of each answer's budget. */
  readonly onBudget?: (budget: Budget) => void
}

export interface UpstreamManifest {
  readonly content: Buffer
  /** Of the Content-Type header, without parameters. */
  readonly mediaType: string | undefined
  /** Of the Docker-Content-Digest header. */
  readonly digest: string | undefined
}

/** An answer whose body is yet to be read. */
export interface UpstreamBlob {
  readonly answer: IncomingMessage
  /** Where its bytes begin in the blob. */
  readonly start: number
  /** Of the whole blob; null when the registry does not say. */
  readonly sizeBytes: number | null
}

/** Every kind that there is: a registry answers with what it has, or converts what is not listed. */
const manifestTypes = [
  ...[ociIndex, ociManifest, dockerManifestList, dockerManifest],
  'application/vnd.oci.artifact.manifest.v1+json',
  '*/*;q=0.1',
].join(', ')

const maxRedirects = 5
const maxListBytes = 4 * 1024 * 1024

interface Question {
  readonly method: 'GET' | 'HEAD'
  /** Behind the registry's `/v2/`, or a path of the registry's own with its query. */
  readonly path: string
  readonly repository: string | null
  readonly headers?: Readonly<Record<string, string>>
}

/** An answer and who gave it, after redirects. */
interface Followed {
  readonly answer: IncomingMessage
  readonly host: string
  /** Whether that is the registry itself. */
  readonly isOwn: boolean
}

/** Another registry, as a client of it sees it. Everything throws UpstreamError. */
export class RegistryClient implements Disposable {
  readonly #options: ClientOptions
  readonly #connections: Connections
  readonly #authorizer: Authorizer
  readonly #prefix: string

  constructor(options: ClientOptions) {
    this.#options = options
    this.#connections = openConnections(options)
    this.#authorizer = new Authorizer({ ...options, connections: this.#connections })
    this.#prefix = options.url.pathname.replace(/^\/+|\/+$/g, '')
  }

  get host(): string {
    return this.#options.url.host
  }

  /** Whether it is a registry that lets the caller in. */
  async ping(): Promise<void> {
    const answer = await this.#ask({ method: 'GET', path: '/v2/', repository: null })
    discard(answer)
  }

  /** The digest that a tag points at; undefined when the registry does not say. */
  async headManifest(name: string, reference: string): Promise<string | undefined> {
    const answer = await this.#ask({
      ...this.#about(name, `manifests/${reference}`),
      method: 'HEAD',
      headers: { accept: manifestTypes },
    })
    discard(answer)
    return headerOf(answer, 'docker-content-digest')
  }

  async getManifest(name: string, reference: string): Promise<UpstreamManifest> {
    const answer = await this.#ask({
      ...this.#about(name, `manifests/${reference}`),
      headers: { accept: manifestTypes },
    })
    const content = await readAll(answer, this.#bound(maxManifestBytes))
    if (content.byteLength === 0) {
      throw new UpstreamError('malformed', `${this.host} answers with an empty manifest.`)
    }
    const mediaType = withoutParameters(headerOf(answer, 'content-type'))
    return { content, mediaType, digest: headerOf(answer, 'docker-content-digest') }
  }

  async headBlob(name: string, digest: string): Promise<{ sizeBytes: number | null }> {
    const answer = await this.#ask({ ...this.#about(name, `blobs/${digest}`), method: 'HEAD' })
    discard(answer)
    return { sizeBytes: lengthOf(answer) }
  }

  /** The blob's bytes from `start` on, or from an earlier one where the registry knows no ranges. */
  async openBlob(name: string, digest: string, start = 0): Promise<UpstreamBlob> {
    const headers = {
      // What hashes to the digest are the bytes themselves.
      'accept-encoding': 'identity',
      ...(start > 0 && { range: `bytes=${start}-` }),
    }
    const answer = await this.#ask({ ...this.#about(name, `blobs/${digest}`), headers })
    if (headerOf(answer, 'content-encoding') !== undefined) {
      answer.destroy()
      throw new UpstreamError('malformed', `${this.host} sends a blob compressed on the way.`)
    }
    if (answer.statusCode !== 206) return { answer, start: 0, sizeBytes: lengthOf(answer) }
    const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(headerOf(answer, 'content-range') ?? '')
    if (range === null || Number(range[1]) !== start) {
      answer.destroy()
      throw new UpstreamError(
        'malformed',
        `${this.host} answers with another range than asked for.`,
      )
    }
    return { answer, start, sizeBytes: Number(range[2]) }
  }

  /** A page of a list and the path of the next; `name` null: of the registry's own, by its path. */
  async getList(
    name: string | null,
    path: string,
  ): Promise<{ readonly json: unknown; readonly next: string | undefined }> {
    const repository = name === null ? null : this.#nameOf(name)
    const isPath = name === null || path.startsWith('/')
    const about = isPath ? { path, repository } : this.#about(name, path)
    const answer = await this.#ask({ ...about, method: 'GET' })
    const json = await readJson(answer, this.#bound(maxListBytes))
    return { json, next: this.#nextOf(headerOf(answer, 'link')) }
  }

  /** It asks for nothing new: what is under way goes on. */
  retire(): void {
    this.#connections.retire()
  }

  [Symbol.dispose](): void {
    this.#connections[Symbol.dispose]()
  }

  #bound(maxBytes: number): Bound {
    return { host: this.host, maxBytes, timeoutMs: this.#options.timeoutMs }
  }

  #nameOf(name: string): string {
    return this.#prefix === '' ? name : `${this.#prefix}/${name}`
  }

  #about(name: string, path: string): Question {
    const repository = this.#nameOf(name)
    return { method: 'GET', path: `/v2/${repository}/${path}`, repository }
  }

  /** OCI distribution-spec, "Listing Tags": `<…>; rel="next"`, of this registry only. */
  #nextOf(link: string | undefined): string | undefined {
    const [, target] = /<([^>]*)>\s*;\s*rel="?next"?/.exec(link ?? '') ?? []
    if (target === undefined || !URL.canParse(target, this.#options.url.href)) return undefined
    const url = new URL(target, this.#options.url)
    return url.pathname.startsWith('/v2/') ? url.pathname + url.search : undefined
  }

  async #ask(question: Question): Promise<IncomingMessage> {
    const { repository } = question
    const first = await this.#authorizer.headerFor(repository)
    const followed = await this.#follow(question, first)
    const { answer, isOwn } = followed
    if (answer.statusCode !== 401 || !isOwn) return this.#expect(followed, question)
    discard(answer)
    const better = await this.#authorizer.answerTo(answer, repository, first)
    if (better === undefined) throw this.#denied(followed, question)
    const second = await this.#follow(question, better)
    // A token may not be enough for this; a password that is refused is wrong.
    const isRefused = second.answer.statusCode === 401 && second.isOwn
    if (isRefused && better.startsWith('Basic ')) {
      await this.#authorizer.answerTo(second.answer, repository, better)
    }
    return this.#expect(second, question)
  }

  /**
   * Only the registry itself sees who is calling: not whom it redirects to (RFC 9110, 15.4), who is
   * not heard either when he asks for it.
   */
  async #follow(question: Question, authorization: string | undefined): Promise<Followed> {
    const registry = this.#options.url
    let url = new URL(question.path, registry.origin)
    for (let hops = 0; hops <= maxRedirects; hops += 1) {
      const isOwn = url.origin === registry.origin
      const headers = {
        'user-agent': 'entrepot',
        ...question.headers,
        ...(isOwn && authorization !== undefined && { authorization }),
      }
      const answer = await this.#connections.send({ method: question.method, url, headers })
      if (isOwn) this.#noteBudget(answer)
      if (![301, 302, 303, 307, 308].includes(answer.statusCode ?? 0)) {
        return { answer, host: url.host, isOwn }
      }
      discard(answer)
      url = this.#redirected(url, headerOf(answer, 'location'))
    }
    throw new UpstreamError(
      'malformed',
      `${registry.host} redirects more than ${maxRedirects} times.`,
    )
  }

  #redirected(from: URL, location: string | undefined): URL {
    const target = location ?? ''
    const url = URL.canParse(target, from.href) ? new URL(target, from) : undefined
    const isWeaker = from.protocol === 'https:' && url?.protocol !== 'https:'
    if (url !== undefined && /^https?:$/.test(url.protocol) && !isWeaker) return url
    throw new UpstreamError(
      'malformed',
      `${from.host} redirects to ${JSON.stringify(target.slice(0, 200))}, which is ${isWeaker ? 'not HTTPS as it is itself' : 'no URL'}.`,
    )
  }

  #noteBudget({ headers }: IncomingMessage): void {
    const budget = readBudget(headers, this.#options.now())
    if (budget !== undefined) this.#options.onBudget?.(budget)
  }

  #expect(followed: Followed, question: Question): IncomingMessage {
    const { answer } = followed
    const status = answer.statusCode ?? 0
    const isPage = /^text\/html/i.test(headerOf(answer, 'content-type') ?? '')
    // What stands before a registry says in HTML that it is too much.
    if (isPage && status < 500 && status !== 429) {
      answer.destroy()
      throw new UpstreamError(
        'malformed',
        `${this.host} answers ${question.path} with an HTML page (${status}): is the URL that of a registry?`,
      )
    }
    if (status === 200 || status === 206) return answer
    discard(answer)
    throw this.#refusal(followed, question)
  }

  #refusal(followed: Followed, question: Question): UpstreamError {
    const { statusCode = 0, headers } = followed.answer
    const { path } = question
    if (statusCode === 404) return new UpstreamError('unknown', `${this.host} has no ${path}.`)
    if (statusCode === 401 || statusCode === 403) return this.#denied(followed, question)
    const retryAfterMs = readRetryAfter(headers, this.#options.now())
    if (statusCode === 429) {
      const message = `${this.host} takes no more requests for ${Math.ceil(retryAfterMs / 1000)} s (429).`
      return new UpstreamError('limited', message, { retryAfterMs })
    }
    const fault = statusCode >= 500 ? 'unavailable' : 'malformed'
    const wait = statusCode >= 500 && headers['retry-after'] !== undefined ? { retryAfterMs } : {}
    return new UpstreamError(fault, `${this.host} answers ${path} with ${statusCode}.`, wait)
  }

  #denied({ answer, host, isOwn }: Followed, { path }: Question): UpstreamError {
    const who = isOwn ? host : `${host}, where ${this.host} redirects to,`
    return new UpstreamError('denied', `${who} refuses ${path} (${answer.statusCode}).`)
  }
}

function headerOf({ headers }: IncomingMessage, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : value?.[0]
}

function lengthOf(answer: IncomingMessage): number | null {
  const text = headerOf(answer, 'content-length')
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null
}
