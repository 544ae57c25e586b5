import type { IncomingMessage } from 'node:http'
import { asUpstreamError } from './connections.ts'
import { UpstreamError } from './upstream-error.ts'

export interface Bound {
  /** Who answers, for what goes wrong. */
  readonly host: string
  readonly maxBytes: number
  /** Of the connector: what is read whole takes at most ten times as long. */
  readonly timeoutMs: number
}

/** A manifest that comes letter by letter would hold up everybody who waits for it. */
const patience = 10

/** Reads an answer of at most `maxBytes` whole. Throws UpstreamError. */
export async function readAll(answer: IncomingMessage, bound: Bound): Promise<Buffer> {
  const { host, maxBytes, timeoutMs } = bound
  const pieces: Buffer[] = []
  let bytes = 0
  const timer = setTimeout(() => answer.destroy(lateBy(host, timeoutMs)), patience * timeoutMs)
  try {
    for await (const piece of answer as AsyncIterable<Buffer>) {
      bytes += piece.byteLength
      if (bytes > maxBytes) {
        const message = `${host}: the answer is larger than the ${maxBytes} bytes that it may have.`
        throw new UpstreamError('malformed', message)
      }
      pieces.push(piece)
    }
  } catch (error) {
    throw asUpstreamError(error, host)
  } finally {
    clearTimeout(timer)
  }
  return Buffer.concat(pieces, bytes)
}

function lateBy(host: string, timeoutMs: number): UpstreamError {
  const seconds = (patience * timeoutMs) / 1000
  const message = `${host} did not come to the end of its answer within ${seconds} s.`
  return new UpstreamError('unavailable', message, { step: 'timeout' })
}

/** As an object or list of JSON. Throws UpstreamError, `malformed`. */
export async function readJson(answer: IncomingMessage, bound: Bound): Promise<unknown> {
  return parseJson((await readAll(answer, bound)).toString('utf8'), bound.host)
}

/** Of an answer by `host`. Throws UpstreamError, `malformed`. */
export function parseJson(text: string, host: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const message = `${host}: the answer is not JSON: ${JSON.stringify(text.slice(0, 80))}.`
    throw new UpstreamError('malformed', message, { cause })
  }
}

const maxDiscardedBytes = 65_536

/** What is left of an answer that nobody wants: a little is read, so that the connection is kept. */
export function discard(answer: IncomingMessage): void {
  let bytes = 0
  answer.on('error', () => {})
  answer.on('data', (piece: Buffer) => {
    bytes += piece.byteLength
    if (bytes > maxDiscardedBytes) answer.destroy()
  })
}
