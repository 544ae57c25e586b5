import type { Encryption } from '../encrypted.ts'
import type { OidcSecrets } from './oidc-directory.ts'

/** What a browser keeps, unreadable to it, between the beginning of a login and its end. */
export interface LoginState extends OidcSecrets {
  /** Where the provider sends the browser back to. */
  readonly redirectUri: string
  /** Where the browser goes after the login: a path of this server. */
  readonly returnPath: string
  readonly expiresAt: number
}

/** How long a login with a provider may take. */
export const loginStateSeconds = 600

/** For one directory: another one's state is not read. */
export function sealLoginState(
  encryption: Encryption,
  directoryKey: string,
  state: LoginState,
): string {
  return encryption.encrypt(JSON.stringify(state), ownerOf(directoryKey))
}

/** Undefined for what this server did not make for this directory, or too long ago. */
export function openLoginState(
  encryption: Encryption,
  directoryKey: string,
  sealed: string,
  now: number,
): LoginState | undefined {
  const text = encryption.tryDecrypt(sealed, ownerOf(directoryKey))
  if (text === undefined) return undefined
  // Only this server can have written it.
  const state = JSON.parse(text) as LoginState
  return state.expiresAt > now ? state : undefined
}

function ownerOf(directoryKey: string): string {
  return `login with ${directoryKey}`
}

/**
 * The path to go to after the login, `/` for anything that could lead to another server: a login
 * page that forwards to anywhere makes other people's links look like this server's.
 */
export function parseReturnPath(text: string | undefined): string {
  if (text === undefined || !/^\/(?![/\\])[^\\\p{Cc}]*$/u.test(text)) return '/'
  const here = 'http://here.invalid'
  if (!URL.canParse(text, here)) return '/'
  const { origin, pathname, search, hash } = new URL(text, here)
  // Dots in a path can make it begin with two slashes.
  return origin === here && !pathname.startsWith('//') ? `${pathname}${search}${hash}` : '/'
}
