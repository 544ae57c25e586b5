import type { IncomingHttpHeaders } from 'node:http'

/**
 * The cookie of a session. Over HTTPS its name makes browsers keep it to this host and to HTTPS
 * (`__Host-`, RFC 6265bis, 4.1.3.2), so that no neighbour can set one. `Lax`: it comes along when a
 * login elsewhere (OpenID Connect) leads back here; what changes anything asks for more than it.
 */
function nameOf(baseUrl: string): string {
  return baseUrl.startsWith('https:') ? '__Host-entrepot' : 'entrepot-session'
}

/** The secret that the browser sent; undefined without one. */
export function readSessionCookie(
  headers: IncomingHttpHeaders,
  baseUrl: string,
): string | undefined {
  const name = nameOf(baseUrl)
  for (const pair of (headers.cookie ?? '').split(';')) {
    const at = pair.indexOf('=')
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim()
  }
  return undefined
}

/** The value of `Set-Cookie` for a session of so many seconds. */
export function formatSessionCookie(baseUrl: string, secret: string, maxAgeSeconds: number) {
  return format(baseUrl, secret, maxAgeSeconds)
}

/** Makes the browser forget it. */
export function formatNoSessionCookie(baseUrl: string): string {
  return format(baseUrl, '', 0)
}

function format(baseUrl: string, value: string, maxAgeSeconds: number): string {
  const secure = baseUrl.startsWith('https:') ? '; Secure' : ''
  return `${nameOf(baseUrl)}=${value}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Lax${secure}`
}
