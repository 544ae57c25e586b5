import type { IncomingHttpHeaders } from 'node:http'
import type { Authenticator } from '../../auth/authenticate.ts'
import { parseCredentials } from '../../auth/credentials.ts'
import type { Principals } from '../../auth/principals.ts'
import type { LiveSession, Sessions } from '../../auth/session.ts'
import { RegistryError } from '../../domain/errors.ts'
import type { Principal } from '../../domain/permission.ts'
import { isApiKeyUserName } from '../../domain/user-name.ts'
import type { Settings } from '../../registry/settings.ts'
import type { Caller } from '../base-url.ts'
import { checkNotForeign, checkSameOrigin } from '../same-origin.ts'

export interface IdentifyDeps {
  readonly authenticator: Authenticator
  readonly principals: Pick<Principals, 'getAnonymous'>
  readonly sessions: Pick<Sessions, 'find'>
  readonly settings: Pick<Settings, 'boolean'>
}

export interface Presented {
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly caller: Caller
  /** Keys in the address, the JSON body or the form. */
  readonly keys: readonly unknown[]
  readonly cookieSecret: string | undefined
}

export interface Identified {
  readonly principal: Principal
  readonly session: LiveSession['session'] | null
}

/**
 * Who calls the management API. What is sent on purpose (a key, a user name with its password) wins
 * over the cookie that a browser adds by itself; all that is sent must be right and mean one
 * caller. Only a request without any credentials is Anonymous. Throws UNAUTHORIZED, and DENIED for
 * a change that a cookie alone vouches for and another site may have sent, or that another site did
 * send with the password that the browser keeps for its own dialog.
 */
export async function identify(deps: IdentifyDeps, sent: Presented): Promise<Identified> {
  const explicit = await identifyExplicit(deps, sent)
  if (explicit !== undefined) return { principal: explicit, session: null }
  if (sent.cookieSecret === undefined) {
    return { principal: await deps.principals.getAnonymous(), session: null }
  }
  const live = await deps.sessions.find(sent.cookieSecret)
  if (live === undefined) {
    // The cookie stays: this answer may arrive after that of a login, whose cookie it would take away.
    throw new RegistryError('UNAUTHORIZED', 'The session has ended: log in again.')
  }
  if (changes(sent.method)) checkSameOrigin(sent.headers, sent.caller.baseUrl)
  return live
}

function changes(method: string): boolean {
  return method !== 'GET' && method !== 'HEAD'
}

async function identifyExplicit(
  deps: IdentifyDeps,
  { method, headers, caller, keys }: Presented,
): Promise<Principal | undefined> {
  if (headers.authorization !== undefined && changes(method)) {
    checkNotForeign(headers, caller.baseUrl)
  }
  const header = headers['x-apikey']
  const { address } = caller
  const found: Principal[] = []
  for (const key of [...(header === undefined ? [] : [header]), ...keys]) {
    found.push(await identifyKey(deps, key, address))
  }
  if (headers.authorization !== undefined) {
    found.push(await identifyAuthorization(deps, headers.authorization, address))
  }
  const [first] = found
  if (found.some(({ kind, id }) => kind !== first?.kind || id !== first.id)) {
    throw new RegistryError('UNAUTHORIZED', 'The request has credentials of several callers.')
  }
  return first
}

async function identifyAuthorization(
  deps: IdentifyDeps,
  authorization: string,
  address: string,
): Promise<Principal> {
  const credentials = parseCredentials(authorization)
  if (credentials.scheme === 'bearer') {
    throw new RegistryError(
      'UNAUTHORIZED',
      'Bearer tokens are for /v2: send an API key as X-ApiKey, or a user name and password.',
    )
  }
  const { userName, password } = credentials
  if (isApiKeyUserName(userName)) return await identifyKey(deps, password, address)
  return await deps.authenticator.logIn(userName, password, { address })
}

/** A key, or `user:password` in the place of one. */
async function identifyKey(
  { authenticator, settings }: IdentifyDeps,
  key: unknown,
  address: string,
): Promise<Principal> {
  if (typeof key !== 'string' || key === '') {
    throw new RegistryError('UNAUTHORIZED', 'The API key is not one text.')
  }
  const colon = key.indexOf(':')
  if (colon < 0) return await authenticator.authenticateKey(key, address)
  if (!settings.boolean('Api.AllowPseudoKeys')) {
    throw new RegistryError(
      'UNAUTHORIZED',
      'user:password is not taken for an API key here (the setting Api.AllowPseudoKeys).',
    )
  }
  return await authenticator.logIn(key.slice(0, colon), key.slice(colon + 1), { address })
}
