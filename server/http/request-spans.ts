import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { RequestSpan, Traces } from '../traces.ts'
import type { ReadCaller } from './base-url.ts'
import type { Dispatch } from './dispatch.ts'
import { isV2, labelV2Route } from './route-label.ts'

export interface RequestSpansOptions {
  readonly traces: Traces
  readonly readCaller: ReadCaller
}

/** A span for each request. Nothing of it is there when there are no traces. */
export class RequestSpans {
  readonly #options: RequestSpansOptions
  readonly #spans = new WeakMap<IncomingMessage, RequestSpan>()
  /** Of what fastify answers. */
  readonly #routes = new WeakMap<IncomingMessage, string>()

  constructor(options: RequestSpansOptions) {
    this.#options = options
  }

  /** The same listeners, each request within its span. */
  around({ request, checkContinue, checkExpectation }: Dispatch): Dispatch {
    const around =
      (listener: RequestListener): RequestListener =>
      (req, res) =>
        this.#begin(req, res).within(() => listener(req, res))
    return {
      request: around(request),
      checkContinue: around(checkContinue),
      checkExpectation: around(checkExpectation),
    }
  }

  /** For what an event of the connection calls, which knows no request. */
  within<T>(req: IncomingMessage, run: () => T): T {
    const span = this.#spans.get(req)
    return span === undefined ? run() : span.within(run)
  }

  /** After a body was read, its events have lost the request. */
  watch(app: FastifyInstance): void {
    app.addHook('preValidation', (request, _reply, done) => {
      const { url } = request.routeOptions
      if (url !== undefined) this.#routes.set(request.raw, url)
      this.within(request.raw, () => {
        this.#options.traces.note(placeOf(request))
        done()
      })
    })
  }

  #begin(req: IncomingMessage, res: ServerResponse): RequestSpan {
    const { method = '', headers } = req
    const span = this.#options.traces.beginRequest({
      ...{ method, headers },
      describe: () => this.#describe(req),
    })
    this.#spans.set(req, span)
    const end = () => {
      const route = isV2(req.url) ? labelV2Route(req.url ?? '') : this.#routes.get(req)
      span.end({
        ...(route !== undefined && { route }),
        status: res.headersSent ? res.statusCode : null,
        describe: () => ({
          'url.path': pathOf(req),
          'entrepot.complete': res.writableFinished,
        }),
      })
    }
    // Whoever else hears of it writes the last line of the request.
    res.on('close', () => queueMicrotask(end))
    return span
  }

  #describe(req: IncomingMessage) {
    const { socket, headers, httpVersion } = req
    const peer = socket.remoteAddress ?? ''
    const userAgent = headers['user-agent']
    const asked = this.#readAddress(req)
    return {
      ...(asked && {
        'url.scheme': asked.url.protocol.slice(0, -1),
        'server.address': asked.url.hostname,
        ...(asked.url.port !== '' && { 'server.port': Number(asked.url.port) }),
      }),
      'client.address': asked?.address ?? peer,
      'network.peer.address': peer,
      'network.protocol.version': httpVersion,
      ...(userAgent !== undefined && { 'user_agent.original': userAgent }),
    }
  }

  /** Undefined: it names no host, and will be refused. */
  #readAddress(req: IncomingMessage) {
    try {
      const { baseUrl, address } = this.#options.readCaller(req)
      return { url: new URL(baseUrl), address }
    } catch {
      return undefined
    }
  }
}

/** Neither the query nor what stands before the path: keys and passwords may be there. */
function pathOf({ url = '/' }: IncomingMessage): string {
  const path = url.split('?', 1)[0] ?? '/'
  return path.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '') || '/'
}

/** What the management API's parameters name. */
function placeOf({ query }: FastifyRequest): Record<string, string> {
  const { feed, repo } = query as Readonly<Record<string, unknown>>
  return {
    ...(typeof feed === 'string' && { 'entrepot.feed': feed }),
    ...(typeof repo === 'string' && { 'entrepot.repository': repo }),
  }
}
