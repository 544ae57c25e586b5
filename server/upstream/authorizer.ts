import type { IncomingMessage } from 'node:http'
import { discard, readJson } from './body.ts'
import { readRetryAfter } from './budget.ts'
import { type Challenge, parseChallenges } from './challenge.ts'
import type { Connections } from './connections.ts'
import { UpstreamError } from './upstream-error.ts'

export interface Credentials {
  readonly username: string
  readonly password: string
}

export interface AuthorizerOptions {
  /** Of the registry. */
  readonly url: URL
  readonly connections: Connections
  readonly credentials: Credentials | null
  /** Other hosts (`auth.example.com`, `auth.example.com:8443`) that may be sent the credentials. */
  readonly realmHosts: readonly string[]
  readonly timeoutMs: number
  readonly now: () => number
  /** What a token is asked for; absent: `pull`. */
  readonly actions?: Actions
}

export type Actions = 'pull' | 'pull,push'

interface Token {
  readonly authorization: string
  readonly expiresAt: number
}

interface Realm {
  readonly url: URL
  readonly service: string | undefined
}

type Way = { readonly kind: 'none' } | { readonly kind: 'basic' } | ({ kind: 'bearer' } & Realm)

const maxTokens = 1000
const maxTokenBytes = 64 * 1024
/** Distribution's token specification: a token that does not say lives for a minute. */
const usualSeconds = 60

/**
 * Shows a registry who is calling, as it asks for it (Distribution's token specification, RFC 7617).
 * Tokens are kept until they expire; who asks for the same one at the same time waits for it.
 */
export class Authorizer {
  readonly #options: AuthorizerOptions
  /** What the registry asked for the last time. */
  #way: Way = { kind: 'none' }
  readonly #tokens = new Map<string, Token>()
  readonly #asking = new Map<string, Promise<Token>>()

  constructor(options: AuthorizerOptions) {
    this.#options = options
  }

  /** The header for a request about a repository (null: none), as far as it is known. */
  async headerFor(repository: string | null): Promise<string | undefined> {
    const way = this.#way
    if (way.kind === 'none') return undefined
    if (way.kind === 'basic') return this.#basic()
    const scope = this.#scopeOf(repository)
    return (await this.#token(way, scope)).authorization
  }

  /**
   * The header that a 401 asks for. `sent` is what it was the answer to: a token that is not good any
   * more is asked for anew. Undefined: there is nothing better to send. Throws UpstreamError.
   */
  async answerTo(
    refused: IncomingMessage,
    repository: string | null,
    sent: string | undefined,
  ): Promise<string | undefined> {
    const offered = parseChallenges(String(refused.headers['www-authenticate'] ?? ''))
    const bearer = offered.find(({ scheme }) => scheme === 'bearer')
    if (bearer) return this.#answerToBearer(bearer, repository, sent)
    if (!offered.some(({ scheme }) => scheme === 'basic')) return undefined
    if (this.#options.credentials === null) throw this.#wrong('wants a user name and a password')
    if (sent?.startsWith('Basic ')) throw this.#wrong('refuses the user name or the password')
    this.#way = { kind: 'basic' }
    return this.#basic()
  }

  async #answerToBearer(
    { parameters }: Challenge,
    repository: string | null,
    sent: string | undefined,
  ): Promise<string | undefined> {
    const way = { kind: 'bearer', ...this.#realmOf(parameters) } as const
    this.#way = way
    const asked = this.#scopeOf(repository)
    const scope = asked ?? parameters.scope
    const key = keyOf(way, scope)
    const known = this.#tokens.get(key)
    if (known !== undefined && known.authorization === sent) this.#tokens.delete(key)
    return (await this.#token(way, scope)).authorization
  }

  #scopeOf(repository: string | null): string | undefined {
    const { actions = 'pull' } = this.#options
    return repository === null ? undefined : `repository:${repository}:${actions}`
  }

  #realmOf(parameters: Challenge['parameters']): Realm {
    const { url: registry, credentials } = this.#options
    const { realm = '', service } = parameters
    const url = URL.canParse(realm, registry.href) ? new URL(realm, registry) : undefined
    if (url === undefined || !/^https?:$/.test(url.protocol)) {
      throw new UpstreamError(
        'malformed',
        `${registry.host} sends to ${JSON.stringify(realm.slice(0, 200))} for a token, which is no URL.`,
        { step: 'token' },
      )
    }
    if (credentials !== null) this.#refuseStranger(url)
    return { url, service }
  }

  /** Whoever answers for the registry could name any host as its realm. */
  #refuseStranger(realm: URL): void {
    const { url: registry, realmHosts } = this.#options
    const isKnown = realm.host === registry.host || realmHosts.includes(realm.host)
    const isWeaker = registry.protocol === 'https:' && realm.protocol === 'http:'
    if (isKnown && !isWeaker) return
    const reason = isWeaker
      ? `sends to ${realm.origin} for a token: credentials of an HTTPS registry are not sent without TLS.`
      : `sends to ${realm.host} for a token, which may not see its credentials: add ${realm.host} to realmHosts (import: --realm-host ${realm.host}) if it belongs to the registry.`
    throw new UpstreamError('malformed', `${registry.host} ${reason}`, { step: 'token' })
  }

  #token(realm: Realm, scope: string | undefined): Promise<Token> {
    const key = keyOf(realm, scope)
    const known = this.#tokens.get(key)
    if (known !== undefined && known.expiresAt > this.#options.now()) return Promise.resolve(known)
    const running = this.#asking.get(key)
    if (running !== undefined) return running
    const asking = this.#fetch(realm, scope).finally(() => this.#asking.delete(key))
    this.#asking.set(key, asking)
    return asking.then((token) => {
      this.#keep(key, token)
      return token
    })
  }

  #keep(key: string, token: Token): void {
    this.#tokens.delete(key)
    this.#tokens.set(key, token)
    const [oldest] = this.#tokens.keys()
    if (this.#tokens.size > maxTokens && oldest !== undefined) this.#tokens.delete(oldest)
  }

  async #fetch(realm: Realm, scope: string | undefined): Promise<Token> {
    const { connections, credentials, now, timeoutMs } = this.#options
    const url = new URL(realm.url)
    if (realm.service !== undefined) url.searchParams.set('service', realm.service)
    if (scope !== undefined) url.searchParams.set('scope', scope)
    if (credentials !== null) url.searchParams.set('account', credentials.username)
    const askedAt = now()
    const authorization = this.#basic()
    const headers = {
      'user-agent': 'entrepot',
      accept: 'application/json',
      ...(authorization !== undefined && { authorization }),
    }
    const answer = await connections.send({ method: 'GET', url, headers })
    if (answer.statusCode !== 200) throw this.#refusal(answer, url.host)
    const reply = await readJson(answer, { host: url.host, maxBytes: maxTokenBytes, timeoutMs })
    return tokenOf(reply, { askedAt, host: url.host })
  }

  #refusal(answer: IncomingMessage, host: string): UpstreamError {
    const status = answer.statusCode ?? 0
    discard(answer)
    if (status === 401 || status === 403) {
      if (this.#options.credentials !== null) {
        return this.#wrong(`(${host}) refuses the user name or the password`)
      }
      return new UpstreamError('denied', `${host} gives Anonymous no token (${status}).`, {
        step: 'token',
      })
    }
    const fault = status === 429 ? 'limited' : status >= 500 ? 'unavailable' : 'malformed'
    return new UpstreamError(fault, `${host} answers ${status} when asked for a token.`, {
      step: 'token',
      retryAfterMs: status === 429 ? readRetryAfter(answer.headers, this.#options.now()) : null,
    })
  }

  #wrong(what: string): UpstreamError {
    const { url } = this.#options
    return new UpstreamError('unauthorized', `${url.host} ${what}.`, { step: 'token' })
  }

  #basic(): string | undefined {
    const { credentials } = this.#options
    if (credentials === null) return undefined
    const { username, password } = credentials
    return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`
  }
}

function keyOf({ url, service }: Realm, scope: string | undefined): string {
  return `${url.href} ${service ?? ''} ${scope ?? ''}`
}

function tokenOf(reply: unknown, { askedAt, host }: { askedAt: number; host: string }): Token {
  const fields = typeof reply === 'object' && reply !== null ? { ...reply } : {}
  const {
    token,
    access_token: second,
    expires_in: expiresIn,
  } = fields as Record<'token' | 'access_token' | 'expires_in', unknown>
  const text = [token, second].find((each) => typeof each === 'string' && each !== '')
  if (typeof text !== 'string' || !/^[\x21-\x7e]+$/.test(text)) {
    throw new UpstreamError('malformed', `${host} answers without a token.`, { step: 'token' })
  }
  const seconds = typeof expiresIn === 'number' && expiresIn > 0 ? expiresIn : usualSeconds
  // A little earlier, so that it is good for as long as a request is under way.
  const livesMs = 1000 * Math.max(seconds - Math.min(10, seconds / 5), 0)
  return { authorization: `Bearer ${text}`, expiresAt: askedAt + livesMs }
}
