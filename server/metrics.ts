import { readdirSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { type ConnectorMetrics, createConnectorMetrics } from './metrics/connectors.ts'
import { addQuotas, type MeasuredQuota } from './metrics/quotas.ts'

/** What one request was: `route` is a pattern of ours, never a path that a client chose. */
export interface RequestObservation {
  readonly route: string
  readonly method: string
  readonly status: number
  readonly seconds: number
}

/** The numbers of one process, in Prometheus' text format. */
export interface Metrics extends Disposable, ConnectorMetrics {
  observeRequest(request: RequestObservation): void
  /** Bytes that came in from clients or went out to them. */
  addBytes(direction: 'in' | 'out', bytes: number): void
  /** One query or write, by the name of its function. */
  observeDatabase(kind: 'read' | 'write', name: string, seconds: number): void
  observeStore(operation: string, seconds: number): void
  /** Counts an upload as receiving bytes until it is disposed of: `using _ = metrics.beginUpload()`. */
  beginUpload(): Disposable
  /** Asks, whenever somebody looks, when a backup last ended well; null: never. */
  watchBackups(lastSuccessAt: () => Promise<number | null>): void
  /** Asks, whenever somebody looks, for the registries that have a quota. */
  watchQuotas(list: () => Promise<readonly MeasuredQuota[]>): void
  /** Says, whenever somebody looks, how much room the disk of this folder has. */
  watchDisk(folder: string): void
  readonly contentType: string
  text(): Promise<string>
}

const requestSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1, 2.5, 10, 60, 600, 3600]
const operationSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1, 5, 30]
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

export function openMetrics(): Metrics {
  const registry = new Registry()
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  addProcess(registry)
  addEventLoop(registry, delay)
  return {
    ...createTraffic(registry),
    ...createOperations(registry),
    ...createConnectorMetrics(registry),
    watchBackups: (lastSuccessAt) => addBackups(registry, lastSuccessAt),
    watchQuotas: (list) => addQuotas(registry, list),
    watchDisk: (folder) => addDisk(registry, folder),
    contentType: registry.contentType,
    text: () => registry.metrics(),
    [Symbol.dispose]: () => {
      delay.disable()
      registry.clear()
    },
  }
}

function createTraffic(
  registry: Registry,
): Pick<Metrics, 'observeRequest' | 'addBytes' | 'beginUpload'> {
  const registers = [registry]
  const requests = new Counter({
    name: 'entrepot_http_requests_total',
    help: 'Requests answered.',
    labelNames: ['route', 'method', 'status'] as const,
    registers,
  })
  const durations = new Histogram({
    name: 'entrepot_http_request_seconds',
    help: 'Time from the request to the end of its reply.',
    labelNames: ['route', 'method'] as const,
    buckets: requestSeconds,
    registers,
  })
  const newBytes = { in: 0, out: 0 }
  const bytes = new Counter({
    name: 'entrepot_http_bytes_total',
    help: 'Bytes received from clients (in) and sent to them (out).',
    labelNames: ['direction'] as const,
    registers,
    collect: () => {
      for (const direction of ['in', 'out'] as const) {
        if (newBytes[direction] > 0) bytes.inc({ direction }, newBytes[direction])
        newBytes[direction] = 0
      }
    },
  })
  const uploads = new Gauge({
    name: 'entrepot_uploads_receiving',
    help: 'Uploads whose bytes are being received now.',
    registers,
  })
  return {
    observeRequest: ({ route, method, status, seconds }) => {
      const known = methods.has(method) ? method : 'other'
      requests.inc({ route, method: known, status })
      durations.observe({ route, method: known }, seconds)
    },
    // At every request: the counter hears of it when somebody looks.
    addBytes: (direction, count) => {
      newBytes[direction] += count
    },
    beginUpload: () => {
      uploads.inc()
      let open = true
      return {
        [Symbol.dispose]: () => {
          if (open) uploads.dec()
          open = false
        },
      }
    },
  }
}

function createOperations(registry: Registry): Pick<Metrics, 'observeDatabase' | 'observeStore'> {
  const database = new Histogram({
    name: 'entrepot_database_seconds',
    help: 'Time of a database operation, its wait for a turn included.',
    labelNames: ['kind', 'name'] as const,
    buckets: operationSeconds,
    registers: [registry],
  })
  const store = new Histogram({
    name: 'entrepot_store_seconds',
    help: 'Time of an operation of a blob store.',
    labelNames: ['operation'] as const,
    buckets: operationSeconds,
    registers: [registry],
  })
  return {
    observeDatabase: (kind, name, seconds) => database.observe({ kind, name }, seconds),
    observeStore: (operation, seconds) => store.observe({ operation }, seconds),
  }
}

/** The usual names, so that ready-made dashboards find them. */
function addProcess(registry: Registry) {
  addGauge(registry, 'process_resident_memory_bytes', 'Resident memory.', () =>
    process.memoryUsage.rss(),
  )
  addGauge(
    registry,
    'nodejs_heap_size_used_bytes',
    'JavaScript heap in use.',
    () => process.memoryUsage().heapUsed,
  )
  addGauge(
    registry,
    'nodejs_external_memory_bytes',
    'Memory of buffers.',
    () => process.memoryUsage().external,
  )
  const startSeconds = Math.round(Date.now() / 1000 - process.uptime())
  addGauge(registry, 'process_start_time_seconds', 'Start time (Unix).', () => startSeconds)
  addGauge(registry, 'process_open_fds', 'Open file descriptors.', countOpenFiles)
  const cpu = new Counter({
    name: 'process_cpu_seconds_total',
    help: 'CPU time spent, user and system.',
    registers: [registry],
    collect: () => {
      const { user, system } = process.cpuUsage()
      cpu.reset()
      cpu.inc((user + system) / 1e6)
    },
  })
}

/** Of the time since the last reading. */
function addEventLoop(registry: Registry, delay: IntervalHistogram) {
  addGauge(registry, 'nodejs_eventloop_lag_p50_seconds', 'Median delay of the event loop.', () =>
    secondsOf(delay.percentile(50)),
  )
  addGauge(registry, 'nodejs_eventloop_lag_p99_seconds', '99th percentile of the delay.', () =>
    secondsOf(delay.percentile(99)),
  )
  // Registered last, and so read last: it starts the next period.
  addGauge(registry, 'nodejs_eventloop_lag_max_seconds', 'Longest delay.', () => {
    const longest = delay.max
    delay.reset()
    return secondsOf(longest)
  })
}

/** An empty histogram tells 0 as its percentiles and 2^63 or so as its extremes. */
function secondsOf(nanoseconds: number): number {
  const seconds = nanoseconds / 1e9
  return Number.isFinite(seconds) && seconds < 1e6 ? seconds : 0
}

function addGauge(registry: Registry, name: string, help: string, read: () => number | undefined) {
  const gauge = new Gauge({
    name,
    help,
    registers: [registry],
    collect: () => {
      const value = read()
      if (value !== undefined) gauge.set(value)
    },
  })
}

function countOpenFiles(): number | undefined {
  try {
    // Reading the folder opens one more.
    return readdirSync('/proc/self/fd').length - 1
  } catch {
    return undefined
  }
}

/** Absent where the file system does not say. */
function addDisk(registry: Registry, folder: string) {
  const gauge: Gauge = new Gauge({
    name: 'entrepot_data_free_bytes',
    help: 'Room on the disk of the data folder.',
    registers: [registry],
    collect: async () => {
      const found = await statfs(folder).catch(() => undefined)
      if (found === undefined || found.blocks === 0) gauge.reset()
      else gauge.set(found.bavail * found.bsize)
    },
  })
}

/** Absent while the database cannot be asked: an alert on absence tells. */
function addBackups(registry: Registry, lastSuccessAt: () => Promise<number | null>) {
  const gauge: Gauge = new Gauge({
    name: 'entrepot_backup_last_success_timestamp_seconds',
    help: 'When a backup last ended that lacks nothing (Unix); 0: never.',
    registers: [registry],
    collect: async () => {
      const milliseconds = await lastSuccessAt().catch(() => undefined)
      if (milliseconds === undefined) gauge.reset()
      else gauge.set((milliseconds ?? 0) / 1000)
    },
  })
}
