import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { Config } from '../config.ts'
import type { PartCheck } from '../doctor/part-check.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import { describeProblem, sendProblem } from './api/problem.ts'
import { type BackupHealth, healthRoutes } from './health.ts'
import { homeRoute, sendNotFound } from './home.ts'
import { metricsRoute } from './metrics.ts'
import type { RequestSpans } from './request-spans.ts'
import { webRoutes } from './web.ts'
import type { WebFiles } from './web-files.ts'

export interface RouteOptions {
  readonly config: Pick<Config, 'metrics'>
  readonly log: Log
  readonly metrics: Metrics
  readonly version: string
  /** Registers the other routes, with their full paths. */
  readonly api?: (app: FastifyInstance) => void | Promise<void>
  /** The built pages, if there are any. */
  readonly web?: WebFiles
  readonly checks: readonly PartCheck[]
  /** For `/health`: what is wrong with the public address, if anything is. */
  readonly baseUrlWarning?: () => string | null
  readonly readBackups?: () => Promise<BackupHealth>
  readonly mayReadMetrics: (req: IncomingMessage) => Promise<boolean>
  readonly spans: RequestSpans | null
}

/** Everything outside `/v2`: errors and unknown addresses are problems as RFC 9457 has them. */
export async function registerRoutes(app: FastifyInstance, options: RouteOptions): Promise<void> {
  const { config, log, metrics, version } = options
  app.setErrorHandler((error, request, reply) => {
    if (describeProblem(error).status >= 500) {
      // Not the query: keys and passwords may stand there.
      const url = request.url.split('?', 1)[0]
      log.error({ err: error, method: request.method, url }, 'request failed')
    }
    return sendProblem(reply, error)
  })
  const web = { version, files: options.web }
  app.setNotFoundHandler((request, reply) => sendNotFound(request, reply, web))
  app.addHook('onRequest', (_request, reply, done) => {
    reply.header('x-content-type-options', 'nosniff')
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    const { method, routeOptions } = request
    const seconds = reply.elapsedTime / 1000
    metrics.observeRequest({
      route: routeOptions.url ?? '{other}',
      method,
      status: reply.statusCode,
      seconds,
    })
    done()
  })
  options.spans?.watch(app)
  homeRoute(app, web)
  webRoutes(app, web)
  healthRoutes(app, options)
  metricsRoute(app, { access: config.metrics, metrics, mayReadMetrics: options.mayReadMetrics })
  await options.api?.(app)
}
