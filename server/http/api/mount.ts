import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { api, type Resource } from '../../../contract/api.ts'
import type { Route } from '../../../contract/route.ts'
import { isRefusal, RegistryError } from '../../domain/errors.ts'
import type { Principal } from '../../domain/permission.ts'
import type { Settings } from '../../registry/settings.ts'
import type { Caller, ReadCaller } from '../base-url.ts'
import { referencePage } from '../docs/reference-page.ts'
import { checkNotForeign } from '../same-origin.ts'
import { parseBodies } from './body.ts'
import type { ApiHandlers, Call, Handler } from './call.ts'
import { type Identified, type IdentifyDeps, identify } from './identify.ts'
import { parseInput } from './input.ts'
import { admit, type Need, type NeedDeps } from './need.ts'
import { needs } from './needs.ts'
import { openApiDocument } from './openapi.ts'
import { etagOf, hasAlready } from './revalidation.ts'
import { readSent, type Sent } from './sent.ts'
import { SentFile, sendFile } from './sent-file.ts'
import { readSessionCookie } from './session-cookie.ts'

export interface MountDeps extends IdentifyDeps, NeedDeps {
  readonly settings: Settings
  readonly readCaller: ReadCaller
  readonly version: string
  /** Told of every request that a key made, once it is answered. */
  readonly onAnswered?: (principal: Principal, request: AnsweredRequest) => void
}

export interface AnsweredRequest {
  readonly address: string
  readonly method: string
  /** Without the query, which may hold a key. */
  readonly path: string
  readonly status: number
}

/** Serves the whole contract, each route with the handler of its name, and describes it. */
export function mountApi(app: FastifyInstance, deps: MountDeps, handlers: ApiHandlers): void {
  app.register((scope, _options, done) => {
    parseBodies(scope)
    for (const resource of Object.keys(api) as Resource[]) {
      for (const [name, route] of Object.entries(api[resource])) {
        // The tables' types say that handler and need of a name belong to the route of that name.
        const handler = (handlers[resource] as Record<string, unknown>)[name] as Handler<Route>
        const need = (needs[resource] as Record<string, unknown>)[name] as Need
        mountRoute(scope, deps, { route, handler, need })
      }
    }
    describeRoutes(scope, deps.version)
    done()
  })
}

/** Made when somebody first asks: few do, and it takes a tenth of a second. */
function describeRoutes(scope: FastifyInstance, version: string): void {
  let made: ReturnType<typeof makeDocuments> | undefined
  const documents = () => {
    made ??= makeDocuments(version)
    return made
  }
  scope.get('/api/openapi.json', (_request, reply) => {
    reply.header('content-type', 'application/json').send(documents().json)
  })
  scope.get('/api/docs', (_request, reply) => {
    const { page } = documents()
    reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', page.contentSecurityPolicy)
      .header('referrer-policy', 'no-referrer')
      .header('cache-control', 'no-cache')
      .send(page.html)
  })
}

function makeDocuments(version: string) {
  const openApi = openApiDocument(version)
  return { json: JSON.stringify(openApi), page: referencePage(openApi) }
}

interface Mounted {
  readonly route: Route
  readonly handler: Handler<Route>
  readonly need: Need
}

function mountRoute(scope: FastifyInstance, deps: MountDeps, mounted: Mounted): void {
  const { route } = mounted
  scope.route({
    method: [route.method, ...route.also],
    url: route.path,
    bodyLimit: route.maxBodyBytes,
    async handler(request, reply) {
      reply.header('cache-control', 'no-store')
      try {
        return await answer(deps, mounted, { request, reply })
      } catch (error) {
        if (isRefusal(error, 'UNAUTHORIZED')) reply.header('www-authenticate', challenge(request))
        throw error
      }
    },
  })
}

async function answer(
  deps: MountDeps,
  { route, handler, need }: Mounted,
  exchange: { readonly request: FastifyRequest; readonly reply: FastifyReply },
) {
  const { request, reply } = exchange
  await deps.settings.refresh()
  const caller = deps.readCaller(request.raw)
  const sent = readSent(request)
  const cookieSecret = readSessionCookie(request.headers, caller.baseUrl)
  const identified = await whoCalls(deps, { request, caller, sent, cookieSecret, need })
  watchAnswer(deps, { request, reply, caller, principal: identified.principal })
  const call: Call = {
    ...identified,
    by: { name: identified.principal.name, address: caller.address },
    caller,
    userAgent: request.headers['user-agent'] ?? '',
    cookieSecret,
    isJson: sent.isJson,
    async admitAgain() {
      const { principal } = await renew(deps, identified, cookieSecret)
      await admit(deps, need, sent, { ...call, principal })
    },
    setHeader: (name, value) => void reply.header(name, value),
    setStatus: (status) => void reply.code(status),
    goesOnAfter: (key) => void reply.header('link', nextLink(request.url, String(key))),
  }
  await admit(deps, need, sent, call)
  const result = await handler(parseInput(route, sent), call)
  if (result instanceof SentFile) return sendFile(reply, result)
  // What the schema does not name never leaves the server.
  const shown = route.reply.parse(result)
  if (route.text) return reply.type('text/plain; charset=utf-8').send(String(shown))
  return route.revalidated ? sendIfNew(exchange, JSON.stringify(shown)) : shown
}

/** Browsers keep it for themselves and ask each time whether it is still so. */
function sendIfNew(
  { request, reply }: { readonly request: FastifyRequest; readonly reply: FastifyReply },
  body: string,
) {
  const etag = etagOf(`${body}${reply.getHeader('link') ?? ''}`)
  reply.header('etag', etag).header('cache-control', 'private, no-cache')
  reply.header('vary', 'Cookie, Authorization, X-ApiKey')
  if (hasAlready(request.headers, etag)) return reply.code(304).send()
  return reply.type('application/json').send(body)
}

async function whoCalls(
  deps: MountDeps,
  from: {
    readonly request: FastifyRequest
    readonly caller: Caller
    readonly sent: Sent
    readonly cookieSecret: string | undefined
    readonly need: Need
  },
): Promise<Identified> {
  const { request, caller, sent, cookieSecret, need } = from
  if (need.kind === 'open') {
    checkNotForeign(request.headers, caller.baseUrl)
    return { principal: await deps.principals.getAnonymous(), session: null }
  }
  const { method, headers } = request
  return await identify(deps, { method, headers, caller, keys: sent.keys, cookieSecret })
}

/** The same caller as it is now; of a session that has ended, nobody. */
async function renew(
  { authenticator, sessions }: MountDeps,
  { principal, session }: Identified,
  cookieSecret = '',
): Promise<{ readonly principal: Principal }> {
  if (session === null) return await authenticator.renew({ principal, access: null })
  const live = await sessions.find(cookieSecret)
  if (live !== undefined) return live
  throw new RegistryError('UNAUTHORIZED', 'The session has ended: log in again.')
}

function watchAnswer(
  { onAnswered }: MountDeps,
  from: {
    readonly request: FastifyRequest
    readonly reply: FastifyReply
    readonly caller: Caller
    readonly principal: Principal
  },
): void {
  const { request, reply, caller, principal } = from
  if (onAnswered === undefined || principal.kind !== 'key') return
  const path = request.url.split('?', 1)[0] ?? ''
  reply.raw.once('close', () => {
    const { statusCode: status } = reply.raw
    onAnswered(principal, { address: caller.address, method: request.method, path, status })
  })
}

/** Relative, as on `/v2`: the same list, the key that vouched for this page left out. */
function nextLink(url: string, after: string): string {
  const [path = '', query = ''] = url.split('?', 2)
  const params = new URLSearchParams(query)
  params.delete('key')
  params.set('after', after)
  return `<${path}?${params}>; rel="next"`
}

/** To `Basic` a browser would answer with a dialog of its own, over the page that asked. */
function challenge({ headers }: FastifyRequest): string {
  const fromPage =
    headers['sec-fetch-mode'] !== undefined || headers['x-requested-with'] !== undefined
  return fromPage ? 'Session realm="Entrepot"' : 'Basic realm="Entrepot", charset="UTF-8"'
}
