import type { Server } from 'node:http'
import { Server as HttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import Fastify from 'fastify'
import type { Config } from '../config.ts'
import { sendProblem } from './api/problem.ts'
import { type CertificatePair, readCertificate, watchCertificate } from './certificate.ts'
import { answerClientError, answerPlainHttp } from './client-error.ts'
import { createDispatch, type HandleV2 } from './dispatch.ts'
import { createListener, defaultTimeouts, listen, type Timeouts, urlOf } from './listener.ts'
import { RequestSpans, type RequestSpansOptions } from './request-spans.ts'
import { type RouteOptions, registerRoutes } from './routes.ts'
import { type Traffic, watchTraffic } from './traffic.ts'

export interface HttpServerOptions extends Omit<RouteOptions, 'spans'> {
  readonly config: Pick<Config, 'listen' | 'tls' | 'metrics'>
  /**
   * Everything on `/v2` and below, raw. With `Expect: 100-continue` nothing has been answered yet:
   * call `res.writeContinue()` when the body is wanted.
   */
  readonly v2: HandleV2
  readonly timeouts?: Partial<Timeouts>
  /** Null: no request is traced. */
  readonly tracing: RequestSpansOptions | null
  /** How often the TLS files are looked at. Default 5. */
  readonly certificateIntervalSeconds?: number
}

export interface HttpServer extends AsyncDisposable {
  /** `http(s)://host:port` for a client on this machine. */
  readonly url: string
  /** Stops accepting, waits for running requests at most so long (default 30 s), cuts the rest. */
  drain(options?: { readonly seconds?: number }): Promise<void>
}

/** Opens the one port: `/v2` goes raw to its handler, everything else to Fastify. */
export async function openHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { config, log } = options
  const pair = config.tls === null ? null : await readCertificate(config.tls)
  const server = createListener(pair, { ...defaultTimeouts, ...options.timeouts })
  const spans = options.tracing === null ? null : new RequestSpans(options.tracing)
  const traffic = watchTraffic(server, { ...options, spans })
  const app = Fastify({
    serverFactory: (other) => {
      const untraced = createDispatch({
        ...options,
        other,
        begin: traffic.begin,
        work: traffic.work,
      })
      const dispatch = spans === null ? untraced : spans.around(untraced)
      return server
        .on('request', dispatch.request)
        .on('checkContinue', dispatch.checkContinue)
        .on('checkExpectation', dispatch.checkExpectation)
    },
    // What is refused before there is a route.
    frameworkErrors: (error, _request, reply) => {
      void sendProblem(reply.header('x-content-type-options', 'nosniff'), error)
    },
    clientErrorHandler: (error, socket) => refuse(error, socket, traffic),
    routerOptions: { ignoreTrailingSlash: true },
  })
  await registerRoutes(app, { ...options, spans })
  await app.ready()
  await listen(server, config.listen)
  server.on('error', (err) => log.error({ err }, 'server socket failed'))
  const watch = watchTls(server, pair, options)
  let drained: Promise<void> | undefined
  const drain = async (seconds: number) => {
    watch?.[Symbol.dispose]()
    const cut = await traffic.drain(seconds)
    if (cut > 0) log.warn({ requests: cut }, 'running requests were cut')
    await app.close()
  }
  return {
    url: urlOf(server, config.tls === null ? 'http' : 'https', config.listen),
    drain: ({ seconds = 30 } = {}) => {
      drained ??= drain(seconds)
      return drained
    },
    [Symbol.asyncDispose]: () => {
      drained ??= drain(0)
      return drained
    },
  }
}

/** Both what is no HTTP and what is no TLS arrive here. */
function refuse(error: NodeJS.ErrnoException, socket: Socket, traffic: Traffic) {
  if (error.code === 'ERR_SSL_HTTP_REQUEST') {
    const raw = traffic.findConnection(socket.remotePort)
    if (raw !== undefined) answerPlainHttp(raw)
    return
  }
  answerClientError(error, socket, traffic.hasReplyStarted(socket))
}

function watchTls(
  server: Server,
  current: CertificatePair | null,
  { config, log, certificateIntervalSeconds = 5 }: HttpServerOptions,
): Disposable | undefined {
  if (!(server instanceof HttpsServer) || config.tls === null || current === null) return undefined
  return watchCertificate({
    files: config.tls,
    current,
    log,
    intervalSeconds: certificateIntervalSeconds,
    apply: (pair) => server.setSecureContext({ ...pair, minVersion: 'TLSv1.2' }),
  })
}
