import http from 'node:http'
import https from 'node:https'
import { isIP } from 'node:net'
import {
  type DetailedPeerCertificate,
  type PeerCertificate,
  rootCertificates,
  TLSSocket,
} from 'node:tls'

/** What a server's certificate says, and whether this machine trusts it. */
export interface Certificate {
  readonly subject: string
  readonly issuer: string
  /** Host names and IP addresses. */
  readonly names: readonly string[]
  readonly validFrom: Date
  readonly validTo: Date
  readonly isTrusted: boolean
  /** Why it is not trusted, as OpenSSL calls it; null: it is. */
  readonly distrust: string | null
  /** Those above it that were sent, and their ends. */
  readonly chain: readonly { readonly subject: string; readonly validTo: Date }[]
}

/** An answer to a request without credentials, or why there was none. */
export interface Answer {
  readonly url: string
  readonly status: number | null
  readonly challenge: string | null
  /** The clock of whoever answered. */
  readonly date: Date | null
  readonly body: string
  readonly problem: string | null
  readonly certificate: Certificate | null
}

const timeoutMs = 4000
const maxBodyBytes = 16 * 1024

/**
 * Asks as a client would that has no credentials yet. Never throws; 4 seconds at most. `ca`: further
 * authorities that are trusted (PEM).
 */
export function askAsClient(url: string, ca: string | null = null): Promise<Answer> {
  return new Promise((resolve) => {
    const none = { url, status: null, challenge: null, date: null, body: '', certificate: null }
    const fail = (error: Error) => resolve({ ...none, problem: reasonOf(error) })
    const signal = AbortSignal.timeout(timeoutMs)
    // What certificate there is shall be seen, whether it is good or not: nothing secret is sent.
    const trust = ca === null ? {} : { ca: [...rootCertificates, ca] }
    const options = {
      agent: false,
      signal,
      rejectUnauthorized: false,
      timeout: timeoutMs,
      ...trust,
    }
    try {
      const request = url.startsWith('https:') ? https.get(url, options) : http.get(url, options)
      request.on('error', fail)
      request.on('response', (response) => {
        const certificate = certificateOf(response.socket)
        const pieces: Buffer[] = []
        let bytes = 0
        response.on('error', fail)
        response.on('data', (piece: Buffer) => {
          bytes += piece.byteLength
          if (bytes <= maxBodyBytes) pieces.push(piece)
          else response.destroy(new Error('the answer is too long for one of this server'))
        })
        response.on('end', () =>
          resolve({
            ...{ url, certificate, problem: null, status: response.statusCode ?? null },
            challenge: response.headers['www-authenticate'] ?? null,
            date: dateOf(response.headers.date),
            body: Buffer.concat(pieces).toString('utf8'),
          }),
        )
      })
    } catch (error) {
      fail(error instanceof Error ? error : new Error(String(error)))
    }
  })
}

function dateOf(header: string | undefined): Date | null {
  const time = Date.parse(header ?? '')
  return Number.isNaN(time) ? null : new Date(time)
}

function certificateOf(socket: unknown): Certificate | null {
  if (!(socket instanceof TLSSocket)) return null
  const certificate = socket.getPeerCertificate(true)
  if (certificate.valid_to === undefined) return null
  return {
    subject: nameOf(certificate.subject),
    issuer: nameOf(certificate.issuer),
    names: namesOf(certificate),
    validFrom: new Date(certificate.valid_from),
    validTo: new Date(certificate.valid_to),
    isTrusted: socket.authorized,
    // It is an error's code, whatever its type says.
    distrust: socket.authorized ? null : String(socket.authorizationError),
    chain: chainOf(certificate),
  }
}

const longestChain = 10

/** The last one issued itself. */
function chainOf(leaf: DetailedPeerCertificate): Certificate['chain'] {
  const chain: { subject: string; validTo: Date }[] = []
  let above = leaf.issuerCertificate
  for (let before = leaf; above !== before && chain.length < longestChain; ) {
    if (above?.valid_to === undefined) break
    chain.push({ subject: nameOf(above.subject), validTo: new Date(above.valid_to) })
    before = above
    above = above.issuerCertificate
  }
  return chain
}

function nameOf(subject: PeerCertificate['subject'] | undefined): string {
  const [name] = [subject?.CN, subject?.O].flat().filter((part) => part !== undefined)
  return name ?? ''
}

function namesOf({ subjectaltname }: PeerCertificate): string[] {
  const names = (subjectaltname ?? '').split(', ').flatMap((entry) => {
    const [, name] = /^(?:DNS|IP Address):(.+)$/.exec(entry) ?? []
    return name === undefined ? [] : [name]
  })
  return names.slice(0, 50)
}

/** Whether a certificate is for this host: an exact name, or one wildcard label. */
export function isNamed({ names }: Certificate, host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase()
  return names.some((name) => {
    const lower = name.toLowerCase()
    if (lower === bare) return true
    return isIP(bare) === 0 && lower.startsWith('*.') && bare.replace(/^[^.]+/, '*') === lower
  })
}

const reasons: Readonly<Record<string, string>> = {
  ENOTFOUND: 'no address is known for that name',
  EAI_AGAIN: 'the name server does not answer',
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was cut',
  EHOSTUNREACH: 'there is no way to that address',
  ENETUNREACH: 'there is no way to that network',
  ETIMEDOUT: 'no answer within 4 seconds',
  ABORT_ERR: 'no answer within 4 seconds',
  EPROTO: 'it does not speak TLS there',
  HPE_INVALID_CONSTANT: 'it does not speak HTTP there',
}

function reasonOf(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return reasons[code] ?? error.message
}
