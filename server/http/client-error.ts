import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { RegistryError } from '../domain/errors.ts'

const refusals: Readonly<Record<string, readonly [status: number, message: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'The request headers are too large.'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'The chunk extensions are too large.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request headers did not arrive in time.'],
}

/**
 * Answers what Node's parser refused, and closes the connection. `replyStarted` tells that a reply
 * is already under way: then nothing may be put into the middle of it.
 */
export function answerClientError(error: Error, socket: Socket, replyStarted: boolean) {
  const code = 'code' in error ? String(error.code) : ''
  if (
    !socket.writable ||
    replyStarted ||
    (!code.startsWith('HPE_') && code !== 'ERR_HTTP_REQUEST_TIMEOUT')
  ) {
    socket.destroy()
    return
  }
  const [status, message] = refusals[code] ?? [400, 'The request is not valid HTTP.']
  sendRaw(socket, status, message)
}

/** Tells a client that speaks plain HTTP to the TLS port. `socket` is the one below TLS. */
export function answerPlainHttp(socket: Socket) {
  sendRaw(socket, 400, 'This port speaks HTTPS: use https:// in the address.')
}

function sendRaw(socket: Socket, status: number, message: string) {
  const { wireCode } = new RegistryError('REQUEST_INVALID')
  const body = JSON.stringify({ errors: [{ code: wireCode, message }] })
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
  // A client that does not close its side must not keep the connection.
  socket.setTimeout(1000, () => socket.destroy())
}
