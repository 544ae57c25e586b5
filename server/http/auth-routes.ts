import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { OidcLogins } from '../auth/directories/oidc-logins.ts'
import type { LoginRecords } from '../auth/login-records.ts'
import type { Principals } from '../auth/principals.ts'
import type { Sessions } from '../auth/session.ts'
import { isRefusal, RegistryError } from '../domain/errors.ts'
import type { Principal } from '../domain/permission.ts'
import type { Log } from '../log.ts'
import type { Settings } from '../registry/settings.ts'
import { describeProblem } from './api/problem.ts'
import { readSessionCookie } from './api/session-cookie.ts'
import { beginSession } from './api/sessions.ts'
import type { Caller, ReadCaller } from './base-url.ts'
import { formatLoginCookie, readLoginCookie } from './login-cookie.ts'

export interface AuthRouteOptions {
  readonly logins: OidcLogins
  readonly principals: Pick<Principals, 'findUser'>
  readonly sessions: Pick<Sessions, 'begin'>
  readonly settings: Pick<Settings, 'refresh'>
  readonly readCaller: ReadCaller
  readonly log: Log
  readonly now: () => number
  /** The audit's; what refuses a login is told to it too. */
  readonly records: Pick<LoginRecords, 'succeeded' | 'failed'>
}

interface OidcRequest {
  readonly Params: { readonly key: string }
  readonly Querystring: Readonly<Record<string, unknown>>
}

/**
 * `/auth/oidc/<directory>/start` sends a browser to the provider, `…/callback` is where it comes back
 * and gets its session. Both are for people: what goes wrong is told in plain text.
 */
export function authRoutes(app: FastifyInstance, options: AuthRouteOptions): void {
  const { logins, settings, readCaller } = options
  app.get<OidcRequest>('/auth/oidc/:key/start', (request, reply) =>
    answer(options, { request, reply }, async () => {
      await settings.refresh()
      const { baseUrl } = readCaller(request.raw)
      const wanted = request.query.return
      const { address, sealedState, seconds } = await logins.begin({
        directoryKey: request.params.key,
        baseUrl,
        returnPath: typeof wanted === 'string' ? wanted : undefined,
      })
      reply.header('set-cookie', formatLoginCookie(baseUrl, sealedState, seconds))
      return address
    }),
  )
  app.get<OidcRequest>('/auth/oidc/:key/callback', (request, reply) =>
    answer(options, { request, reply }, async () => {
      await settings.refresh()
      const caller = readCaller(request.raw)
      // Good once, whatever comes of it.
      reply.header('set-cookie', formatLoginCookie(caller.baseUrl, '', 0))
      return await finish(options, { request, reply, caller })
    }),
  )
}

async function finish(
  options: AuthRouteOptions,
  exchange: {
    readonly request: FastifyRequest<OidcRequest>
    readonly reply: FastifyReply
    readonly caller: Caller
  },
): Promise<string> {
  const { request, reply, caller } = exchange
  const directoryKey = request.params.key
  const { records } = options
  try {
    const { principal, returnPath } = await identify(options, request, caller)
    const cookieSecret = readSessionCookie(request.headers, caller.baseUrl)
    const userAgent = request.headers['user-agent'] ?? ''
    const setHeader = (name: string, value: string) => void reply.header(name, value)
    await beginSession(options, principal, { caller, userAgent, cookieSecret, setHeader })
    records.succeeded(principal, caller.address)
    return returnPath
  } catch (error) {
    records.failed({ account: `oidc/${directoryKey}`, address: caller.address }, null)
    throw error
  }
}

async function identify(
  { logins, principals }: AuthRouteOptions,
  request: FastifyRequest<OidcRequest>,
  { baseUrl }: Caller,
): Promise<{ readonly principal: Principal; readonly returnPath: string }> {
  const at = request.url.indexOf('?')
  const { userId, returnPath } = await logins.finish({
    directoryKey: request.params.key,
    query: at < 0 ? '' : request.url.slice(at),
    sealedState: readLoginCookie(request.headers, baseUrl),
  })
  const principal = await principals.findUser(userId, 'fresh')
  if (principal !== undefined) return { principal, returnPath }
  throw new RegistryError('UNAUTHORIZED', 'An administrator of this server has disabled this user.')
}

async function answer(
  { log }: AuthRouteOptions,
  {
    request,
    reply,
  }: { readonly request: FastifyRequest<OidcRequest>; readonly reply: FastifyReply },
  work: () => Promise<string>,
): Promise<void> {
  // The address of the callback holds the code.
  reply.header('cache-control', 'no-store').header('referrer-policy', 'no-referrer')
  try {
    reply.redirect(await work(), 303)
  } catch (error) {
    const { status, detail } = describeProblem(error)
    const [path] = request.url.split('?', 1)
    // Why a directory cannot be asked is in the log already, once a minute.
    const isKnown = isRefusal(error, 'UNAVAILABLE')
    if (status >= 500 && !isKnown)
      log.error({ err: error, method: request.method, url: path }, 'login failed')
    reply.code(status).type('text/plain; charset=utf-8').send(`${detail}\n`)
  }
  await reply
}
