import { RegistryError } from '../domain/errors.ts'

/** What an `Authorization` header says. */
export type Credentials =
  | { readonly scheme: 'basic'; readonly userName: string; readonly password: string }
  | { readonly scheme: 'bearer'; readonly token: string }

/**
 * Reads the header (RFC 9110, 11.4). Basic is UTF-8, and only the first colon separates (RFC 7617,
 * 2 and 2.1). Throws UNAUTHORIZED, saying what is wrong, for everything else.
 */
export function parseCredentials(authorization: string): Credentials {
  if (authorization.startsWith('Bearer ')) {
    // As nearly every request: what the token is, its verification says. Others take the longer way.
    const token = authorization.slice(7)
    if (token !== '' && !token.includes(' ')) return { scheme: 'bearer', token }
  }
  const [, scheme = '', rest = ''] = /^([^\s]+)(?: +([^\s]+))?$/.exec(authorization.trim()) ?? []
  switch (scheme.toLowerCase()) {
    case 'basic':
      return { scheme: 'basic', ...parseBasic(rest) }
    case 'bearer':
      if (rest === '') throw refused('The Authorization header has no token after "Bearer".')
      return { scheme: 'bearer', token: rest }
    case '':
      throw refused('The Authorization header is malformed: it must be "Basic …" or "Bearer …".')
    default:
      throw refused('The Authorization header has an unknown scheme: use Basic or Bearer.')
  }
}

function parseBasic(encoded: string): { userName: string; password: string } {
  const text = decode(encoded)
  const colon = text.indexOf(':')
  if (colon < 0) throw refused('The Basic credentials have no colon between name and password.')
  return { userName: text.slice(0, colon), password: text.slice(colon + 1) }
}

function decode(encoded: string): string {
  // Node decodes whatever it is given; a header that is cut off or garbled must not pass for one.
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) {
    throw refused('The Basic credentials are not base64.')
  }
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    return decoder.decode(Buffer.from(encoded, 'base64'))
  } catch (error) {
    throw refused('The Basic credentials are not UTF-8.', error)
  }
}

function refused(message: string, cause?: unknown): RegistryError {
  return new RegistryError('UNAUTHORIZED', message, { cause })
}
