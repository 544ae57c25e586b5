import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import http from 'node:http'
import path from 'node:path'
import { startDaemon, waitUntilReady } from '../test/support/daemon.ts'
import { startDistribution } from '../test/support/distribution.ts'
import { findFreePort } from '../test/support/free-port.ts'
import { adminPassword, type ServerProcess, startProcess } from '../test/support/process.ts'
import { fetchToken, type RegistryClient } from '../test/support/registry-client.ts'
import { needs } from '../test/support/require.ts'
import type { BenchOptions } from './options.ts'

/** A server that is measured. */
export interface Target {
  readonly name: 'entrepot' | 'docker-registry'
  readonly url: string
  readonly pid: number
  /** With a token for these scopes that lasts five minutes, and connections of its own. */
  readonly openClient: (scopes: readonly string[]) => Promise<BenchClient>
}

export interface BenchClient extends RegistryClient, Disposable {}
export interface OpenTarget extends Target, AsyncDisposable {}

/** Both servers, started once for all rows that need no others. */
export interface Targets {
  readonly entrepot: Target
  readonly peer: Target
}

/** The scope of who pulls and pushes. */
export function scopeOf(repository: string): string {
  return `repository:${repository}:pull,push`
}

/** Starts both servers, each with a folder of its own. */
export async function openTargets(options: BenchOptions): Promise<Targets & AsyncDisposable> {
  const peer = await openPeer(options)
  const entrepot = await openEntrepot(options)
  return {
    entrepot,
    peer,
    [Symbol.asyncDispose]: async () => {
      await entrepot[Symbol.asyncDispose]()
      await peer[Symbol.asyncDispose]()
    },
  }
}

/** Starts a server of its own; `fill` gets the file of the new database before that. */
export async function openEntrepot(
  options: BenchOptions,
  fill?: (databaseFile: string) => void,
): Promise<OpenTarget> {
  const data = await openData(options, fill)
  const server = await data.start()
  return {
    ...server,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]()
      await data[Symbol.asyncDispose]()
    },
  }
}

/** A data folder of Entrepot, for a server that is started more than once. */
export interface Data extends AsyncDisposable {
  readonly start: () => Promise<OpenTarget & Pick<ServerProcess, 'readySeconds'>>
}

export async function openData(
  options: BenchOptions,
  fill?: (databaseFile: string) => void,
): Promise<Data> {
  const folder = openFolder(options)
  const dataDir = path.join(folder.path, 'data')
  if (fill !== undefined) {
    // The server makes its tables, its feed and its user.
    await using server = await startProcess({ dataDir })
    await server.stop()
    fill(path.join(dataDir, 'entrepot.db'))
  }
  const { profile } = options
  const nodeOptions = profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profile]
  return {
    start: async () => targetOf(await startProcess({ dataDir, nodeOptions })),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

function targetOf(server: ServerProcess) {
  const { url, pid, readySeconds } = server
  return {
    name: 'entrepot' as const,
    url,
    pid,
    readySeconds,
    openClient: async (scopes: readonly string[]) => ({
      ...newClient(url),
      authorization: await fetchToken(url, { user: 'Admin', password: adminPassword, scopes }),
    }),
    [Symbol.asyncDispose]: async () => {
      // Node writes its profile when it ends by itself.
      await server.stop()
    },
  }
}

/** Starts `docker-registry`; `fill` gets the folder of its repositories before that. */
export async function openPeer(
  options: BenchOptions,
  fill?: (repositoriesFolder: string) => void,
): Promise<OpenTarget> {
  const program = needs({ program: 'docker-registry', package: 'docker-registry' })
  if (program.skip) throw new Error(`The comparison ${program.reason}`)
  const folder = openFolder(options)
  fill?.(path.join(folder.path, 'data/docker/registry/v2/repositories'))
  const server = await startDistribution(program.file, folder.path)
  return {
    name: 'docker-registry',
    url: server.url,
    pid: server.pid,
    openClient: async () => newClient(server.url),
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}

/** Removed at the end, and also when the run is broken off: it may hold many gigabytes. */
function openFolder({ folder }: BenchOptions): AsyncDisposable & { readonly path: string } {
  mkdirSync(folder, { recursive: true })
  const made = mkdtempSync(path.join(folder, 'entrepot-bench-'))
  const removeNow = () => rmSync(made, { recursive: true, force: true })
  process.once('exit', removeNow)
  return {
    path: made,
    [Symbol.asyncDispose]: async () => {
      await rm(made, { recursive: true, force: true })
      process.removeListener('exit', removeNow)
    },
  }
}

function newClient(url: string): BenchClient {
  const agent = new http.Agent({ keepAlive: true, noDelay: true })
  return { url, agent, [Symbol.dispose]: () => agent.destroy() }
}

export interface BareServer extends AsyncDisposable {
  readonly url: string
}

/** A `node:http` server that does nothing but reply with these bytes, as a process of its own. */
export async function openBareServer(options: BenchOptions, body: Buffer): Promise<BareServer> {
  const folder = openFolder(options)
  const port = await findFreePort()
  const daemon = startDaemon({
    program: process.execPath,
    args: [
      ...['--import', import.meta.resolve('tsx')],
      path.join(import.meta.dirname, 'bare-server.ts'),
      ...[`${port}`, body.toString()],
    ],
    logFile: path.join(folder.path, 'log'),
  })
  const url = `http://127.0.0.1:${port}`
  const answers = () =>
    fetch(url)
      .then((reply) => reply.ok)
      .catch(() => false)
  await waitUntilReady(daemon, answers, 20)
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      await daemon[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}
