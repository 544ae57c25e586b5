import http, { type IncomingMessage } from 'node:http'
import https from 'node:https'
import { rootCertificates } from 'node:tls'
import {
  type AddressPolicy,
  checkLiteralAddress,
  guardedLookup,
  type Resolve,
} from './address-guard.ts'
import { UpstreamError, type UpstreamStep } from './upstream-error.ts'

export interface ConnectionOptions extends AddressPolicy {
  /** For the connection, for the answer's head, and for each silence within its body. */
  readonly timeoutMs: number
  /** Trusted beside the usual authorities (PEM); null: none. */
  readonly caCertificate: string | null
  readonly resolve?: Resolve
}

export interface Ask {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  /** Bytes that are at hand, or that come: those can be sent once only. What goes wrong with them is thrown. */
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>
}

/** Connections of one connector: nobody else's, since what it may call and trust differs. */
export interface Connections extends Disposable {
  /** The answer's head; its body is read, or destroyed, by the caller. Throws UpstreamError. */
  send(ask: Ask): Promise<IncomingMessage>
  /** From now on no connection is kept for later; what is under way goes on. */
  retire(): void
}

const agentOptions = { keepAlive: true, maxSockets: 64, maxFreeSockets: 8 }

export function openConnections(options: ConnectionOptions): Connections {
  const plain = new http.Agent(agentOptions)
  const ca = options.caCertificate === null ? {} : { ca: trusted(options.caCertificate) }
  const secure = new https.Agent({ ...agentOptions, ...ca })
  /** For who found that a kept connection was gone: others are likely to be so too. */
  const fresh = { plain: new http.Agent(), secure: new https.Agent(ca) }
  const lookup = guardedLookup(options, options.resolve)
  const sendOnce = (ask: Ask, agents: { plain: http.Agent; secure: https.Agent }) => {
    const isSecure = ask.url.protocol === 'https:'
    const request = (isSecure ? https : http).request(ask.url, {
      method: ask.method,
      headers: ask.headers,
      agent: isSecure ? agents.secure : agents.plain,
      // Not what stands in an address that somebody else gave.
      auth: null,
      timeout: options.timeoutMs,
      lookup,
    })
    return heard(request, ask, options.timeoutMs)
  }
  return {
    async send(ask) {
      checkLiteralAddress(ask.url.hostname, options)
      // A kept connection may turn out to be gone, and then there would be nothing left to send.
      const isOnce = ask.body !== undefined && !(ask.body instanceof Uint8Array)
      const first = await sendOnce(ask, isOnce ? fresh : { plain, secure })
      // The other side closed a kept connection just as it was used again: no fault of anybody's.
      const answer = first === 'closed' ? await sendOnce(ask, fresh) : first
      if (answer !== 'closed') return answer
      throw new UpstreamError('unavailable', `${ask.url.host} closed the connection.`, {
        step: 'connect',
      })
    },
    retire() {
      closeIdle(plain)
      closeIdle(secure)
    },
    [Symbol.dispose]() {
      for (const agent of [plain, secure, fresh.plain, fresh.secure]) agent.destroy()
    },
  }
}

function closeIdle(agent: http.Agent): void {
  agent.maxFreeSockets = 0
  for (const sockets of Object.values(agent.freeSockets)) {
    for (const socket of sockets ?? []) socket.destroy()
  }
}

function trusted(caCertificate: string): string[] {
  return [...rootCertificates, caCertificate]
}

function heard(
  request: http.ClientRequest,
  { url, body: sent }: Ask,
  timeoutMs: number,
): Promise<IncomingMessage | 'closed'> {
  return new Promise((resolve, reject) => {
    const silence = `${url.host} fell silent for ${timeoutMs / 1000} s.`
    const late = () => {
      const message = `${url.host} did not answer within ${timeoutMs / 1000} s.`
      request.destroy(new UpstreamError('unavailable', message, { step: 'timeout' }))
    }
    // Also for one that sends its head letter by letter.
    const timer = setTimeout(late, timeoutMs)
    // While a body is on its way only silence counts.
    if (sent !== undefined) clearTimeout(timer)
    let body: IncomingMessage | undefined
    let unsent: unknown
    request.on('timeout', () => {
      if (body === undefined) late()
      else body.destroy(new UpstreamError('unavailable', silence, { step: 'timeout' }))
    })
    request.on('error', (error) => {
      clearTimeout(timer)
      const { code = '' } = error as NodeJS.ErrnoException
      if (request.reusedSocket && /^(?:ECONNRESET|EPIPE)$/.test(code)) {
        resolve('closed')
      } else reject(unsent ?? asUpstreamError(error, url.host))
    })
    request.on('response', (response) => {
      clearTimeout(timer)
      body = response
      resolve(response)
    })
    const isAnswered = () => body !== undefined
    void sendBody(request, sent, isAnswered).catch((error: unknown) => {
      unsent = error
      request.destroy(error instanceof Error ? error : new Error(String(error)))
    })
  })
}

/** Who has answered already wants no more of it. */
async function sendBody(
  request: http.ClientRequest,
  body: Ask['body'],
  isAnswered: () => boolean,
): Promise<void> {
  if (body === undefined || body instanceof Uint8Array) {
    request.end(body)
    return
  }
  for await (const piece of body) {
    if (request.destroyed) return
    if (isAnswered()) break
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

/** What Node says of a connection, in this room's words. */
export function asUpstreamError(error: unknown, host: string): UpstreamError {
  if (error instanceof UpstreamError) return error
  const code = String((error as NodeJS.ErrnoException | undefined)?.code ?? '')
  const reason = error instanceof Error ? error.message : String(error)
  const step = stepOf(code, reason)
  const fault = code.startsWith('HPE_') ? 'malformed' : 'unavailable'
  return new UpstreamError(fault, `${host}: ${explain(step, code, reason)}`, { step, cause: error })
}

function stepOf(code: string, reason: string): UpstreamStep {
  if (code.startsWith('EAI_') || code === 'ENOTFOUND' || code === 'ENODATA') return 'dns'
  if (code.startsWith('HPE_')) return 'answer'
  const isTls = /^(?:ERR_(?:TLS|SSL)|CERT_|EPROTO|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED)/.test(code)
  return isTls || /certificate/i.test(reason) ? 'tls' : 'connect'
}

function explain(step: UpstreamStep, code: string, reason: string): string {
  switch (step) {
    case 'dns':
      return `the name cannot be looked up (${code}): check the URL.`
    case 'tls':
      return `no trusted TLS connection (${code || reason}): check the URL, or give its authority as caCertificate.`
    case 'answer':
      return `the answer is no HTTP (${code}): is it HTTPS, or another service?`
    default:
      return `the connection failed (${code || reason}).`
  }
}
