import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Authenticator, Identity } from '../../auth/authenticate.ts'
import { RegistryError } from '../../domain/errors.ts'
import { parseRepositoryPath, type RepositoryPath } from '../../domain/reference.ts'
import type { Log } from '../../log.ts'
import type { Traces } from '../../traces.ts'
import type { ReadCaller } from '../base-url.ts'
import { checkNotForeign } from '../same-origin.ts'
import { admit } from './authorize.ts'
import { dumpRest } from './body.ts'
import { challenge } from './challenge.ts'
import { sendError } from './errors.ts'
import { type Exchange, NewExchange, type Patience } from './exchange.ts'
import { getCatalog } from './lists.ts'
import { mirrored } from './mirror.ts'
import { neededScope } from './needed-scope.ts'
import { type OperationDeps, operationsOf } from './operations.ts'
import { remembering } from './remember.ts'
import { sendJson } from './reply.ts'
import { parseRoute, type RepositoryRoute, type Route } from './route.ts'
import { giveUpWhenStalled } from './stream.ts'
import { type OnAnswered, watchAnswer } from './watch-answer.ts'

export interface V2Deps extends OperationDeps {
  readonly authenticator: Authenticator
  readonly readCaller: ReadCaller
  readonly serveToken: (exchange: Exchange) => Promise<void>
  readonly log: Log
  readonly patience?: Partial<Patience>
  readonly onAnswered?: OnAnswered
  readonly traces: Traces | null
}

const defaultPatience: Patience = {
  bodyIdleMs: 60_000,
  wholeBodyMs: 300_000,
  replyStalledMs: 120_000,
}

/** What a request is answered with. */
interface Tools extends V2Deps {
  readonly parseRoute: (path: string) => Route | 'nothing'
  readonly parseRepositoryPath: (name: string) => RepositoryPath
}

/** Answers everything under `/v2/`: find the route, find out who calls, decide, act. */
export function createV2Handler(options: V2Deps) {
  const patience = { ...defaultPatience, ...options.patience }
  const deps: Tools = {
    ...options,
    parseRoute: remembering((path) => parseRoute(path) ?? 'nothing'),
    parseRepositoryPath: remembering(parseRepositoryPath),
  }
  return async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    try {
      const refreshing = deps.settings.refresh()
      if (refreshing !== undefined) await refreshing
      const rereading = deps.through.connectors.refresh()
      if (rereading !== undefined) await rereading
      await answer(deps, new NewExchange({ req, res, caller: deps.readCaller(req), patience }))
    } catch (error) {
      sendError(res, error, deps.log)
    }
    giveUpWhenStalled(res, patience)
    dumpRest(req)
  }
}

async function answer(deps: Tools, exchange: Exchange) {
  if (exchange.path === '/v2/_auth') {
    checkMethod(exchange, ['GET', 'POST'])
    return deps.serveToken(exchange)
  }
  const identity = await identify(deps, exchange)
  watchAnswer(deps, exchange, identity.principal)
  const route = routeOf(deps, exchange, identity)
  switch (route.kind) {
    case 'ping':
      return ping(exchange, identity)
    case 'token':
      return checkMethod(exchange, [])
    case 'catalog':
      checkMethod(exchange, ['GET', 'HEAD'])
      return getCatalog(deps, exchange, identity)
    default:
      return operate(deps, { exchange, identity }, route)
  }
}

async function operate(
  deps: Tools,
  { exchange, identity }: { readonly exchange: Exchange; readonly identity: Identity },
  route: RepositoryRoute,
) {
  const operations = operationsOf(route)
  const operation = operations[exchange.req.method ?? '']
  const refreshing = deps.feeds.refresh()
  if (refreshing !== undefined) await refreshing
  const { principal } = identity
  const { name, alias } = mirrored(deps.feeds, { exchange, principal }, route.name)
  const path = parseOrChallenge(exchange, identity, () => deps.parseRepositoryPath(name))
  deps.traces?.note(describe(path, route))
  const action = operation?.action ?? 'pull'
  const target = { path, action, alias }
  const admission = await admit(deps, { exchange, identity }, target)
  if (!operation) return checkMethod(exchange, Object.keys(operations))
  const admitAgain = async () => {
    const renewed = await orChallenge(exchange, () => deps.authenticator.renew(identity))
    return admit(deps, { exchange, identity: renewed }, target)
  }
  await operation.run(deps, { exchange, admission, admitAgain, item: route.item })
}

/** What a trace says of it. */
function describe({ feedKey, repository }: RepositoryPath, { kind, item }: RepositoryRoute) {
  return {
    'entrepot.feed': feedKey,
    'entrepot.repository': repository,
    ...(kind === 'manifest' && { 'entrepot.reference': item }),
    ...((kind === 'blob' || kind === 'referrers') && { 'entrepot.digest': item }),
  }
}

function identify(deps: V2Deps, exchange: Exchange): Promise<Identity> {
  const { method, headers } = exchange.req
  const { authorization } = headers
  const { service, address, baseUrl } = exchange.caller
  if (method !== 'GET' && method !== 'HEAD') checkNotForeign(headers, baseUrl)
  return orChallenge(exchange, () =>
    deps.authenticator.authenticate(authorization, service, { address }),
  )
}

/** Who is not known hears where to get a token. */
async function orChallenge(
  exchange: Exchange,
  identify: () => Promise<Identity>,
): Promise<Identity> {
  try {
    return await identify()
  } catch (error) {
    if (!(error instanceof RegistryError) || error.code !== 'UNAUTHORIZED') throw error
    const { authorization } = exchange.req.headers
    const invalidToken = /^bearer\b/i.test(authorization ?? '')
    const scope = neededScope(exchange)
    throw challenge(exchange, { scope, invalidToken, message: error.message })
  }
}

function routeOf(deps: Tools, exchange: Exchange, identity: Identity): Route {
  const route = parseOrChallenge(exchange, identity, () => deps.parseRoute(exchange.path))
  if (route !== 'nothing') return route
  if (identity.principal.kind === 'anonymous') throw challenge(exchange, {})
  throw new RegistryError(
    'NOT_FOUND',
    `${exchange.path.slice(0, 200)} is no address of a registry.`,
  )
}

/** Anonymous hears 401, whatever else is wrong with the request. */
function parseOrChallenge<T>(exchange: Exchange, identity: Identity, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (identity.principal.kind === 'anonymous') throw challenge(exchange, {})
    throw error
  }
}

/** Clients learn here whether and how to log in: without credentials it is always 401. */
function ping(exchange: Exchange, identity: Identity) {
  checkMethod(exchange, ['GET', 'HEAD'])
  if (exchange.req.headers.authorization === undefined) throw challenge(exchange, {})
  if (identity.principal.kind === 'anonymous' && identity.access === null) {
    throw challenge(exchange, {})
  }
  sendJson(exchange.res, 200, {}, {})
}

function checkMethod({ req }: Exchange, allowed: readonly string[]) {
  if (allowed.includes(req.method ?? '')) return
  throw new RegistryError('UNSUPPORTED', `${req.method} is not possible here.`, {
    headers: { allow: allowed.join(', ') },
  })
}
