import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { Config } from '../config.ts'
import { isRefusal, RegistryError } from '../domain/errors.ts'
import type { Metrics } from '../metrics.ts'

export interface MetricsOptions {
  readonly access: Config['metrics']
  readonly metrics: Metrics
  /** Whether the caller is an administrator or a system key. Throws for wrong credentials. */
  mayReadMetrics(req: IncomingMessage): Promise<boolean>
}

/** `/metrics`, for whom the configuration lets read it; it does not exist when it is off. */
export function metricsRoute(
  app: FastifyInstance,
  { access, metrics, mayReadMetrics }: MetricsOptions,
) {
  if (access === 'off') return
  app.get('/metrics', async (request, reply) => {
    if (access === 'admin' && !(await mayReadMetrics(request.raw).catch(refuse))) {
      throw new RegistryError('UNAUTHORIZED', 'Log in as an administrator, or with a system key.', {
        headers: { 'www-authenticate': 'Basic realm="Entrepot", charset="UTF-8"' },
      })
    }
    reply.header('content-type', metrics.contentType).header('cache-control', 'no-store')
    return metrics.text()
  })
}

/** Wrong credentials hear the same challenge as none, whatever they were meant for. */
function refuse(error: unknown): false {
  if (isRefusal(error, 'UNAUTHORIZED')) return false
  throw error
}
