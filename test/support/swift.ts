import { existsSync } from 'node:fs'
import path from 'node:path'
import { startDaemon, waitUntilReady } from './daemon.ts'
import { findFreePort } from './free-port.ts'
import { needs } from './require.ts'
import { answers, type CloudService } from './rgw.ts'
import { makeTemporaryFolder } from './temporary-folder.ts'

const python = '/usr/bin/python3'

export const swiftKeys = { accessKeyId: 'test:tester', secretAccessKey: 'testing' } as const

/** Why it cannot be started; '' if it can. */
export function findSwift(): string {
  const packages = 'swift-proxy swift-account swift-container swift-object'
  const { reason } = needs({ program: 'swift-proxy-server', package: packages })
  return reason === '' && !existsSync(python) ? 'needs python3: apt-get install python3' : reason
}

/** OpenStack Swift with its S3 layer: a second service that knows nothing of the first. */
export async function startSwift(): Promise<CloudService> {
  const folder = makeTemporaryFolder('swift')
  const port = await findFreePort()
  const logFile = path.join(folder.path, 'log')
  const program = path.resolve('test/support/swift-s3.py')
  const args = [program, folder.path, String(port)]
  const daemon = startDaemon({ program: python, args, logFile })
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
