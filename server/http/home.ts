import type { FastifyInstance } from 'fastify'

/** `/`: says what runs here, to somebody who opened the address in a browser. */
export function homeRoute(app: FastifyInstance, version: string) {
  const text = `Entrepot ${version}: a private Docker/OCI registry.

  docker login, docker push and docker pull work with this address.
  /v2/             the registry protocol
  /health          whether it works
  /metrics         numbers for Prometheus

The documentation is in the docs folder of the package: start with README.md.
`
  app.get('/', (_request, reply) => {
    reply.type('text/plain; charset=utf-8').header('cache-control', 'no-cache').send(text)
  })
}
