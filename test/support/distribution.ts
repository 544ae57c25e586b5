import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { startDaemon, waitUntilReady } from './daemon.ts'
import { findFreePort } from './free-port.ts'

/** Debian's `docker-registry` (Distribution 2.8), files on disk, without authentication. */
export interface Distribution extends AsyncDisposable {
  readonly url: string
  readonly host: string
  readonly pid: number
}

/** `program` is the path of `docker-registry`; its data and its log go into `folder`. */
export async function startDistribution(program: string, folder: string): Promise<Distribution> {
  const port = await findFreePort()
  const url = `http://127.0.0.1:${port}`
  const config = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: path.join(folder, 'data') },
      delete: { enabled: true },
      maintenance: { uploadpurging: { enabled: false } },
    },
    http: { addr: `127.0.0.1:${port}` },
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
  await waitUntilReady(daemon, () => answers(`${url}/v2/`), 20)
  return {
    url,
    host: `127.0.0.1:${port}`,
    pid: daemon.pid,
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok
  } catch {
    return false
  }
}
