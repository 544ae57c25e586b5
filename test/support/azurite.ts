import { existsSync } from 'node:fs'
import path from 'node:path'
import { startDaemon, waitUntilReady } from './daemon.ts'
import { findFreePort } from './free-port.ts'
import { answers, type CloudService } from './rgw.ts'
import { makeTemporaryFolder } from './temporary-folder.ts'

const program = path.resolve('node_modules/azurite/dist/src/blob/main.js')
/** Azurite's own, in its documentation. */
const key =
  'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='

/** Why it cannot be started; '' if it can. */
export function findAzurite(): string {
  return existsSync(program) ? '' : 'needs azurite: npm ci'
}

export function azuriteConnection(url: string): string {
  return `DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=${key};BlobEndpoint=${url}/devstoreaccount1;`
}

/** Microsoft's own stand-in for Azure Blob Storage, in memory. */
export async function startAzurite(): Promise<CloudService> {
  const folder = makeTemporaryFolder('azurite')
  const port = await findFreePort()
  const where = ['--blobHost', '127.0.0.1', '--blobPort', String(port)]
  const how = ['--inMemoryPersistence', '--silent', '--disableTelemetry', '--skipApiVersionCheck']
  const logFile = path.join(folder.path, 'log')
  const args = [program, ...where, ...how]
  const daemon = startDaemon({ program: process.execPath, args, logFile, cwd: folder.path })
  const url = `http://127.0.0.1:${port}`
  await waitUntilReady(daemon, () => answers(url), 60)
  return {
    ...{ url, port, logFile },
    async [Symbol.asyncDispose]() {
      await daemon.end('SIGKILL')
      await folder[Symbol.asyncDispose]()
    },
  }
}
