import type { Authenticator } from '../../auth/authenticate.ts'
import { issueRefreshToken } from '../../auth/refresh-token.ts'
import type { Tokens } from '../../auth/token.ts'
import type { Db } from '../../db/database.ts'
import { RegistryError } from '../../domain/errors.ts'
import { mayAct, mayViewSomething, type Principal } from '../../domain/permission.ts'
import { type Access, parseScopes, plainActions, type Scope } from '../../domain/scope.ts'
import { type Feeds, subjectOf } from '../../registry/feeds.ts'
import type { Exchange } from './exchange.ts'
import { isVisible } from './mirror.ts'
import { readForm } from './read-form.ts'
import { sendJson } from './reply.ts'
import { type OnAnswered, watchAnswer } from './watch-answer.ts'

export interface TokenEndpointDeps {
  readonly db: Db
  readonly authenticator: Authenticator
  readonly tokens: Tokens
  /** By a lower-case name, the feed's own or an alternate. */
  readonly feeds: Pick<Feeds, 'refresh' | 'findKnown' | 'findKnownMirror'>
  readonly onAnswered?: OnAnswered
}

/** What a client asks for, whichever way it asks. */
interface TokenRequest {
  readonly principal: Principal
  readonly scopes: readonly string[]
  /** Whether it wants an identity token to keep. */
  readonly offline: boolean
  readonly clientId: string
}

/**
 * `/v2/_auth`: Distribution's token specification (GET) and its OAuth2 variant (POST). The answer is
 * a token for the part of the scopes that the caller may use now, perhaps none. Throws UNAUTHORIZED
 * for wrong credentials, REQUEST_INVALID for a malformed request.
 */
export function createTokenEndpoint(
  deps: TokenEndpointDeps,
): (exchange: Exchange) => Promise<void> {
  return async (exchange) => {
    const { res, caller } = exchange
    const { principal, scopes, offline, clientId } = await readRequest(deps, exchange)
    watchAnswer(deps, exchange, principal)
    const access = await grantedAccess(deps, principal, parseScopes(scopes))
    const issued = await deps.tokens.issue({ principal, service: caller.service, access })
    const refreshToken = offline ? await issueRefreshToken(deps, principal, clientId) : null
    const reply = {
      token: issued.token,
      access_token: issued.token,
      expires_in: issued.expiresInSeconds,
      issued_at: issued.issuedAt.toISOString(),
      ...(refreshToken !== null && { refresh_token: refreshToken }),
    }
    sendJson(res, 200, { 'cache-control': 'no-store' }, reply)
  }
}

async function readRequest(deps: TokenEndpointDeps, exchange: Exchange): Promise<TokenRequest> {
  switch (exchange.req.method) {
    case 'GET':
      return await readQuery(deps, exchange)
    case 'POST':
      return await readOauth(deps, exchange)
    default:
      throw new RegistryError('UNSUPPORTED', 'Tokens are asked for by GET or POST.', {
        headers: { allow: 'GET, POST' },
      })
  }
}

async function readQuery(deps: TokenEndpointDeps, exchange: Exchange): Promise<TokenRequest> {
  const { req, query } = exchange
  const { principal, access } = await deps.authenticator.authenticate(
    req.headers.authorization,
    undefined,
    { address: exchange.caller.address, isLasting: true },
  )
  if (access !== null) {
    // Otherwise a stolen token could be renewed for ever, and widened.
    throw new RegistryError(
      'UNAUTHORIZED',
      'A token does not buy another one: send user name and password.',
    )
  }
  return {
    principal,
    scopes: query.getAll('scope'),
    offline: query.get('offline_token') === 'true',
    clientId: query.get('client_id') ?? '',
  }
}

async function readOauth(deps: TokenEndpointDeps, exchange: Exchange): Promise<TokenRequest> {
  const form = await readForm(exchange)
  return {
    principal: await authenticateGrant(deps.authenticator, form, exchange.caller.address),
    scopes: form.getAll('scope'),
    // A client that shows an identity token has one.
    offline: form.get('access_type') === 'offline' && form.get('grant_type') === 'password',
    clientId: form.get('client_id') ?? '',
  }
}

async function authenticateGrant(
  authenticator: Authenticator,
  form: URLSearchParams,
  address: string,
): Promise<Principal> {
  switch (form.get('grant_type')) {
    case 'password': {
      const origin = { address, isLasting: true }
      return await authenticator.logIn(field(form, 'username'), field(form, 'password'), origin)
    }
    case 'refresh_token':
      return await authenticator.authenticateRefreshToken(field(form, 'refresh_token'), address)
    default:
      throw new RegistryError(
        'REQUEST_INVALID',
        'The form\'s grant_type must be "password" or "refresh_token".',
      )
  }
}

function field(form: URLSearchParams, name: string): string {
  const value = form.get(name)
  if (value === null) throw new RegistryError('REQUEST_INVALID', `The form has no ${name}.`)
  return value
}

async function grantedAccess(
  deps: TokenEndpointDeps,
  principal: Principal,
  scopes: readonly Scope[],
): Promise<Access[]> {
  const granted = await Promise.all(
    scopes.map(async (scope): Promise<Access> => {
      const { type, name } = scope
      return { type, name, actions: await grantedActions(deps, principal, scope) }
    }),
  )
  return granted.filter(({ actions }) => actions.length > 0)
}

/** A feed that is absent, switched off or out of sight grants nothing, and nobody learns which. */
async function grantedActions(
  deps: TokenEndpointDeps,
  principal: Principal,
  { path, name, actions }: Scope,
): Promise<Access['actions']> {
  if (path === null) return seesCatalog(principal) ? ['*'] : []
  await deps.feeds.refresh()
  const mirror = deps.feeds.findKnownMirror(null)
  // Docker asks so for what it pulls through a mirror.
  const isOwn = mirror === undefined || isVisible(deps.feeds, principal, name)
  if (!isOwn) return mayAct(principal, 'pull', subjectOf(mirror, name)) ? ['pull'] : []
  const feed = deps.feeds.findKnown(path.feedKey)
  if (feed === undefined || !feed.active) return []
  const subject = subjectOf(feed, path.repository)
  return plainActions(actions).filter((action) => mayAct(principal, action, subject))
}

/** The catalog shows to each what it may view; Anonymous needs something to view. */
function seesCatalog(principal: Principal): boolean {
  return principal.kind !== 'anonymous' || mayViewSomething(principal)
}
