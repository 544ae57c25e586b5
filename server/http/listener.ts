import http, { type Server } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Config } from '../config.ts'
import { formatOwnUrl } from '../domain/base-url.ts'
import { RegistryError } from '../domain/errors.ts'
import type { CertificatePair } from './certificate.ts'

export interface Timeouts {
  /** How long an idle connection is kept: longer than load balancers keep theirs (60 s). */
  readonly keepAliveSeconds: number
  /** How long the headers of a request may take; above `keepAliveSeconds`, or they would race. */
  readonly headersSeconds: number
  /** How often connections are looked at for that. */
  readonly checkSeconds: number
}

export const defaultTimeouts: Timeouts = {
  keepAliveSeconds: 75,
  headersSeconds: 80,
  checkSeconds: 5,
}

/** Creates the server of the one port. With a certificate it speaks TLS 1.2 and later. */
export function createListener(certificate: CertificatePair | null, timeouts: Timeouts): Server {
  const options = {
    keepAliveTimeout: timeouts.keepAliveSeconds * 1000,
    headersTimeout: timeouts.headersSeconds * 1000,
    connectionsCheckingInterval: timeouts.checkSeconds * 1000,
    // A layer may take hours; a push that stalls is noticed where its body is read.
    requestTimeout: 0,
    // Tokens and long lists of scopes travel in headers and addresses.
    maxHeaderSize: 32 * 1024,
    noDelay: true,
    // Node would answer without a body; the dispatch does it.
    requireHostHeader: false,
  }
  if (certificate === null) return http.createServer(options)
  return https.createServer({ ...options, ...certificate, minVersion: 'TLSv1.2' })
}

/** Starts listening. Throws UNAVAILABLE, saying why, when the address cannot be had. */
export async function listen(server: Server, { host, port }: Config['listen']): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new RegistryError('UNAVAILABLE', `Cannot listen on ${host}:${port}: ${reasonOf(cause)}.`, {
          cause,
        }),
      )
    })
    server.listen({ host, port }, resolve)
  })
  server.removeAllListeners('error')
}

function reasonOf(cause: Error): string {
  const code = 'code' in cause ? cause.code : undefined
  if (code === 'EADDRINUSE') return 'another process uses the address'
  if (code === 'EACCES') return 'the operating system does not allow it'
  return cause.message
}

/** Where a client on this machine finds the server, with the port that it really has. */
export function urlOf(
  server: Server,
  scheme: 'http' | 'https',
  listening: Config['listen'],
): string {
  const { port } = server.address() as AddressInfo
  return formatOwnUrl(scheme, { host: listening.host, port })
}
