import type { IncomingMessage } from 'node:http'
import { formatAddress, type PublicAddress, parseAuthority } from '../domain/base-url.ts'
import type { Log } from '../log.ts'

/** How a request came, as far as it can be told. */
export interface Arrival {
  readonly req: IncomingMessage
  /** The public address that is configured. */
  readonly configured: PublicAddress | undefined
  /** Whether its `X-Forwarded-*` count. */
  readonly trusted: boolean
}

/** Notices when clients are sent to an address for tokens that may not be this server's. */
export interface BaseUrlWatch {
  look(arrival: Arrival): void
  /** What is wrong now, and what to do; null when nothing is. */
  warning(): string | null
}

/** So many addresses are written to the log: anybody can send any Host. */
const maxLogged = 20
/** A fault that nobody ran into for so long is gone, or nobody's. */
const holdsMs = 600_000

/**
 * Compares the address that requests name with the configured one, and notices forwarded headers
 * that do not count. Each fault is logged once. A server that is also reached by its public
 * address has no fault: some of its clients are inside, that is all.
 */
export function watchBaseUrl(
  log: Log,
  monotonicMs: () => number = () => performance.now(),
): BaseUrlWatch {
  const logged = new Set<string>()
  const find = rememberLast(findFault)
  let wellAtMs = Number.NEGATIVE_INFINITY
  let wrong: { readonly atMs: number; readonly text: string } | undefined
  return {
    look(arrival) {
      const fault = find(arrival)
      if (fault === undefined) {
        wellAtMs = monotonicMs()
        return
      }
      wrong = { atMs: monotonicMs(), text: fault.text }
      if (logged.has(fault.key) || logged.size >= maxLogged) return
      logged.add(fault.key)
      log.warn(fault.facts, fault.text)
    },
    warning() {
      const sinceMs = monotonicMs() - holdsMs
      return wrong === undefined || wrong.atMs < sinceMs || wellAtMs >= sinceMs ? null : wrong.text
    },
  }
}

/** All of an arrival that a fault can depend on. */
interface Way {
  readonly baseUrl: string | undefined
  readonly trusted: boolean
  readonly host: string | undefined
  readonly forwardedHost: string | string[] | undefined
  readonly forwardedProto: string | string[] | undefined
  readonly remoteAddress: string | undefined
}

function wayOf({ configured, trusted, req: { headers, socket } }: Arrival): Way {
  return {
    baseUrl: configured?.baseUrl,
    trusted,
    host: headers.host,
    forwardedHost: headers['x-forwarded-host'],
    forwardedProto: headers['x-forwarded-proto'],
    remoteAddress: socket.remoteAddress,
  }
}

function isSameWay(way: Way, { configured, trusted, req: { headers, socket } }: Arrival): boolean {
  return (
    way.baseUrl === configured?.baseUrl &&
    way.trusted === trusted &&
    way.host === headers.host &&
    way.forwardedHost === headers['x-forwarded-host'] &&
    way.forwardedProto === headers['x-forwarded-proto'] &&
    way.remoteAddress === socket.remoteAddress
  )
}

/** One request after another comes the same way: it is looked at once. */
function rememberLast(find: (arrival: Arrival) => Fault | undefined) {
  let last: Way | undefined
  let fault: Fault | undefined
  return (arrival: Arrival): Fault | undefined => {
    if (last === undefined || !isSameWay(last, arrival)) {
      last = wayOf(arrival)
      fault = find(arrival)
    }
    return fault
  }
}

interface Fault {
  /** The same for faults that need not be told twice. */
  readonly key: string
  readonly text: string
  readonly facts: object
}

function findFault(arrival: Arrival): Fault | undefined {
  return arrival.configured === undefined
    ? findIgnoredProxy(arrival)
    : findOtherAddress(arrival, arrival.configured)
}

/** That is how logins fail behind a proxy that ends TLS: the realm says http. */
function findIgnoredProxy({ req, trusted }: Arrival): Fault | undefined {
  const names = ['x-forwarded-proto', 'x-forwarded-host'].filter((name) => name in req.headers)
  if (trusted || names.length === 0) return undefined
  const peer = req.socket.remoteAddress?.replace(/^::ffff:/, '') ?? 'an unknown address'
  return {
    key: 'ignored',
    text:
      `${peer} sends ${names.join(' and ')}, which does not count: ENTREPOT_TRUST_PROXY does not name it. ` +
      'If it is your proxy, clients may be sent to a wrong address to log in: ' +
      'set ENTREPOT_BASE_URL to the address that clients use, or ENTREPOT_TRUST_PROXY to that of the proxy.',
    facts: { peer },
  }
}

/**
 * Headers that are not trusted count here, too: they only decide whether to warn. The scheme is
 * compared where a proxy tells it; without that, nobody knows what is in front of this server.
 */
function findOtherAddress({ req }: Arrival, configured: PublicAddress): Fault | undefined {
  const { headers } = req
  const scheme = configured.baseUrl.startsWith('https:') ? 'https' : 'http'
  const proto = lastOf(headers['x-forwarded-proto'])?.toLowerCase()
  const hosts = [lastOf(headers['x-forwarded-host']), headers.host]
    .map((text) => parseAuthority(text ?? ''))
    .filter((authority) => authority !== undefined)
  const seen = hosts.map((authority) => formatAddress(scheme, authority).service)
  const [first] = hosts
  if (first === undefined) return undefined
  const isSameHost = seen.includes(configured.service)
  const isSameScheme = proto === undefined || proto === scheme
  if (isSameHost && isSameScheme) return undefined
  const address = formatAddress(proto === 'https' ? 'https' : 'http', first).baseUrl
  const named = isSameHost ? address.replace(/:\/\/.*/, `://${configured.service}`) : address
  return {
    key: named,
    text:
      `A client reaches this server as ${named}, but the base URL is ${configured.baseUrl}: ` +
      'it is sent there to log in, which fails unless that address leads here, too. ' +
      'If it is wrong, set ENTREPOT_BASE_URL (or the setting Web.BaseUrl) to the address that clients use.',
    facts: { address: named, baseUrl: configured.baseUrl },
  }
}

/** The nearest proxy's word. */
function lastOf(header: string | string[] | undefined): string | undefined {
  const text = typeof header === 'string' ? header : header?.join(',')
  return text?.split(',').at(-1)?.trim()
}
