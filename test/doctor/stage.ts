import { mkdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { type DoctorOrder, examineNow } from '../../server/administration/doctor.ts'
import type { Config } from '../../server/config.ts'
import type { CheckName } from '../../server/doctor/doctor.ts'
import type { Finding } from '../../server/doctor/finding.ts'
import { type ProxyOptions, startNginx, type TlsProxy } from '../proxies/proxy.ts'
import { type Certificates, makeCertificates } from '../support/certificates.ts'
import { findFreePort } from '../support/free-port.ts'
import { startServer, type TestServer } from '../support/server.ts'

/** A server on a port that its configuration names, so that a doctor beside it finds it. */
export async function startPatient(config: Partial<Config> = {}): Promise<TestServer> {
  const port = await findFreePort()
  return startServer({ listen: { host: '127.0.0.1', port }, ...config })
}

/** A server behind a proxy that ends TLS, as the documentation has it but for the planted fault. */
export interface Stage extends AsyncDisposable {
  readonly server: TestServer
  readonly proxy: TlsProxy
  readonly ca: string
}

export interface StageOptions {
  /** The proxy's program. */
  readonly program: string
  /** Starts it; nginx unless told otherwise. */
  readonly start?: (options: ProxyOptions) => Promise<TlsProxy>
  readonly folder: string
  readonly certificateDays?: number
  /** Null: none is configured. */
  readonly baseUrl?: string | null
  readonly edit?: (block: string) => string
}

export async function setStage(options: StageOptions): Promise<Stage> {
  const { program, folder, certificateDays = 90, edit, start = startNginx } = options
  await mkdir(folder, { recursive: true })
  const certificates: Certificates = await makeCertificates(folder, certificateDays)
  const port = await findFreePort()
  const own = `https://127.0.0.1:${port}`
  const baseUrl = options.baseUrl === undefined ? own : options.baseUrl
  const server = await startPatient({ baseUrl, trustProxy: ['loopback'] })
  const proxy = await start({
    ...{ program, folder: path.join(folder, 'proxy'), certificates, port },
    backend: new URL(server.url).host,
    ...(edit && { edit }),
  })
  return {
    server,
    proxy,
    ca: await readFile(certificates.caFile, 'utf8'),
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}

/** What the doctor finds, as the command does. */
export async function examine(
  { config }: Pick<TestServer, 'config'>,
  order: Partial<Omit<DoctorOrder, 'only'>> & { readonly only?: readonly CheckName[] } = {},
): Promise<readonly Finding[]> {
  const usual = { url: null, ca: null, bodyBytes: 2 * 1024 * 1024, isDeep: false, bundle: null }
  const quiet = { onBegin: () => {}, onFound: () => {} }
  const { results } = await examineNow(config, { only: null, ...usual, ...quiet, ...order })
  return results.flatMap(({ findings }) => findings)
}

/** Those that are not as they should be, a line each. */
export function faultsOf(findings: readonly Finding[]): string[] {
  return findings
    .filter(({ status }) => status !== 'ok')
    .map(({ status, name, detail, remedy }) => `${status} ${name}: ${detail} → ${remedy}`)
}
