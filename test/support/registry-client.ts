import { createHash } from 'node:crypto'
import http, { type IncomingHttpHeaders } from 'node:http'

/** A client on the wire that does nothing by itself: no retries, no redirects. */
export interface RegistryClient {
  /** No slash at the end. */
  readonly url: string
  /** Value of the Authorization header, if any. */
  readonly authorization?: string
  readonly agent: http.Agent
}

export interface Ask {
  readonly method: string
  /** With its query; absolute where the server's Location was. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string | number>>
  /** A Buffer goes with its Content-Length; pieces without one go chunked. */
  readonly body?: Buffer | Iterable<Buffer>
  /** Counts the body instead of keeping it. */
  readonly discardBody?: boolean
}

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Empty when discarded. */
  readonly body: Buffer
  readonly bodyBytes: number
  /** False when the connection broke in the middle of the body. */
  readonly complete: boolean
}

/**
 * Sends one request. Rejects when the connection breaks before the status is heard; once it is,
 * the server has spoken, and only `complete` tells of a break.
 */
export function ask(client: RegistryClient, what: Ask): Promise<Reply> {
  const request = http.request(new URL(what.path, client.url), {
    method: what.method,
    agent: client.agent,
    headers: {
      ...(client.authorization !== undefined && { authorization: client.authorization }),
      ...(Buffer.isBuffer(what.body) && { 'content-length': what.body.byteLength }),
      ...what.headers,
    },
  })
  const reply = new Promise<Reply>((resolve, reject) => {
    request.on('error', reject)
    request.on('response', (response) => {
      // Heard: what becomes of the request's own body does not matter any more.
      request.removeListener('error', reject).on('error', () => {})
      resolve(readReply(response, what.discardBody === true))
    })
  })
  void sendBody(request, what.body)
  return reply
}

async function sendBody(request: http.ClientRequest, body: Ask['body']): Promise<void> {
  if (body === undefined || Buffer.isBuffer(body)) {
    request.end(body)
    return
  }
  for (const piece of body) {
    if (request.destroyed || request.writableEnded) return
    if (!request.write(piece)) await drainedOrClosed(request)
  }
  request.end()
}

function drainedOrClosed(request: http.ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const proceed = () => {
      request.removeListener('drain', proceed).removeListener('close', proceed)
      resolve()
    }
    request.on('drain', proceed).on('close', proceed)
  })
}

function readReply(response: http.IncomingMessage, discard: boolean): Promise<Reply> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = []
    let bodyBytes = 0
    const finish = (complete: boolean) =>
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        body: Buffer.concat(pieces),
        bodyBytes,
        complete,
      })
    response.on('data', (piece: Buffer) => {
      bodyBytes += piece.byteLength
      if (!discard) pieces.push(piece)
    })
    response.on('end', () => finish(true))
    response.on('error', () => finish(false))
    response.on('close', () => finish(response.complete))
  })
}

export function basicAuthorization(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

export interface TokenRequest {
  readonly user: string
  readonly password: string
  /** `repository:feed/name:pull,push` */
  readonly scopes: readonly string[]
}

/** Gets a token; returns the Authorization header's value. */
export async function fetchToken(url: string, request: TokenRequest): Promise<string> {
  const query = new URLSearchParams({ service: new URL(url).host })
  for (const scope of request.scopes) query.append('scope', scope)
  const authorization = basicAuthorization(request.user, request.password)
  const client = { url, authorization, agent: new http.Agent() }
  const reply = await ask(client, { method: 'GET', path: `/v2/_auth?${query}` })
  expectStatus(reply, 200, 'GET /v2/_auth')
  const token: unknown = JSON.parse(reply.body.toString())
  if (typeof token !== 'object' || token === null || !('token' in token)) {
    throw new Error('a token reply without a token')
  }
  return `Bearer ${token.token}`
}

export class UnexpectedReply extends Error {
  override readonly name = 'UnexpectedReply'
  readonly reply: Reply

  constructor(what: string, expected: number, reply: Reply) {
    super(`${what}: ${reply.status} instead of ${expected}: ${reply.body.toString().slice(0, 500)}`)
    this.reply = reply
  }
}

export function expectStatus(reply: Reply, status: number, what: string): void {
  if (reply.status !== status) throw new UnexpectedReply(what, status, reply)
}

/** Where the server says to go on. */
export function locationOf(reply: Reply, what: string): string {
  if (reply.headers.location === undefined) throw new Error(`${what}: no Location`)
  return reply.headers.location
}

/** Adds a parameter to a Location, which may carry a query of its own. */
export function withQuery(location: string, name: string, value: string): string {
  return `${location}${location.includes('?') ? '&' : '?'}${name}=${encodeURIComponent(value)}`
}

export function sha256(...pieces: readonly Uint8Array[]): string {
  const hash = createHash('sha256')
  for (const piece of pieces) hash.update(piece)
  return `sha256:${hash.digest('hex')}`
}
