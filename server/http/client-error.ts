import { type ServerResponse, STATUS_CODES } from 'node:http'
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

/** RFC 9110, 10.1.1: an `Expect` that is not `100-continue`. */
export function answerExpectation(res: ServerResponse) {
  closeWith(res, 417, 'The only expectation that is met is 100-continue.')
}

/** RFC 9112, 3.2: a request of HTTP/1.1 has to name the host. */
export function answerMissingHost(res: ServerResponse) {
  closeWith(res, 400, 'The Host header is missing.')
}

/** What comes after a request that is refused as it stands is not to be trusted either. */
function closeWith(res: ServerResponse, status: number, message: string) {
  const body = errorBody(message)
  res.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  })
  res.end(body)
}

function sendRaw(socket: Socket, status: number, message: string) {
  const body = errorBody(message)
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
  // A client that does not close its side must not keep the connection.
  socket.setTimeout(1000, () => socket.destroy())
}

function errorBody(message: string): string {
  const { wireCode } = new RegistryError('REQUEST_INVALID')
  return JSON.stringify({ errors: [{ code: wireCode, message }] })
}
