import { mkdir } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { openBrowsing } from './app/browsing.ts'
import { openChecks } from './app/checks.ts'
import { openConnectors } from './app/connectors.ts'
import { openFiles } from './app/files.ts'
import { openIdentity } from './app/identity.ts'
import { type JobTimes, type OpenJobs, openJobs } from './app/jobs.ts'
import { lockData, openAllStores, openUsedFolders, watchStores } from './app/stores.ts'
import { startSweeping } from './app/sweeping.ts'
import { traceLog, traceStatements } from './app/traced.ts'
import type { Authenticator } from './auth/authenticate.ts'
import { openEncryption } from './auth/encrypted.ts'
import { createFirstAdministrator, type FirstAdministrator } from './auth/first-administrator.ts'
import { openPasswords, type Passwords } from './auth/password.ts'
import { openSecretKey } from './auth/secret-key.ts'
import { createCloud } from './blobs/cloud.ts'
import { trialsOf } from './blobs/trial-store.ts'
import { readVersion } from './config/version.ts'
import type { Config } from './config.ts'
import { type Db, openDatabase } from './db/database.ts'
import { hasUsers } from './db/users.ts'
import { isRefusal } from './domain/errors.ts'
import { may } from './domain/permission.ts'
import type { ApiDeps } from './http/api/deps.ts'
import { managementApi } from './http/api/management.ts'
import { authRoutes } from './http/auth-routes.ts'
import { createReadCaller, type ReadCaller } from './http/base-url.ts'
import { watchBaseUrl } from './http/base-url-watch.ts'
import { openHttpServer } from './http/server.ts'
import type { Patience } from './http/v2/exchange.ts'
import { createV2Handler, type V2Deps } from './http/v2/handler.ts'
import { createTokenEndpoint } from './http/v2/token.ts'
import { builtWebFolder, readWebFiles } from './http/web-files.ts'
import { type Log, openLog } from './log.ts'
import { measureDb } from './measured.ts'
import { type Metrics, openMetrics } from './metrics.ts'
import { findLastSuccess } from './registry/backup/backup-health.ts'
import { refuseHalfRestored } from './registry/backup/restoring.ts'
import { createFeed, type Feeds, listFeeds, openFeeds } from './registry/feeds.ts'
import type { FileLimits } from './registry/files/file-limits.ts'
import { ManifestContents } from './registry/manifest-contents.ts'
import { openSettings, type Settings } from './registry/settings.ts'
import type { Secrets, Stores } from './registry/stores.ts'
import { Uploads } from './registry/uploads.ts'
import { openTraces, type Traces } from './traces.ts'
import type { Resolve } from './upstream/address-guard.ts'

/** The server, running. Disposing stops it at once; `drain` first lets requests end. */
export interface App extends AsyncDisposable {
  /** Where it really listens: `http://127.0.0.1:8624`. */
  readonly url: string
  /** At the very first start, who may log in. */
  readonly firstAdministrator: FirstAdministrator | null
  /** Stops accepting and waits for what runs, 30 seconds at most. */
  drain(): Promise<void>
}

/** What tests put in place of the real thing. */
export interface AppOverrides {
  readonly log?: Log
  /** Open already; it stays open. */
  readonly db?: Db
  /** How often bytes that arrive are vouched for within one request. */
  readonly checkpointMs?: number
  /** How long clients may do nothing. */
  readonly patience?: Partial<Patience>
  /** Where the built pages are; null: served without. */
  readonly webFolder?: string | null
  /** How much is done for those who look into images. */
  readonly files?: Partial<FileLimits>
  /** How passwords are hashed. */
  readonly passwords?: Passwords
  /** False: nobody has to wait after failed logins. */
  readonly slowsDown?: boolean
  /** Where the names of other registries lead. */
  readonly resolve?: Resolve
  /** How often jobs are looked at. */
  readonly jobTimes?: Partial<JobTimes>
}

/** What the parts are made from; closed in the opposite order of opening. */
interface Foundation {
  readonly log: Log
  readonly metrics: Metrics
  readonly traces: Traces | null
  readonly db: Db
  readonly stores: Stores
  readonly secrets: Secrets
  readonly passwords: Passwords
  readonly settings: Settings
  readonly feeds: Feeds
  readonly uploads: Uploads
  readonly jobs: OpenJobs
}

type Closers = (() => PromiseLike<void> | void)[]

/**
 * Opens everything and serves. Throws UNAVAILABLE, saying why, when the data folder is in use by
 * another process, or database or store cannot be opened; nothing is left open then.
 */
export async function openApp(config: Config, overrides: AppOverrides = {}): Promise<App> {
  const closers: Closers = []
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer()
  }
  try {
    const foundation = await openFoundation(config, overrides, closers)
    const firstAdministrator = await firstStart(config, foundation)
    await openUsedFolders(foundation)
    const server = await openServer(config, foundation, { ...overrides, closers })
    closers.push(() => server[Symbol.asyncDispose]())
    closers.push(startSweeping(foundation))
    foundation.jobs.start()
    foundation.log.info(
      { url: server.url, dataDir: config.dataDir, version: readVersion() },
      'Entrepot serves',
    )
    return {
      url: server.url,
      firstAdministrator,
      drain: () => server.drain(),
      [Symbol.asyncDispose]: close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function openFoundation(
  config: Config,
  overrides: AppOverrides,
  closers: Closers,
): Promise<Foundation> {
  const keep = <T extends AsyncDisposable>(opened: T): T => {
    closers.push(() => opened[Symbol.asyncDispose]())
    return opened
  }
  const version = readVersion()
  const plainLog = overrides.log ?? openLog(config)
  const traces = await openTraces({ traces: config.traces, log: plainLog, version })
  if (traces !== null) keep(traces)
  const log = traces === null ? plainLog : traceLog(plainLog, traces)
  const metrics = openMetrics()
  closers.push(() => metrics[Symbol.dispose]())
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 })
  await refuseHalfRestored(config.dataDir)
  if (config.databaseUrl.startsWith('sqlite:')) keep(await lockData(config.dataDir))
  const { databaseUrl: url } = config
  const telling = traces === null ? {} : { onStatement: traceStatements(traces) }
  const opened = overrides.db ?? keep(await openDatabase({ url, log, version, ...telling }))
  const db = measureDb(opened, { metrics, traces })
  metrics.watchBackups(() => findLastSuccess(db))
  metrics.watchDisk(config.dataDir)
  const secretKey = await openSecretKey({ dataDir: config.dataDir, configured: config.secretKey })
  const secrets = openEncryption(secretKey.deriveKey('stored-credentials'))
  const stores = keep(await openAllStores({ config, db, metrics, traces, secrets }))
  closers.push(watchStores(stores, log))
  const settings = await openSettings(db)
  const { checkpointMs, passwords = openPasswords() } = overrides
  const uploads = keep(
    new Uploads({ db, stores, settings, ...(checkpointMs !== undefined && { checkpointMs }) }),
  )
  const working = { config, db, log, settings, stores, uploads, traces }
  const jobs = keep(openJobs(working, overrides.jobTimes))
  const feeds = openFeeds(db)
  return { log, metrics, traces, db, stores, secrets, passwords, settings, uploads, jobs, feeds }
}

/** On a new database: the registry `main` and the user `Admin`. */
async function firstStart(
  config: Config,
  { db, stores, passwords }: Foundation,
): Promise<FirstAdministrator | null> {
  const isNew = !(await hasUsers(db.read)) && (await listFeeds(db)).length === 0
  if (isNew) {
    const making = { db, storeId: stores.defaultStoreId, by: 'Entrepot' }
    await createFeed(making, { name: 'main' }).catch((error: unknown) => {
      // Another process started with us, and was faster.
      if (!isRefusal(error, 'CONFLICT')) throw error
    })
  }
  const { dataDir, adminPassword } = config
  return createFirstAdministrator({ db, passwords, dataDir, configured: adminPassword })
}

async function openServer(
  config: Config,
  foundation: Foundation,
  overrides: AppOverrides & { readonly closers: Closers },
) {
  const { db, feeds, log, metrics, passwords, settings, stores, traces, uploads } = foundation
  const now = Date.now
  const { patience, closers, slowsDown = true } = overrides
  const web = await readPages(overrides, log)
  const identity = await openIdentity({ config, closers, slowsDown, ...foundation })
  const { authenticator, directories, principals, records, sessions, tokens } = identity
  const onAnswered = identity.keyUsage.answered
  const browsing = openBrowsing({ db, log, metrics, stores, now, closers })
  const { pulls, registryCounting, sizeFolding, quotas, quotaUses } = browsing
  const watch = watchBaseUrl(log)
  const baseUrlWarning = () => watch.warning()
  const checking = openChecks({ ...foundation, config, baseUrlWarning, quotaUses, now })
  const way = wayOf(config, settings)
  const readCaller = createReadCaller({ ...way, watch })
  const serveToken = createTokenEndpoint({ db, authenticator, tokens, feeds, onAnswered })
  const manifestContents = new ManifestContents()
  const through = openConnectors({
    ...foundation,
    ...overrides,
    now,
    dataDir: config.dataDir,
  })
  const v2 = createV2Handler({
    ...{ authenticator, db, feeds, log, manifestContents, metrics, onAnswered, pulls, quotas },
    ...{ readCaller, serveToken, settings, stores, through, traces, uploads },
    ...(patience && { patience }),
  })
  const mayReadMetrics = readsMetrics({ authenticator, readCaller, onAnswered })
  const login = { principals, sessions, settings, readCaller, log, now }
  const version = readVersion()
  const files = openFiles({ db, stores, log, manifestContents }, overrides)
  const apiDeps: ApiDeps = {
    ...files,
    ...{ ...login, authenticator, db, directories, onAnswered, passwords, version },
    ...{ stores, registryCounting, sizeFolding, ...checking.api, through },
    configuredBaseUrl: config.baseUrl,
    dataDir: config.dataDir,
    secrets: foundation.secrets,
    storageRoots: config.storageRoots,
    createCloud,
    openTrial: trialsOf(config.diskReserveBytes),
    defaultStoreId: stores.defaultStoreId,
    wakeJobs: () => foundation.jobs.wake(),
  }
  const server = await openHttpServer({
    config,
    log,
    metrics,
    version,
    api(app) {
      managementApi(app, apiDeps)
      authRoutes(app, { ...login, logins: directories.oidc, records })
    },
    ...(web && { web }),
    v2,
    mayReadMetrics,
    baseUrlWarning,
    checks: checking.checks,
    tracing: traces && { traces, readCaller: createReadCaller(way) },
    readBackups: checking.readBackups,
  })
  checking.own.url = server.url
  return server
}

/** How a request tells where it comes from. */
function wayOf({ baseUrl, trustProxy, tls }: Config, settings: Settings) {
  return { baseUrl: () => baseUrl ?? settings.baseUrl(), trustProxy, tls: tls !== null }
}

async function readPages({ webFolder = builtWebFolder }: AppOverrides, log: Log) {
  if (webFolder === null) return undefined
  const web = await readWebFiles(webFolder)
  if (web === undefined) log.warn({ webFolder }, 'The pages are not built')
  return web
}

function readsMetrics(deps: {
  readonly authenticator: Authenticator
  readonly readCaller: ReadCaller
  readonly onAnswered: V2Deps['onAnswered']
}) {
  const { authenticator, readCaller, onAnswered } = deps
  return async (req: IncomingMessage) => {
    const { address } = readCaller(req)
    const { authorization } = req.headers
    const { principal } = await authenticator.authenticate(authorization, undefined, { address })
    const allowed = may(principal, 'Admin_ConfigureProGet', null)
    const request = { address, method: req.method ?? '', path: '/metrics' }
    onAnswered?.(principal, { ...request, status: allowed ? 200 : 401 })
    return allowed
  }
}
