import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { connect, isIP, type LookupFunction, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import { RegistryError } from '../../domain/errors.ts'
import type { LdapSettings } from './ldap-settings.ts'
import { requestStartTls } from './start-tls.ts'
import type { Steps } from './steps.ts'

export interface SocketRequest {
  readonly settings: LdapSettings
  readonly steps: Steps
  /** Aborted when the directory took too long. */
  readonly deadline: AbortSignal
}

/**
 * A connection to the directory, encrypted as the settings ask. We connect ourselves: the client
 * library would connect anew, without StartTLS, where a connection breaks between two requests.
 * Throws UNAVAILABLE, saying why.
 */
export async function openLdapSocket(request: SocketRequest): Promise<Socket> {
  const { settings, steps, deadline } = request
  const addresses = await steps.run(
    { step: 'resolve', sent: settings.host },
    () => withReason(within(deadline, lookup(settings.host, { all: true })), request),
    (found) => found.map(({ address }) => address).join(', '),
  )
  const plain = await steps.run(
    { step: 'connect', sent: `${settings.host}:${settings.port}` },
    () => withReason(openPlain(request, addresses), request),
    (socket) => `connected to ${socket.remoteAddress}`,
  )
  const stop = () => plain.destroy(new Error('too slow'))
  deadline.addEventListener('abort', stop, { once: true })
  plain.once('close', () => deadline.removeEventListener('abort', stop))
  if (settings.security === 'none') return plain
  try {
    const socket = await secure(request, plain)
    socket.once('close', () => plain.destroy())
    plain.once('close', () => socket.destroy())
    return socket
  } catch (error) {
    plain.destroy()
    throw error
  }
}

async function secure(request: SocketRequest, plain: Socket): Promise<TLSSocket> {
  const { settings, steps } = request
  if (settings.security === 'starttls') {
    await steps.run(
      { step: 'startTls', sent: 'StartTLS' },
      () => withReason(requestStartTls(plain), request),
      () => 'the server agrees',
    )
  }
  return await steps.run(
    { step: 'tls', sent: `a handshake for ${settings.host}` },
    () => withReason(handshake(plain, settings), request),
    (socket) => `${socket.getProtocol()}, ${socket.getCipher().name}`,
  )
}

async function openPlain(
  { settings, deadline }: SocketRequest,
  addresses: readonly { readonly address: string; readonly family: number }[],
): Promise<Socket> {
  const known: LookupFunction = (_host, { all }, callback) => {
    if (all) callback(null, [...addresses])
    else callback(null, addresses[0]?.address ?? '', addresses[0]?.family)
  }
  const socket = connect({ host: settings.host, port: settings.port, lookup: known })
  try {
    await once(socket, 'connect', { signal: deadline })
  } catch (error) {
    socket.destroy()
    throw error
  }
  return ignoreErrors(socket.setNoDelay(true))
}

async function handshake(plain: Socket, settings: LdapSettings): Promise<TLSSocket> {
  const { host, caCertificate, dangerouslySkipCertificateCheck } = settings
  const options: ConnectionOptions = {
    socket: plain,
    host,
    minVersion: 'TLSv1.2',
    rejectUnauthorized: !dangerouslySkipCertificateCheck,
    ...(isIP(host) === 0 && { servername: host }),
    ...(caCertificate !== null && { ca: caCertificate }),
  }
  const socket = ignoreErrors(connectTls(options))
  const closed = once(socket, 'close').then(() => {
    throw new Error('the connection ended')
  })
  await Promise.race([once(socket, 'secureConnect'), closed])
  return socket
}

/** Whoever waits for the socket hears of errors; when nobody does, they must not end the process. */
function ignoreErrors<S extends Socket>(socket: S): S {
  socket.on('error', () => {})
  return socket
}

async function within<T>(deadline: AbortSignal, work: Promise<T>): Promise<T> {
  const late = once(deadline, 'abort').then(() => {
    throw new Error('too slow')
  })
  return await Promise.race([work, late])
}

/** Translates what Node says. */
async function withReason<T>(work: Promise<T>, { settings, deadline }: SocketRequest): Promise<T> {
  try {
    return await work
  } catch (cause) {
    if (deadline.aborted) throw tooSlow(settings)
    if (cause instanceof RegistryError) throw cause
    const { code, message } = cause as NodeJS.ErrnoException
    const why = code === 'ENOTFOUND' ? 'there is no host of this name' : message
    throw new RegistryError(
      'UNAVAILABLE',
      `${settings.host}:${settings.port} cannot be reached: ${why}${code ? ` (${code})` : ''}.`,
      { cause },
    )
  }
}

export function tooSlow({ host, port, timeoutSeconds }: LdapSettings): RegistryError {
  return new RegistryError(
    'UNAVAILABLE',
    `${host}:${port} did not answer within ${timeoutSeconds} seconds.`,
  )
}
