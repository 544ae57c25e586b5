import type { Socket } from 'node:net'
import { RegistryError } from '../../domain/errors.ts'

/** RFC 4511, 4.14: message 1, an ExtendedRequest with the name of StartTLS, 1.3.6.1.4.1.1466.20037. */
const request = Buffer.concat([
  Buffer.from([0x30, 0x1d, 0x02, 0x01, 0x01, 0x77, 0x18, 0x80, 0x16]),
  Buffer.from('1.3.6.1.4.1.1466.20037', 'ascii'),
])
const maxResponseBytes = 4096

/**
 * Asks the server to begin TLS on a new connection, and returns when it agreed. Nothing that comes
 * in plain text behind the answer may be read later as if TLS had protected it: more than the one
 * answer is refused (the fault of many clients, "STARTTLS response injection").
 */
export async function requestStartTls(socket: Socket): Promise<void> {
  const received = await exchange(socket)
  const content = elementAt(received, 0, 0x30)
  if (content.end !== received.byteLength) throw refused('more than one answer came')
  const id = elementAt(received, content.start, 0x02)
  const response = elementAt(received, id.end, 0x78)
  const result = elementAt(received, response.start, 0x0a)
  const code = received.subarray(result.start, result.end).toString('hex')
  if (received.subarray(id.start, id.end).toString('hex') !== '01') throw refused('no answer to it')
  if (code !== '00') throw refused(`result code ${Number.parseInt(code, 16)}`)
}

/** What came until a whole element was there; the socket is paused then, so that nothing is lost. */
function exchange(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0)
    const end = (settle: () => void) => {
      socket.off('data', onData).off('error', onError).off('close', onClose).pause()
      settle()
    }
    const onError = (error: Error) => end(() => reject(error))
    const onClose = () => end(() => reject(new Error('the connection ended')))
    const onData = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      try {
        if (isWhole(received)) end(() => resolve(received))
        else if (received.byteLength > maxResponseBytes) throw refused('its answer is too long')
      } catch (error) {
        end(() => reject(error))
      }
    }
    socket.on('data', onData).on('error', onError).on('close', onClose)
    socket.write(request)
  })
}

interface Element {
  readonly start: number
  readonly end: number
}

function isWhole(bytes: Buffer): boolean {
  const head = headAt(bytes, 0)
  return head !== undefined && bytes.byteLength >= head.end
}

/** The content of the BER element that begins here. */
function elementAt(bytes: Buffer, offset: number, tag: number): Element {
  const head = headAt(bytes, offset)
  if (head === undefined || bytes[offset] !== tag || head.end > bytes.byteLength) {
    throw refused('its answer is no LDAP')
  }
  return head
}

/** Undefined while its length is not there. Lengths in short form, or long form of up to 4 bytes. */
function headAt(bytes: Buffer, offset: number): Element | undefined {
  const first = bytes[offset + 1]
  if (first === undefined) return undefined
  if (first < 0x80) return { start: offset + 2, end: offset + 2 + first }
  const count = first & 0x7f
  const start = offset + 2 + count
  if (count < 1 || count > 4) throw refused('its answer is no LDAP')
  if (bytes.byteLength < start) return undefined
  return { start, end: start + bytes.readUIntBE(offset + 2, count) }
}

function refused(why: string): RegistryError {
  return new RegistryError('UNAVAILABLE', `The server does not begin TLS (StartTLS): ${why}.`)
}
