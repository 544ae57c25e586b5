import type { FastifyInstance } from 'fastify'
import type { ServerHealth } from '../../contract/health.ts'
import { findFailure, type PartCheck, type PartFailure } from '../doctor/part-check.ts'
import { isRefusal } from '../domain/errors.ts'
import type { Log } from '../log.ts'

/** What `/health` says of backups; a warning takes no server out of service. */
export interface BackupHealth {
  /** When one last ended that lacks nothing; ISO 8601. */
  readonly lastBackup: string | null
  readonly backupWarning: string | null
}

export interface HealthOptions {
  readonly checks: readonly PartCheck[]
  readonly version: string
  readonly log: Log
  /** What is wrong with the public address; the server works, but clients may not get to it. */
  readonly baseUrlWarning?: () => string | null
  /** How the last backups went. */
  readonly readBackups?: () => Promise<BackupHealth>
  /** A check that takes longer has failed. Default 5. */
  readonly timeoutSeconds?: number
}

/** Names of failed checks with one plain reason each. */
type Failures = ReadonlyMap<string, string>

interface Examination {
  readonly failures: Failures
  /** A disk without room for pushes: pulls work, so nobody shall take the server out of service. */
  readonly storageWarning: string | null
  readonly backups: BackupHealth
}

/** How long an answer holds: probes come often, from anybody, and a check costs the disk a write. */
const holdsMs = 1000

/** `/health` and `/health/json`, for anybody. 200, or 500 with the reason. */
export function healthRoutes(app: FastifyInstance, options: HealthOptions) {
  const examine = rememberShortly(createExamination(options))
  app.get('/health', async (request, reply) => {
    const examination = await examine()
    const { failures } = examination
    const { format } = request.query as Readonly<Record<string, unknown>>
    reply.code(failures.size === 0 ? 200 : 500).header('cache-control', 'no-store')
    if (format === 'json') return describeHealth(examination, options)
    reply.type('text/plain; charset=utf-8')
    return failures.size === 0 ? 'OK' : formatFailures(failures)
  })
  app.get('/health/json', async (_request, reply) => {
    const examination = await examine()
    const { failures } = examination
    reply.code(failures.size === 0 ? 200 : 500).header('cache-control', 'no-store')
    return describeHealth(examination, options)
  })
}

function describeHealth(
  { failures, storageWarning, backups }: Examination,
  { version, baseUrlWarning }: HealthOptions,
): ServerHealth {
  const statusOf = (name: PartCheck['name']) => (failures.has(name) ? 'Error' : 'OK')
  return {
    applicationName: 'Entrepot',
    databaseStatus: statusOf('database'),
    databaseStatusDetails: failures.get('database') ?? null,
    storageStatus: statusOf('storage'),
    storageStatusDetail: failures.get('storage') ?? storageWarning,
    versionNumber: version,
    releaseNumber: version,
    serviceStatus: failures.size === 0 ? 'OK' : 'Error',
    serviceStatusDetail: failures.size === 0 ? null : formatFailures(failures),
    baseUrlWarning: baseUrlWarning?.() ?? null,
    ...backups,
  }
}

function formatFailures(failures: Failures): string {
  return [...failures].map(([name, reason]) => `${name}: ${reason}`).join('; ')
}

const noBackups: BackupHealth = { lastBackup: null, backupWarning: null }

function createExamination(options: HealthOptions) {
  const { checks, log, readBackups = async () => noBackups, timeoutSeconds = 5 } = options
  const runs = checks.map(({ name, check }) => ({ name, run: joinRunning(check) }))
  let before = ''
  return async (): Promise<Examination> => {
    const results = await Promise.all(
      runs.map(async ({ name, run }) => [name, await findFailure(run, timeoutSeconds)] as const),
    )
    const { failures, storageWarning } = sortOut(results)
    // Of a database that cannot be asked its own check tells.
    const backups = failures.has('database') ? noBackups : await readBackups()
    const now = formatFailures(failures)
    if (now !== before && now !== '') log.error({ failures: results }, 'unhealthy')
    if (now !== before && now === '') log.info({}, 'healthy again')
    before = now
    return { failures, storageWarning, backups }
  }
}

function sortOut(
  results: readonly (readonly [name: string, failure: PartFailure | undefined])[],
): Pick<Examination, 'failures' | 'storageWarning'> {
  const failures = new Map<string, string>()
  let storageWarning: string | null = null
  for (const [name, failure] of results) {
    if (failure === undefined) continue
    if (name === 'storage' && isRefusal(failure.cause, 'STORAGE_FULL')) {
      storageWarning = failure.reason
    } else {
      failures.set(name, failure.reason)
    }
  }
  return { failures, storageWarning }
}

/** A check that hangs is waited for again, not started again. */
function joinRunning(check: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  return () => {
    running ??= check().finally(() => {
      running = undefined
    })
    return running
  }
}

function rememberShortly(examine: () => Promise<Examination>): () => Promise<Examination> {
  let last: { readonly atMs: number; readonly result: Promise<Examination> } | undefined
  return () => {
    const nowMs = performance.now()
    if (last === undefined || nowMs - last.atMs > holdsMs) last = { atMs: nowMs, result: examine() }
    return last.result
  }
}
