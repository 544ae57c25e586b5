import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { RegistryError } from '../domain/errors.ts'
import { sendProblem } from './api/problem.ts'
import { sendPage, type WebOptions } from './web.ts'

/** `/`: the pages for a browser; to anything else it says in words what runs here. */
export function homeRoute(app: FastifyInstance, { version, files }: WebOptions) {
  const text = `Entrepot ${version}: a private Docker/OCI registry.

  docker login, docker push and docker pull work with this address.
  /v2/             the registry protocol
  /api/openapi.json  the management API
  /health          whether it works
  /metrics         numbers for Prometheus

${files === undefined ? 'The pages are not built: run "npm run build" and start the server again.' : 'A browser gets the pages.'}
The documentation is in the docs folder of the package: start with README.md.
`
  app.get('/', (request, reply) => {
    reply.header('vary', 'accept')
    if (files !== undefined && isBrowser(request)) return sendPage(reply, files, version)
    return reply.type('text/plain; charset=utf-8').header('cache-control', 'no-cache').send(text)
  })
}

/** An address that nothing has: to somebody in a browser the pages say so, with a way on. */
export function sendNotFound(
  request: FastifyRequest,
  reply: FastifyReply,
  { version, files }: WebOptions,
): FastifyReply {
  reply.header('vary', 'accept').code(404)
  const isOfPages = request.method === 'GET' && !/^\/(?:api|assets)\//.test(request.url)
  if (isOfPages && files !== undefined && isBrowser(request)) {
    return sendPage(reply, files, version)
  }
  return sendProblem(reply, new RegistryError('NOT_FOUND'))
}

function isBrowser({ headers }: FastifyRequest): boolean {
  return headers.accept?.includes('text/html') === true
}
