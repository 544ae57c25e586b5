import http from 'node:http'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** Several values send several header lines. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[]>>

export interface WireRequest {
  readonly method: string
  /** Path and query, sent as they are. */
  readonly target: string
  readonly headers?: RequestHeaders
  readonly body?: Uint8Array | string
  /** Sends the body with `Transfer-Encoding: chunked`, in a few pieces. */
  readonly chunked?: boolean
  /** Sends `Expect: 100-continue` and the body only once the server asks for it. */
  readonly expectContinue?: boolean
  /** Default: a connection of its own. */
  readonly agent?: http.Agent
}

export interface Answer {
  readonly status: number
  /** By lower-case name; values of repeated lines are joined with `, `. */
  readonly headers: Readonly<Record<string, string>>
  /** As they came, in order. */
  readonly rawHeaders: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
  /** Whether the server said `100 Continue`. */
  readonly continued: boolean
}

/** One request over a real socket; resolves with the whole answer, whatever its status. */
export function send(url: string, request: WireRequest): Promise<Answer> {
  const body = request.body === undefined ? undefined : Buffer.from(request.body)
  return new Promise((resolve, reject) => {
    let continued = false
    let answered = false
    const req = openRequest(url, request, body)
    req.on('continue', () => {
      continued = true
      writeBody(req, body, request.chunked === true)
    })
    req.on('response', (res) => {
      answered = true
      const chunks: Buffer[] = []
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('error', reject)
      res.on('end', () => {
        if (!req.writableEnded) req.destroy()
        resolve(answerOf(res, Buffer.concat(chunks), continued))
      })
    })
    req.on('error', (error) => {
      // An answer that comes before the body is through may close the connection under it.
      if (!answered) reject(error)
    })
    if (request.expectContinue) req.flushHeaders()
    else writeBody(req, body, request.chunked === true)
  })
}

/** Announces the whole body, sends its first `sentBytes`, waits until they are out, hangs up. */
export async function sendAndHangUp(
  url: string,
  request: WireRequest & { readonly body: Uint8Array },
  sentBytes: number,
): Promise<void> {
  const req = openRequest(url, request, Buffer.from(request.body))
  req.on('error', () => undefined)
  await new Promise<void>((resolve) => {
    req.write(request.body.subarray(0, sentBytes), () => resolve())
  })
  // A reset would take with it what the server has not read yet.
  await sleep(150)
  req.destroy()
}

/** Writes the bytes to a socket as they are and reads until the server closes it or is silent. */
export function exchangeRaw(url: string, text: string, silenceMs = 1000): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = net.connect(Number(port), hostname, () => socket.write(text, 'latin1'))
    socket.setTimeout(silenceMs, () => socket.destroy())
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', reject)
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')))
  })
}

/** Every value of a header, one for each line. */
export function headerLines(answer: Answer, name: string): string[] {
  return answer.rawHeaders.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value)
}

export function jsonOf(answer: Answer): unknown {
  return JSON.parse(answer.body.toString('utf8'))
}

export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

function openRequest(url: string, request: WireRequest, body: Buffer | undefined) {
  const { hostname, port } = new URL(url)
  const headers: http.OutgoingHttpHeaders = {}
  for (const [name, value] of Object.entries(request.headers ?? {})) {
    headers[name.toLowerCase()] = typeof value === 'string' ? value : [...value]
  }
  if (request.chunked) headers['transfer-encoding'] = 'chunked'
  else if (body !== undefined) headers['content-length'] ??= body.byteLength
  if (request.expectContinue) headers.expect = '100-continue'
  return http.request({
    agent: request.agent ?? false,
    hostname,
    port,
    method: request.method,
    path: request.target,
    headers,
  })
}

function writeBody(req: http.ClientRequest, body: Buffer | undefined, chunked: boolean) {
  if (body === undefined) {
    req.end()
    return
  }
  if (chunked) {
    const third = Math.ceil(body.byteLength / 3)
    for (let at = 0; at < body.byteLength; at += third) req.write(body.subarray(at, at + third))
    req.end()
    return
  }
  req.end(body)
}

function answerOf(res: http.IncomingMessage, body: Buffer, continued: boolean): Answer {
  const rawHeaders: (readonly [string, string])[] = []
  const headers: Record<string, string> = {}
  for (let i = 0; i + 1 < res.rawHeaders.length; i += 2) {
    const name = res.rawHeaders[i] ?? ''
    const value = res.rawHeaders[i + 1] ?? ''
    const key = name.toLowerCase()
    rawHeaders.push([name, value])
    headers[key] = key in headers ? `${headers[key]}, ${value}` : value
  }
  return { status: res.statusCode ?? 0, headers, rawHeaders, body, continued }
}
