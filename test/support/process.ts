import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { buildServer } from './build.ts'
import { type CommandResult, runCommand } from './command.ts'
import { startDaemon, waitUntilReady } from './daemon.ts'
import { findFreePort } from './free-port.ts'

export interface ProcessOptions {
  readonly dataDir: string
  /** A free one by default. */
  readonly port?: number
  readonly env?: Readonly<Record<string, string>>
  /** Options of Node itself: `--cpu-prof`. */
  readonly nodeOptions?: readonly string[]
  readonly tls?: { readonly certFile: string; readonly keyFile: string; readonly caFile: string }
}

/** The built server as a process of its own, on 127.0.0.1. */
export interface ServerProcess extends AsyncDisposable {
  /** No slash at the end. */
  readonly url: string
  /** `127.0.0.1:port`, as an image name begins with. */
  readonly host: string
  readonly port: number
  readonly pid: number
  readonly dataDir: string
  /** What it printed: beside the data folder, appended to at every start. */
  readonly logFile: string
  /** From the start of the process to the first answer of `/health`. */
  readonly readySeconds: number
  /** Undefined while it runs. */
  readonly exitCode: () => number | NodeJS.Signals | undefined
  readonly kill: (signal: NodeJS.Signals) => Promise<number | NodeJS.Signals>
  /** SIGTERM, and what it ended with. */
  readonly stop: () => Promise<number | NodeJS.Signals>
}

/** What `npm start`, the image and the unit of systemd tell glibc. */
export const mallocSettings = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '131072' } as const
export const adminPassword = 'correct horse battery staple'

/** Starts the built server and waits until it answers. It never outlives the thread that asks. */
export async function startProcess(options: ProcessOptions): Promise<ServerProcess> {
  const main = await buildServer()
  const port = options.port ?? (await findFreePort())
  const url = `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`
  const startedAt = performance.now()
  const daemon = startDaemon({
    program: process.execPath,
    args: [...(options.nodeOptions ?? []), main, 'serve'],
    env: {
      ...withoutOwnSettings(process.env),
      ...mallocSettings,
      ENTREPOT_LISTEN: `127.0.0.1:${port}`,
      ENTREPOT_DATA_DIR: options.dataDir,
      ENTREPOT_ADMIN_PASSWORD: adminPassword,
      ENTREPOT_LOG_LEVEL: 'warn',
      ...(options.tls && {
        ENTREPOT_TLS_CERT: options.tls.certFile,
        ENTREPOT_TLS_KEY: options.tls.keyFile,
      }),
      ...options.env,
    },
    // Nothing of the folder that a test happens to run in (entrepot.yaml) may count.
    cwd: '/',
    logFile: `${options.dataDir}.log`,
  })
  await waitUntilReady(daemon, () => isHealthy(url, options.tls?.caFile), 30)
  return {
    url,
    host: `127.0.0.1:${port}`,
    port,
    pid: daemon.pid,
    dataDir: options.dataDir,
    logFile: daemon.logFile,
    readySeconds: (performance.now() - startedAt) / 1000,
    exitCode: daemon.exitCode,
    kill: daemon.end,
    stop: () => daemon.end('SIGTERM'),
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  }
}

/** Runs a sub-command of the built command line on a data folder: `['feed', 'list']`. */
export async function runEntrepot(
  dataDir: string,
  args: readonly string[],
  input?: string,
): Promise<CommandResult> {
  const main = await buildServer()
  return runCommand(process.execPath, [main, ...args], {
    env: { ...withoutOwnSettings(process.env), ENTREPOT_DATA_DIR: dataDir },
    cwd: '/',
    ...(input !== undefined && { input }),
  })
}

function withoutOwnSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^(?:ENTREPOT|OTEL)_/.test(name)),
  )
}

function isHealthy(url: string, caFile: string | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const ask = caFile === undefined ? http.get : https.get
    const ca = caFile === undefined ? {} : { ca: readFileSync(caFile) }
    const request = ask(`${url}/health`, { agent: false, timeout: 1000, ...ca }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    request.on('timeout', () => request.destroy())
    request.on('error', () => resolve(false))
  })
}
