import type { IncomingHttpHeaders } from 'node:http'

/**
 * The cookie that ties a login with a provider to the browser that began it. Over HTTPS no
 * neighbouring host can set it (`__Host-`): with a state of their own, somebody's login could be
 * ended in another browser. `Lax`, since the provider's page leads back here.
 */
function nameOf(baseUrl: string): string {
  return baseUrl.startsWith('https:') ? '__Host-entrepot-login' : 'entrepot-login'
}

export function readLoginCookie(headers: IncomingHttpHeaders, baseUrl: string): string | undefined {
  const prefix = `${nameOf(baseUrl)}=`
  const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim())
  return pairs.find((pair) => pair.startsWith(prefix))?.slice(prefix.length)
}

/** The value of `Set-Cookie`; zero seconds make the browser forget it. */
export function formatLoginCookie(baseUrl: string, value: string, seconds: number): string {
  const secure = baseUrl.startsWith('https:') ? '; Secure' : ''
  return `${nameOf(baseUrl)}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure}`
}
