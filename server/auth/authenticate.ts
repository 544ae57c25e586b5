import type { Db } from '../db/database.ts'
import { findUserByKey } from '../db/users.ts'
import { isRefusal, RegistryError } from '../domain/errors.ts'
import type { Principal } from '../domain/permission.ts'
import type { Access } from '../domain/scope.ts'
import { isApiKeyUserName, isUserKey, userKey } from '../domain/user-name.ts'
import { hashApiKey } from './api-key.ts'
import type { BackOff } from './back-off.ts'
import { parseCredentials } from './credentials.ts'
import type { DirectoryLogins } from './directories/directory-logins.ts'
import type { LoginAttempt } from './failures.ts'
import type { Waiter } from './gate.ts'
import type { LoginRecords } from './login-records.ts'
import { networkOf } from './network.ts'
import type { PasswordAttempt, Passwords } from './password.ts'
import type { Login, Principals } from './principals.ts'
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
 * cannot be read, throw UNAUTHORIZED, and a login that has to wait, or finds too many others
 * waiting, TOOMANYREQUESTS. What a principal may do is not said here: it is read anew for every
 * request.
 */
export interface Authenticator {
  /**
   * By the `Authorization` header. A token must have been issued for `service` (`host[:port]` of
   * the server as this client sees it), if that is given.
   */
  authenticate(
    authorization: string | undefined,
    service?: string,
    origin?: LoginOrigin,
  ): Promise<Identity>
  /** By user name and password; with the user name `api`, the password is an API key. */
  logIn(userName: string, password: string, origin?: LoginOrigin): Promise<Principal>
  authenticateKey(key: string, address?: string): Promise<Principal>
  authenticateRefreshToken(token: string, address?: string): Promise<Principal>
  /** The same caller as it is now, for what takes long; its credentials are not asked for again. */
  renew(identity: Identity): Promise<Identity>
}

/** Where a login comes from, and what for. */
export interface LoginOrigin {
  readonly address?: string
  /** What is begun with it outlives this second: the user is read anew. */
  readonly isLasting?: boolean
}

export interface AuthenticatorOptions {
  readonly db: Db
  readonly principals: Principals
  readonly passwords: Passwords
  readonly tokens: Tokens
  /** Who knows users that are not the server's own. */
  readonly directories?: DirectoryLogins
  /** Absent: nobody is slowed down. */
  readonly backOff?: BackOff
  /** Told of logins, for the audit. */
  readonly records?: Pick<LoginRecords, 'succeeded' | 'failed'>
}

export function openAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { db, principals, tokens, records } = options
  const { logIn, authenticateKey } = openLogins(options)

  const readToken = async (token: string, service: string | null): Promise<Identity> => {
    const verified = tokens.verify(token, service)
    const { owner, access } = verified instanceof Promise ? await verified : verified
    if (owner === null) return { principal: await principals.getAnonymous(), access }
    const found = principals.findOwner(owner)
    const principal = found instanceof Promise ? await found : found
    if (principal !== undefined) return { principal, access }
    return refuse('The login that the token was issued for is no longer valid: log in again.')
  }

  return {
    authenticateKey,
    logIn,
    async renew({ principal, access }) {
      const { kind, id, credentialVersion } = principal
      if (kind === 'anonymous') return { principal: await principals.getAnonymous(), access }
      const found = await principals.findOwner({ kind, id, credentialVersion })
      if (found !== undefined) return { principal: found, access }
      return refuse('The login that this request began with is no longer valid: log in again.')
    },
    async authenticate(authorization, service, origin) {
      if (authorization === undefined) {
        return { principal: await principals.getAnonymous(), access: null }
      }
      const credentials = parseCredentials(authorization)
      if (credentials.scheme === 'bearer') {
        return await readToken(credentials.token, service ?? null)
      }
      const { userName, password } = credentials
      return { principal: await logIn(userName, password, origin), access: null }
    },
    async authenticateRefreshToken(token, address = '') {
      const owner = await findRefreshTokenOwner({ db }, token)
      const principal = owner && (await principals.findOwner(owner))
      if (!principal) {
        records?.failed({ account: '', address }, null)
        refuse('The identity token is unknown or revoked: log in again.')
      }
      records?.succeeded(principal, address)
      return principal
    },
  }
}

/** By what people and machines have, a password or a key. */
function openLogins(
  options: AuthenticatorOptions,
): Pick<Authenticator, 'logIn' | 'authenticateKey'> {
  const { principals, backOff, records } = options

  /** Whoever has a key is never slowed down: it cannot be guessed, and costs next to nothing. */
  const authenticateKey = async (key: string, address = ''): Promise<Principal> => {
    const secretHash = hashApiKey(key)
    const principal =
      secretHash === undefined ? undefined : await principals.findBySecretHash(secretHash)
    if (typeof principal === 'object') {
      records?.succeeded(principal, address)
      return principal
    }
    const attempt = { account: 'api', address }
    // Who has a key that is good for nothing any more does not guess.
    if (principal === undefined) backOff?.countFailure(attempt)
    records?.failed(attempt, 'api')
    return refuse(uselessKey[principal ?? 'unknown'])
  }

  const checkPassword = openPasswordLogins(options)

  return {
    authenticateKey,
    async logIn(userName, password, { address = '', isLasting = false } = {}) {
      if (isApiKeyUserName(userName)) return await authenticateKey(password, address)
      const attempt = { account: accountOf(userName), address }
      const check = () => checkPassword({ userName, password, isLasting }, attempt)
      const principal = await (backOff?.attempt(attempt, check) ?? check())
      records?.succeeded(principal, address)
      return principal
    },
  }
}

/** By the password of one of the server's own users, or of a directory's. */
function openPasswordLogins(
  options: AuthenticatorOptions,
): (credentials: Credentials, attempt: LoginAttempt) => Promise<Principal> {
  const { db, principals, passwords, directories, backOff, records } = options

  const waiterOf = (attempt: LoginAttempt): Waiter => ({
    account: attempt.account,
    network: networkOf(attempt.address),
    known: backOff?.knows(attempt) ?? false,
  })

  const logInElsewhere = async (credentials: Credentials, attempt: LoginAttempt) => {
    const { userName, password, isLasting } = credentials
    // Nobody is called that, and a database may refuse to look.
    if (/\p{Cc}/u.test(userName)) return undefined
    try {
      const userId = await directories?.logIn(userName, password, waiterOf(attempt))
      if (userId === undefined) return undefined
      const found = await principals.findUser(userId, isLasting ? 'fresh' : undefined)
      // Deleted here since: the next login makes the user anew.
      if (found === undefined) directories?.forget(userName, password)
      return found
    } catch (error) {
      if (isRefusal(error, 'UNAUTHORIZED')) records?.failed(attempt, null)
      throw error
    }
  }

  /** The user, if the password is right and the user is the same after the wait for the answer. */
  const prove = async ({ principal, account }: Login, attempt: PasswordAttempt) => {
    if (!(await passwords.verify({ ...attempt, account }))) return undefined
    const { id, credentialVersion } = principal
    return await principals.findOwner({ kind: 'user', id, credentialVersion })
  }

  const proveNowOrAnew = async (login: Login, attempt: PasswordAttempt) => {
    const principal = await prove(login, attempt)
    if (principal !== undefined) return principal
    // A second ago, or before the wait, the user may have had another password.
    const now = await principals.findLogin(attempt.userKey, 'fresh')
    const hasChanged = now?.principal.credentialVersion !== login.principal.credentialVersion
    return now && hasChanged ? await prove(now, attempt) : undefined
  }

  return async (credentials, attempt) => {
    const { password, isLasting } = credentials
    const key = userKey(credentials.userName)
    const freshness = isLasting ? 'fresh' : undefined
    const login = isUserKey(key) ? await principals.findLogin(key, freshness) : undefined
    const tried = { userKey: key, password, account: undefined, waiter: waiterOf(attempt) }
    const principal = login
      ? await proveNowOrAnew(login, tried)
      : await logInElsewhere(credentials, attempt)
    if (principal !== undefined) return principal
    // It takes as long for a name that nobody has.
    if (login === undefined) await passwords.verify(tried)
    const known = isUserKey(key) ? await findUserByKey(db.read, key) : undefined
    records?.failed(attempt, known?.name ?? null)
    return refuse('The user name or the password is wrong.')
  }
}

interface Credentials {
  readonly userName: string
  readonly password: string
  readonly isLasting: boolean
}

/**
 * For what attempts count. Directories take a name with spaces around it, and with their domain, for
 * the same one; so does this, for every name, since more waiting hurts nobody else.
 */
function accountOf(userName: string): string {
  const name = userKey(userName).trim().replace(/\s+/gu, ' ')
  return name.replace(/^[^\\]*\\\s*/u, '').replace(/\s*@[^@]*$/u, '') || name
}

/** Only who has the right secret hears more than that it is unknown. */
const uselessKey = {
  expired: 'The API key has expired: make a new one.',
  disabled: 'The API key is switched off.',
  unknown: 'The API key is unknown or revoked.',
} as const

function refuse(message: string): never {
  throw new RegistryError('UNAUTHORIZED', message)
}
