import type { IncomingMessage } from 'node:http'
import { isIP, type Socket } from 'node:net'
import { compile } from 'proxy-addr'
import {
  type Authority,
  formatAddress,
  type PublicAddress,
  parseAuthority,
  parseBaseUrl,
} from '../domain/base-url.ts'
import { RegistryError } from '../domain/errors.ts'
import type { BaseUrlWatch } from './base-url-watch.ts'

/** What a request tells of the way it came, forwarded headers counted only from trusted proxies. */
export interface Caller {
  /** The server's public address as this client sees it, no slash at the end: `https://host:port`. */
  readonly baseUrl: string
  /** `host[:port]` of `baseUrl`: the `service` of the token challenge. */
  readonly service: string
  /** The client's IP address. */
  readonly address: string
}

export type ReadCaller = (req: IncomingMessage) => Caller

export interface CallerOptions {
  /** A configured public URL wins over everything that a request says. */
  readonly baseUrl: string | null | (() => string | null)
  /** Addresses and networks of proxies, as proxy-addr reads them. */
  readonly trustProxy: readonly string[]
  /** Whether the server itself speaks TLS. */
  readonly tls: boolean
  /** Told of every request. */
  readonly watch?: BaseUrlWatch
}

/**
 * The way a request came through trusted proxies. `hops` counts them, the TCP peer included: each
 * may have appended to a header, so a list is read from its right end, `hops` values back. What
 * stands further left came from the client and is not believed.
 */
interface Way {
  readonly address: string
  readonly hops: number
}

/**
 * Reads public address and client address off a request. Of the headers only `X-Forwarded-For`,
 * `-Proto`, `-Host` and `-Port` count, and only from a trusted peer. `Forwarded` (RFC 7239)
 * does not: a proxy passes on, untouched, the family it does not set itself.
 *
 * Throws REQUEST_INVALID when the address must come from a host that is none.
 */
export function createReadCaller({ baseUrl, trustProxy, tls, watch }: CallerOptions): ReadCaller {
  const trusts = trustProxy.length === 0 ? () => false : compile([...trustProxy])
  const findConfigured = rememberParsed(typeof baseUrl === 'function' ? baseUrl : () => baseUrl)
  const read = (req: IncomingMessage, configured: PublicAddress | undefined): Reading => {
    const way = readWay(req, (address) => trusts(address, 0))
    const trusted = way.hops > 0
    watch?.look({ req, configured, trusted })
    const { baseUrl, service } = configured ?? readPublicAddress(req, way.hops, tls)
    const caller = { baseUrl, service, address: way.address }
    return { caller, host: req.headers.host, configured, trusted }
  }
  const readings = new WeakMap<Socket, Reading>()
  return (req) => {
    const configured = findConfigured()
    const last = readings.get(req.socket)
    if (last && isSameWay(last, req, configured)) {
      watch?.look({ req, configured, trusted: false })
      return last.caller
    }
    const reading = read(req, configured)
    readings.set(req.socket, reading)
    return reading.caller
  }
}

/** What the last request of a connection told. */
interface Reading {
  readonly caller: Caller
  readonly host: string | undefined
  readonly configured: PublicAddress | undefined
  readonly trusted: boolean
}

/** One client's requests name one host; behind a trusted proxy each may come from another client. */
function isSameWay(
  { trusted, host, configured }: Reading,
  req: IncomingMessage,
  configuredNow: PublicAddress | undefined,
): boolean {
  return !trusted && host === req.headers.host && configured === configuredNow
}

/** The setting may change at any time, but hardly ever does: parsed once a value. */
function rememberParsed(read: () => string | null): () => PublicAddress | undefined {
  let text: string | null = null
  let parsed: PublicAddress | undefined
  return () => {
    const now = read()
    if (now !== text) {
      text = now
      parsed = now === null ? undefined : parseBaseUrl(now)
    }
    return parsed
  }
}

function readWay(req: IncomingMessage, trusts: (address: string) => boolean): Way {
  let address = plainAddress(req.socket.remoteAddress ?? '')
  let hops = 0
  const forwarded = listOf(req.headers['x-forwarded-for'])
  while (trusts(address)) {
    hops++
    const next = plainAddress(forwarded.pop() ?? '')
    if (next === '') break
    address = next
  }
  return { address, hops }
}

function readPublicAddress(req: IncomingMessage, hops: number, tls: boolean): PublicAddress {
  if (hops === 0) return formatAddress(tls ? 'https' : 'http', readHost(req))
  const scheme = readScheme(forwardedValue(req, 'x-forwarded-proto', hops), tls)
  const forwardedHost = forwardedValue(req, 'x-forwarded-host', hops)
  const authority = forwardedHost === undefined ? readHost(req) : getAuthority(forwardedHost)
  if (authority.port !== null) return formatAddress(scheme, authority)
  const port = readPort(forwardedValue(req, 'x-forwarded-port', hops), scheme)
  return formatAddress(scheme, { host: authority.host, port })
}

function readHost({ headers, socket }: IncomingMessage): Authority {
  if (headers.host !== undefined && headers.host !== '') return getAuthority(headers.host)
  // HTTP/1.0 without a Host header: the address that was connected to.
  const address = plainAddress(socket.localAddress ?? '')
  const host = isIP(address) === 6 ? `[${address}]` : address
  return { host, port: socket.localPort ?? null }
}

/** Nothing but a plain host and port may get into the realm of a challenge. */
function getAuthority(text: string): Authority {
  const authority = parseAuthority(text)
  if (authority !== undefined) return authority
  throw new RegistryError('REQUEST_INVALID', 'The Host header is not a host name with a port.')
}

function readScheme(proto: string | undefined, tls: boolean): 'http' | 'https' {
  if (proto === undefined) return tls ? 'https' : 'http'
  if (/^(?:https|wss)$/i.test(proto)) return 'https'
  if (/^(?:http|ws)$/i.test(proto)) return 'http'
  throw new RegistryError('REQUEST_INVALID', 'X-Forwarded-Proto is neither http nor https.')
}

function readPort(text: string | undefined, scheme: 'http' | 'https'): number | null {
  if (text === undefined) return null
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0
  if (port < 1 || port > 65_535) {
    throw new RegistryError('REQUEST_INVALID', 'X-Forwarded-Port is not a port.')
  }
  // A second proxy behind the one that ends TLS tells its own port 80: no https client used that.
  return port === (scheme === 'https' ? 80 : 443) ? null : port
}

function forwardedValue(req: IncomingMessage, name: string, hops: number): string | undefined {
  const values = listOf(req.headers[name])
  return values[Math.max(0, values.length - hops)]
}

function listOf(header: string | string[] | undefined): string[] {
  if (header === undefined) return []
  const text = typeof header === 'string' ? header : header.join(',')
  return text
    .split(',')
    .map((value) => value.trim())
    .filter((value) => value !== '')
}

/** An IP address without port, brackets and IPv4 mapping; '' for anything else. */
function plainAddress(text: string): string {
  const [, bracketed, withPort] =
    /^(?:\[([^\]]+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+)$/.exec(text) ?? []
  const address = (bracketed ?? withPort ?? text).replace(/^::ffff:(?=\d+\.)/i, '')
  return isIP(address) === 0 ? '' : address
}
