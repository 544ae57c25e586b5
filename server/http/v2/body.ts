import type { IncomingMessage } from 'node:http'
import { isRefusal, RegistryError } from '../../domain/errors.ts'
import type { RequestBody } from '../../registry/upload-session.ts'
import type { Exchange } from './exchange.ts'

/** Chunks that may wait in memory while the reader is busy with one. */
const maxWaitingChunks = 4
/**
 * After so much of one body it is the others' turn: Node reads up to 2 MiB of each connection in a
 * row, and with ten large pushes everybody else would wait until all of that is hashed.
 */
const turnBytes = 256 * 1024
/** How much of a body that nobody wants is read, so that the client hears the answer. */
const maxDumpBytes = 16 * 1024 * 1024
const maxDumpMs = 5_000

/** How long a body may come before its sender's rights are looked at again. */
const permitMs = 1_000

/** Throws if the caller may not do any more what it was let in for. */
export type Permit = () => Promise<void>

/**
 * The body of a request. Reading it lets a client go on that asked first (`Expect: 100-continue`),
 * and stops when its sender loses the right to send it.
 */
export function bodyOf(exchange: Exchange, permit: Permit): RequestBody {
  return {
    lengthBytes: lengthOf(exchange.req),
    chunks: (signal) => permitted(readChunks(exchange, signal), permit),
    permit,
  }
}

async function* permitted(
  chunks: AsyncIterable<Uint8Array>,
  permit: Permit,
): AsyncGenerator<Uint8Array> {
  let permittedAt = performance.now()
  for await (const chunk of chunks) {
    if (performance.now() - permittedAt > permitMs) {
      await permit()
      permittedAt = performance.now()
    }
    yield chunk
  }
}

/** Content-Length; 0 when there is no body at all, null when its length is not known. */
function lengthOf(req: IncomingMessage): number | null {
  if (req.headers['transfer-encoding'] !== undefined) return null
  return Number(req.headers['content-length'] ?? 0)
}

async function* readChunks(exchange: Exchange, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const { req, res, patience } = exchange
  if (req.headers.expect !== undefined && !res.headersSent) res.writeContinue()
  using source = new ChunkSource(req, { signal, idleMs: patience.bodyIdleMs })
  for (;;) {
    const chunk = await source.next()
    if (chunk === undefined) return
    yield chunk
  }
}

/** Hands out a request's chunks as they come, without copying them together. */
class ChunkSource implements Disposable {
  readonly #req: IncomingMessage
  readonly #signal: AbortSignal
  readonly #waiting: Uint8Array[] = []
  readonly #idle: NodeJS.Timeout
  #failure: unknown
  #ended = false
  #bytesThisTurn = 0
  /** Set while the others have their turn. */
  #resting: NodeJS.Immediate | undefined
  #wake: (() => void) | undefined

  constructor(
    req: IncomingMessage,
    { signal, idleMs }: { readonly signal: AbortSignal; readonly idleMs: number },
  ) {
    this.#req = req
    this.#signal = signal
    this.#idle = setTimeout(() => this.#onIdle(), idleMs)
    if (signal.aborted) this.#failure = signal.reason
    if (req.destroyed && !req.readableEnded) this.#failure = new RegistryError('CLIENT_GONE')
    this.#ended = req.readableEnded
    signal.addEventListener('abort', this.#onAbort)
    req.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onClose)
    req.on('error', this.#onClose)
  }

  /** The next chunk, undefined at the end. What came before the client went away is handed out. */
  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = this.#waiting.shift()
      if (chunk !== undefined) {
        if (this.#waiting.length === 0) this.#readOn()
        return chunk
      }
      if (this.#failure !== undefined) throw this.#failure
      if (this.#ended) return undefined
      this.#idle.refresh()
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = undefined
    }
  }

  readonly #onData = (chunk: Uint8Array) => {
    this.#waiting.push(chunk)
    this.#bytesThisTurn += chunk.byteLength
    if (this.#bytesThisTurn >= turnBytes) this.#rest()
    if (this.#waiting.length >= maxWaitingChunks) this.#req.pause()
    this.#wake?.()
  }

  #rest() {
    this.#req.pause()
    this.#resting ??= setImmediate(() => {
      this.#resting = undefined
      this.#bytesThisTurn = 0
      if (this.#waiting.length < maxWaitingChunks) this.#readOn()
    })
  }

  #readOn() {
    if (this.#resting === undefined && this.#req.isPaused()) this.#req.resume()
  }

  readonly #onEnd = () => {
    this.#ended = true
    this.#wake?.()
  }

  readonly #onClose = () => {
    if (!this.#ended) this.#fail(new RegistryError('CLIENT_GONE'))
  }

  readonly #onAbort = () => {
    // Who is overtaken writes no more; a server that stops keeps what has come.
    if (!isRefusal(this.#signal.reason, 'UNAVAILABLE')) this.#waiting.length = 0
    this.#fail(this.#signal.reason)
  }

  /** A slow disk is not the client's silence. */
  #onIdle() {
    if (this.#wake !== undefined) this.#fail(new RegistryError('REQUEST_TIMEOUT'))
  }

  #fail(reason: unknown) {
    this.#failure ??= reason
    this.#wake?.()
  }

  [Symbol.dispose]() {
    clearTimeout(this.#idle)
    clearImmediate(this.#resting)
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#req.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose)
    this.#req.off('error', this.#onClose)
  }
}

/**
 * Reads a body of at most `maxBytes` whole; `tooLarge` says what to throw for more. Throws
 * REQUEST_TIMEOUT when it takes longer than a patient server waits.
 */
export async function readWhole(
  exchange: Exchange,
  maxBytes: number,
  tooLarge: () => RegistryError,
): Promise<Buffer> {
  const lengthBytes = lengthOf(exchange.req)
  if (lengthBytes !== null && lengthBytes > maxBytes) throw tooLarge()
  const deadline = new AbortController()
  const timer = setTimeout(
    () => deadline.abort(new RegistryError('REQUEST_TIMEOUT')),
    exchange.patience.wholeBodyMs,
  )
  try {
    const chunks: Uint8Array[] = []
    let bytes = 0
    for await (const chunk of readChunks(exchange, deadline.signal)) {
      bytes += chunk.byteLength
      if (bytes > maxBytes) throw tooLarge()
      chunks.push(chunk)
    }
    return Buffer.concat(chunks, bytes)
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Reads on after the answer, so that a client that is still sending hears it instead of a reset
 * connection; one that sends on and on is cut off.
 */
export function dumpRest(req: IncomingMessage) {
  if (req.complete || req.destroyed) return
  let bytes = 0
  const cutOff = () => req.socket.destroy()
  const timer = setTimeout(cutOff, maxDumpMs)
  req.on('data', (chunk: Uint8Array) => {
    bytes += chunk.byteLength
    if (bytes > maxDumpBytes) cutOff()
  })
  req.once('close', () => clearTimeout(timer))
  req.once('end', () => clearTimeout(timer))
  req.on('error', () => {})
  req.resume()
}
