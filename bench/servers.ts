import { mkdtemp, rm } from 'node:fs/promises'
import http from 'node:http'
import path from 'node:path'
import { startDaemon, waitUntilReady } from '../test/support/daemon.ts'
import { startDistribution } from '../test/support/distribution.ts'
import { findFreePort } from '../test/support/free-port.ts'
import { adminPassword, startProcess } from '../test/support/process.ts'
import { fetchToken, type RegistryClient } from '../test/support/registry-client.ts'
import { needs } from '../test/support/require.ts'
import type { BenchOptions } from './options.ts'

/** A server that is measured. */
export interface Target {
  readonly name: 'entrepot' | 'docker-registry'
  readonly url: string
  /** With credentials that last as long as a measurement, and connections of its own. */
  readonly openClient: (repositories: readonly string[]) => Promise<BenchClient>
}

export interface BenchClient extends RegistryClient, Disposable {}

export interface Targets extends AsyncDisposable {
  readonly entrepot: Target
  readonly peer: Target
}

/** Starts both servers with their data in one new folder. */
export async function openTargets({ folder, profile }: BenchOptions): Promise<Targets> {
  const program = needs({ program: 'docker-registry', package: 'docker-registry' })
  if (program.skip) throw new Error(`The comparison ${program.reason}`)
  const root = await mkdtemp(path.join(folder, 'entrepot-bench-'))
  const entrepot = await startProcess({
    dataDir: path.join(root, 'entrepot'),
    nodeOptions: profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profile],
  })
  const peer = await startDistribution(program.file, path.join(root, 'peer'))
  return {
    entrepot: {
      name: 'entrepot',
      url: entrepot.url,
      openClient: async (repositories) => ({
        ...newClient(entrepot.url),
        authorization: await fetchToken(entrepot.url, {
          user: 'Admin',
          password: adminPassword,
          scopes: repositories.map((name) => `repository:${name}:pull,push`),
        }),
      }),
    },
    peer: {
      name: 'docker-registry',
      url: peer.url,
      openClient: async () => newClient(peer.url),
    },
    [Symbol.asyncDispose]: async () => {
      // Node writes its profile when it ends by itself.
      await entrepot.stop()
      await peer[Symbol.asyncDispose]()
      await rm(root, { recursive: true, force: true })
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
export async function openBareServer(folder: string, body: Buffer): Promise<BareServer> {
  const port = await findFreePort()
  const daemon = startDaemon({
    program: process.execPath,
    args: [
      ...['--import', import.meta.resolve('tsx')],
      path.join(import.meta.dirname, 'bare-server.ts'),
      ...[`${port}`, body.toString()],
    ],
    logFile: path.join(folder, `entrepot-bench-bare-${process.pid}.log`),
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
      await rm(daemon.logFile, { force: true })
    },
  }
}
