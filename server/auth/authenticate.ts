import type { Db } from '../db/database.ts'
import { RegistryError } from '../domain/errors.ts'
import { anonymous, type Principal } from '../domain/permission.ts'
import type { Access } from '../domain/scope.ts'
import { isApiKeyUserName, isUserKey, userKey } from '../domain/user-name.ts'
import { hashApiKey } from './api-key.ts'
import { parseCredentials } from './credentials.ts'
import type { Passwords } from './password.ts'
import type { Principals } from './principals.ts'
import { findRefreshTokenOwner } from './refresh-token.ts'
import type { Tokens } from './token.ts'

/** Who is calling, and within which bounds. */
export interface Identity {
  readonly principal: Principal
  /** What the Bearer token was issued for; null without one: the principal's rights alone decide. */
  readonly access: readonly Access[] | null
}

/**
 * Finds out who is calling. Only a request without credentials is Anonymous: wrong ones, and what
 * cannot be read, throw UNAUTHORIZED, and a login that finds too many others waiting
 * TOOMANYREQUESTS. What a principal may do is not said here: it is read anew for every request.
 */
export interface Authenticator {
  /**
   * By the `Authorization` header. A token must have been issued for `service` (`host[:port]` of
   * the server as this client sees it), if that is given.
   */
  authenticate(authorization: string | undefined, service?: string): Promise<Identity>
  /** By user name and password; with the user name `api`, the password is an API key. */
  logIn(userName: string, password: string): Promise<Principal>
  authenticateKey(key: string): Promise<Principal>
  authenticateRefreshToken(token: string): Promise<Principal>
}

export interface AuthenticatorOptions {
  readonly db: Db
  readonly principals: Principals
  readonly passwords: Passwords
  readonly tokens: Tokens
}

export function openAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { db, principals, passwords, tokens } = options

  const authenticateKey = async (key: string): Promise<Principal> => {
    const secretHash = hashApiKey(key)
    const principal = secretHash && (await principals.findBySecretHash(secretHash))
    return principal || refuse('The API key is unknown, revoked or expired.')
  }

  const logIn = async (userName: string, password: string): Promise<Principal> => {
    if (isApiKeyUserName(userName)) return await authenticateKey(password)
    const key = userKey(userName)
    const login = isUserKey(key) ? await principals.findLogin(key) : undefined
    const attempt = { userKey: key, password, account: login?.account }
    if ((await passwords.verify(attempt)) && login !== undefined) return login.principal
    return refuse('The user name or the password is wrong.')
  }

  const readToken = async (token: string, service: string | null): Promise<Identity> => {
    const verified = tokens.verify(token, service)
    const { owner, access } = verified instanceof Promise ? await verified : verified
    if (owner === null) return { principal: anonymous, access }
    const found = principals.findOwner(owner)
    const principal = found instanceof Promise ? await found : found
    if (principal !== undefined) return { principal, access }
    return refuse('The login that the token was issued for is no longer valid: log in again.')
  }

  return {
    authenticateKey,
    logIn,
    async authenticate(authorization, service) {
      if (authorization === undefined) return { principal: anonymous, access: null }
      const credentials = parseCredentials(authorization)
      if (credentials.scheme === 'bearer') {
        return await readToken(credentials.token, service ?? null)
      }
      const { userName, password } = credentials
      return { principal: await logIn(userName, password), access: null }
    },
    async authenticateRefreshToken(token) {
      const owner = await findRefreshTokenOwner({ db }, token)
      const principal = owner && (await principals.findOwner(owner))
      return principal ?? refuse('The identity token is unknown or revoked: log in again.')
    },
  }
}

function refuse(message: string): never {
  throw new RegistryError('UNAUTHORIZED', message)
}
