import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { Config } from '../config.ts'
import { RegistryError } from '../domain/errors.ts'
import type { Log } from '../log.ts'

export interface CertificatePair {
  readonly cert: Buffer
  readonly key: Buffer
}

type TlsFiles = NonNullable<Config['tls']>

/** Reads the pair. Throws REQUEST_INVALID unless both are there and belong together. */
export async function readCertificate({ certFile, keyFile }: TlsFiles): Promise<CertificatePair> {
  const [cert, key] = await Promise.all([readPem(certFile), readPem(keyFile)])
  try {
    createSecureContext({ cert, key })
    return { cert, key }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new RegistryError(
      'REQUEST_INVALID',
      `The certificate ${certFile} and the key ${keyFile} cannot be used: ${reason}.`,
      { cause },
    )
  }
}

async function readPem(file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new RegistryError('REQUEST_INVALID', `The TLS file ${file} cannot be read: ${reason}.`, {
      cause,
    })
  }
}

export interface CertificateWatchOptions {
  readonly files: TlsFiles
  readonly current: CertificatePair
  readonly log: Log
  readonly intervalSeconds: number
  apply(pair: CertificatePair): void
}

/**
 * Applies a new certificate when the files have changed, and at once on SIGHUP. The contents are
 * compared, not times: Kubernetes swaps a link two folders up, and copies may keep old times.
 * A pair that cannot be used changes nothing; it is logged once and tried again when it changes.
 */
export function watchCertificate(options: CertificateWatchOptions): Disposable {
  const { log, intervalSeconds } = options
  let current = options.current
  let lastProblem = ''
  let looking = false
  const look = async () => {
    try {
      const pair = await readCertificate(options.files)
      if (!isSame(pair, current)) {
        options.apply(pair)
        current = pair
        log.info({ certFile: options.files.certFile }, 'certificate replaced')
      }
      lastProblem = ''
    } catch (err) {
      const problem = err instanceof Error ? err.message : String(err)
      if (problem !== lastProblem) log.error({ err }, 'new certificate not usable, old one kept')
      lastProblem = problem
    }
  }
  const lookOnce = () => {
    if (looking) return
    looking = true
    void look().finally(() => {
      looking = false
    })
  }
  const timer = setInterval(lookOnce, intervalSeconds * 1000).unref()
  process.on('SIGHUP', lookOnce)
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer)
      process.off('SIGHUP', lookOnce)
    },
  }
}

function isSame(a: CertificatePair, b: CertificatePair): boolean {
  return a.cert.equals(b.cert) && a.key.equals(b.key)
}
