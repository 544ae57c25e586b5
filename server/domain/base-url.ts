/** `host[:port]` taken apart. */
export interface Authority {
  /** Lower case: a name, an IPv4 address, or an IPv6 address in brackets. */
  readonly host: string
  readonly port: number | null
}

export interface PublicAddress {
  /** `scheme://host[:port]`, no slash at the end, a default port left out. */
  readonly baseUrl: string
  /** `host[:port]` of it. */
  readonly service: string
}

const label = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?'
const namePattern = new RegExp(`^${label}(?:\\.${label})*\\.?$`)
const authorityPattern = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,255})(?::([0-9]{1,5}))?$/
const defaultPorts = { http: 80, https: 443 } as const

/** Reads `host[:port]` as a Host header has it. Undefined unless it is exactly that. */
export function parseAuthority(text: string): Authority | undefined {
  const match = authorityPattern.exec(text.toLowerCase())
  if (match === null) return undefined
  const [, host = '', digits] = match
  if (!isHost(host)) return undefined
  if (digits === undefined) return { host, port: null }
  const port = Number(digits)
  return port >= 1 && port <= 65_535 ? { host, port } : undefined
}

export function formatAddress(scheme: 'http' | 'https', { host, port }: Authority): PublicAddress {
  const service = port === null || port === defaultPorts[scheme] ? host : `${host}:${port}`
  return { baseUrl: `${scheme}://${service}`, service }
}

/**
 * Reads a public URL. Undefined unless it is `http(s)://host[:port]`: clients look for `/v2/` at
 * the root of a host, so a path could not work; user, query and fragment have no meaning either.
 */
export function parseBaseUrl(text: string): PublicAddress | undefined {
  const match = /^(https?):\/\/([^/?#@\\]+)\/?$/i.exec(text.trim())
  const authority = parseAuthority(match?.[2] ?? '')
  if (authority === undefined) return undefined
  return formatAddress(match?.[1]?.toLowerCase() === 'https' ? 'https' : 'http', authority)
}

const everywhere: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

/** Where a client on the same machine finds who listens there. */
export function formatOwnUrl(
  scheme: 'http' | 'https',
  listening: { readonly host: string; readonly port: number },
): string {
  const host = everywhere[listening.host] ?? listening.host
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${listening.port}`
}

function isHost(host: string): boolean {
  return host.startsWith('[') ? URL.canParse(`http://${host}`) : namePattern.test(host)
}
