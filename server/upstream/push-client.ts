import type { IncomingMessage } from 'node:http'
import { Authorizer } from './authorizer.ts'
import { readAll } from './body.ts'
import { readRetryAfter } from './budget.ts'
import type { ClientOptions } from './client.ts'
import { type Connections, openConnections } from './connections.ts'
import { UpstreamError } from './upstream-error.ts'

/** An upload that another registry has begun, at an address of its own. */
export interface RemoteUpload {
  readonly url: URL
  /** Bytes that it has. */
  readonly offsetBytes: number
}

interface Question {
  readonly method: 'POST' | 'PATCH' | 'PUT' | 'GET' | 'DELETE'
  readonly url: URL
  readonly repository: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>
}

const maxRefusalBytes = 64 * 1024
const octets = 'application/octet-stream'

/**
 * Pushes to another registry (OCI distribution-spec, "Push"). Everything throws UpstreamError, with
 * what the registry said; what goes wrong with a body that is being sent is thrown as it is.
 */
export class PushClient implements Disposable {
  readonly #options: ClientOptions
  readonly #connections: Connections
  readonly #authorizer: Authorizer

  constructor(options: ClientOptions) {
    this.#options = options
    this.#connections = openConnections(options)
    this.#authorizer = new Authorizer({
      ...options,
      connections: this.#connections,
      actions: 'pull,push',
    })
  }

  get host(): string {
    return this.#options.url.host
  }

  /** Asks for the blob from any repository that has it. Null: it is there now. */
  async mountOrStart(name: string, digest: string): Promise<RemoteUpload | null> {
    const url = this.#address(name, 'blobs/uploads/')
    url.searchParams.set('mount', digest)
    if (digest.startsWith('sha512:')) url.searchParams.set('digest-algorithm', 'sha512')
    const answer = await this.#ask({ method: 'POST', url, repository: name })
    return answer.statusCode === 201 ? null : this.#uploadOf(answer, url)
  }

  /** Sends so many bytes that come after those that are there. */
  async append(
    name: string,
    upload: RemoteUpload,
    body: { readonly bytes: AsyncIterable<Uint8Array> | Uint8Array; readonly lengthBytes: number },
  ): Promise<RemoteUpload> {
    const { url, offsetBytes: start } = upload
    const { bytes, lengthBytes } = body
    const headers = {
      'content-type': octets,
      'content-length': String(lengthBytes),
      'content-range': `${start}-${start + lengthBytes - 1}`,
    }
    const answer = await this.#ask({ method: 'PATCH', url, repository: name, headers, body: bytes })
    return this.#uploadOf(answer, url)
  }

  /** How far it has come. */
  async statusOf(name: string, { url }: RemoteUpload): Promise<RemoteUpload> {
    return this.#uploadOf(await this.#ask({ method: 'GET', url, repository: name }), url)
  }

  /** Ends the upload, with the rest of the bytes if there is one. */
  async finish(
    name: string,
    upload: RemoteUpload,
    { digest, rest }: { readonly digest: string; readonly rest: Uint8Array },
  ): Promise<void> {
    const url = new URL(upload.url)
    url.searchParams.set('digest', digest)
    const headers = { 'content-type': octets, 'content-length': String(rest.byteLength) }
    await this.#ask({ method: 'PUT', url, repository: name, headers, body: rest })
  }

  async cancel(name: string, { url }: RemoteUpload): Promise<void> {
    await this.#ask({ method: 'DELETE', url, repository: name })
  }

  /** `reference`: a tag or a digest. */
  async putManifest(
    name: string,
    reference: string,
    { mediaType, content }: { readonly mediaType: string; readonly content: Uint8Array },
  ): Promise<void> {
    const url = this.#address(name, `manifests/${reference}`)
    const headers = { 'content-type': mediaType, 'content-length': String(content.byteLength) }
    await this.#ask({ method: 'PUT', url, repository: name, headers, body: content })
  }

  [Symbol.dispose](): void {
    this.#connections[Symbol.dispose]()
  }

  #address(name: string, path: string): URL {
    return new URL(`/v2/${name}/${path}`, this.#options.url.origin)
  }

  #uploadOf({ headers }: IncomingMessage, from: URL): RemoteUpload {
    const { location = from.href, range } = headers
    const url = URL.canParse(location, from.href) ? new URL(location, from) : undefined
    // Only the registry itself sees who is calling.
    if (url?.origin !== this.#options.url.origin) {
      const message = `${this.host} wants the upload at ${JSON.stringify(location.slice(0, 200))}, which is another server: give the address that it calls itself by.`
      throw new UpstreamError('malformed', message)
    }
    const [, last] = /^(?:bytes=)?0-(\d+)$/.exec(range ?? '') ?? []
    // An empty upload says `0-0`, as one of a single byte does: nobody sends single bytes here.
    const offsetBytes = last === undefined || last === '0' ? 0 : Number(last) + 1
    return { url, offsetBytes }
  }

  async #ask(question: Question): Promise<IncomingMessage> {
    const { method, url, repository, body } = question
    const first = await this.#authorizer.headerFor(repository)
    const send = (authorization: string | undefined) =>
      this.#connections.send({
        ...{ method, url },
        headers: {
          'user-agent': 'entrepot',
          ...(method === 'POST' && { 'content-length': '0' }),
          ...question.headers,
          ...(authorization !== undefined && { authorization }),
        },
        ...(body !== undefined && { body }),
      })
    const answer = await send(first)
    if (answer.statusCode !== 401) return this.#expect(answer, question)
    await this.#drain(answer)
    const better = await this.#authorizer.answerTo(answer, repository, first)
    const isSpent = body !== undefined && !(body instanceof Uint8Array)
    if (isSpent) throw new UpstreamError('unavailable', `${this.host} wanted to see a new token.`)
    if (better !== undefined) return this.#expect(await send(better), question)
    throw new UpstreamError('unauthorized', `${this.host} lets nobody push without a login.`)
  }

  async #expect(answer: IncomingMessage, { method, url }: Question): Promise<IncomingMessage> {
    const { statusCode = 0, headers } = answer
    const text = await this.#drain(answer)
    if (statusCode >= 200 && statusCode < 300) return answer
    const { code: said, words } = explain(text)
    const message = `${this.host} answers ${method} ${url.pathname} with ${statusCode}${words}`
    const retryAfterMs =
      headers['retry-after'] === undefined && statusCode !== 429
        ? null
        : readRetryAfter(headers, this.#options.now())
    throw new UpstreamError(faultOf(statusCode), message, { retryAfterMs, said })
  }

  async #drain(answer: IncomingMessage): Promise<string> {
    const { timeoutMs } = this.#options
    const bound = { host: this.host, maxBytes: maxRefusalBytes, timeoutMs }
    return (await readAll(answer, bound)).toString('utf8')
  }
}

function faultOf(status: number): UpstreamError['fault'] {
  if (status === 401) return 'unauthorized'
  if (status === 429) return 'limited'
  if (status >= 500) return 'unavailable'
  if (status === 403 || status === 409) return 'denied'
  return status === 404 ? 'unknown' : 'malformed'
}

/** What a registry says in its own words (OCI distribution-spec, "Error Codes"). */
function explain(text: string): { readonly code: string | null; readonly words: string } {
  try {
    const { errors } = JSON.parse(text) as { errors?: { code?: string; message?: string }[] }
    const { code = null, message = '' } = errors?.[0] ?? {}
    return { code, words: message === '' ? '.' : `: ${message}` }
  } catch {
    return { code: null, words: '.' }
  }
}
