import { mkdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import path from 'node:path'
import type { Certificates } from './certificates.ts'
import { startDaemon, waitUntilReady } from './daemon.ts'
import { findFreePort } from './free-port.ts'

/** Debian's `docker-registry` (Distribution 2.8), files on disk, without authentication. */
export interface Distribution extends AsyncDisposable {
  readonly url: string
  readonly host: string
  readonly pid: number
}

export interface DistributionOptions {
  /** A file as `htpasswd -B` writes it: without it nobody has to log in. */
  readonly htpasswdFile?: string
  readonly certificates?: Certificates
}

/** `program` is the path of `docker-registry`; its data and its log go into `folder`. */
export async function startDistribution(
  program: string,
  folder: string,
  { htpasswdFile, certificates }: DistributionOptions = {},
): Promise<Distribution> {
  const port = await findFreePort()
  const url = `${certificates ? 'https' : 'http'}://127.0.0.1:${port}`
  const config = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: path.join(folder, 'data') },
      delete: { enabled: true },
      maintenance: { uploadpurging: { enabled: false } },
    },
    http: {
      addr: `127.0.0.1:${port}`,
      ...(certificates && {
        tls: { certificate: certificates.certFile, key: certificates.keyFile },
      }),
    },
    ...(htpasswdFile !== undefined && {
      auth: { htpasswd: { realm: 'tests', path: htpasswdFile } },
    }),
  }
  await mkdir(folder, { recursive: true })
  const configFile = path.join(folder, 'config.yml')
  // JSON is YAML.
  await writeFile(configFile, JSON.stringify(config))
  const daemon = startDaemon({
    program,
    args: ['serve', configFile],
    env: { PATH: process.env.PATH, OTEL_TRACES_EXPORTER: 'none' },
    logFile: path.join(folder, 'log'),
  })
  await waitUntilReady(daemon, () => listens(port), 20)
  return {
    url,
    host: `127.0.0.1:${port}`,
    pid: daemon.pid,
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
