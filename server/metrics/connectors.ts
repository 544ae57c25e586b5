import { Counter, Histogram, type Registry } from 'prom-client'

/** What connectors to other registries do. `connector` is a name that an administrator chose. */
export interface ConnectorMetrics {
  observeUpstream(question: {
    readonly connector: string
    readonly operation: string
    readonly outcome: string
    readonly seconds: number
  }): void
  addUpstreamBytes(connector: string, bytes: number): void
  countThrough(connector: string, result: 'hit' | 'miss'): void
}

const answerSeconds = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30]

export function createConnectorMetrics(registry: Registry): ConnectorMetrics {
  const registers = [registry]
  const seconds = new Histogram({
    name: 'entrepot_connector_seconds',
    help: "Time until another registry's answer began, of a blob; until its end, of all else.",
    labelNames: ['connector', 'operation'] as const,
    buckets: answerSeconds,
    registers,
  })
  const requests = new Counter({
    name: 'entrepot_connector_requests_total',
    help: 'Questions to other registries: ok, or how they failed.',
    labelNames: ['connector', 'operation', 'outcome'] as const,
    registers,
  })
  const bytes = new Counter({
    name: 'entrepot_connector_bytes_total',
    help: 'Bytes of manifests and blobs that came from other registries.',
    labelNames: ['connector'] as const,
    registers,
  })
  const through = new Counter({
    name: 'entrepot_connector_lookups_total',
    help: 'Tags served from what is cached (hit), manifests and blobs that were fetched (miss).',
    labelNames: ['connector', 'result'] as const,
    registers,
  })
  return {
    observeUpstream: ({ connector, operation, outcome, seconds: took }) => {
      requests.inc({ connector, operation, outcome })
      seconds.observe({ connector, operation }, took)
    },
    addUpstreamBytes: (connector, count) => bytes.inc({ connector }, count),
    countThrough: (connector, result) => through.inc({ connector, result }),
  }
}
