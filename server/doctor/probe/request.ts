import http, { type ClientRequest, type IncomingHttpHeaders } from 'node:http'
import https from 'node:https'
import { reasonOf } from '../finding.ts'

/** One way to the server. */
export interface Way {
  /** `straight`: to the port where it listens. `public`: by the address that clients use. */
  readonly name: 'straight' | 'public'
  /** No slash at the end. */
  readonly url: string
  /** Of the Host header; null: as the address says. */
  readonly host: string | null
}

export interface Sent {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  /** How often the body is sent, one after the other: a large one needs no large memory. Default 1. */
  readonly times?: number
  /** Sends half of the body first, and the rest when this resolves. */
  readonly whenHalfIsSent?: () => Promise<void>
}

export interface Reply {
  /** 0: there was none. */
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** Why there was no answer; null: there was one. */
  readonly problem: string | null
}

const timeoutMs = 15_000
const mostBytes = 64 * 1024 * 1024

/** Asks once, follows nothing, and never throws. */
export function ask(way: Way, sent: Sent): Promise<Reply> {
  const { method, path, body, times = 1 } = sent
  const headers = {
    ...(way.host !== null && { host: way.host }),
    ...(body !== undefined && { 'content-length': String(times * body.byteLength) }),
    ...sent.headers,
  }
  return new Promise((resolve) => {
    const fail = (problem: string) =>
      resolve({ status: 0, headers: {}, body: Buffer.alloc(0), problem })
    // What is wrong with a certificate is told by the check of the address. What is sent opens
    // nothing but a registry that is made for this and removed afterwards.
    const options = { method, headers, agent: false, rejectUnauthorized: false }
    const module = way.url.startsWith('https:') ? https : http
    const request = module.request(new URL(path, way.url), options)
    request.setTimeout(timeoutMs, () =>
      request.destroy(new Error(`no answer within ${timeoutMs / 1000} seconds`)),
    )
    request.on('error', (error) => fail(reasonOf(error)))
    request.on('response', (response) => {
      const pieces: Buffer[] = []
      let bytes = 0
      response.on('data', (piece: Buffer) => {
        bytes += piece.byteLength
        if (bytes <= mostBytes) pieces.push(piece)
        else response.destroy(new Error('the answer is too long'))
      })
      response.on('error', (error) => fail(`the answer broke off: ${reasonOf(error)}`))
      response.on('end', () => {
        const { statusCode: status = 0, headers: answered } = response
        resolve({ status, headers: answered, body: Buffer.concat(pieces), problem: null })
        // A body that was refused may not have been taken to its end.
        request.destroy()
      })
    })
    void sendBody(request, sent)
  })
}

async function sendBody(request: ClientRequest, sent: Sent): Promise<void> {
  const { body, times = 1, whenHalfIsSent } = sent
  if (body === undefined || whenHalfIsSent === undefined) {
    for (let time = 1; body !== undefined && time < times && !request.destroyed; time += 1) {
      if (!request.write(body)) await drained(request)
    }
    request.end(body)
    return
  }
  const half = Math.floor(body.byteLength / 2)
  request.write(body.subarray(0, half))
  await whenHalfIsSent()
  request.end(body.subarray(half))
}

/** Or closed: then nothing more is sent. */
function drained(request: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      request.off('drain', done).off('close', done)
      resolve()
    }
    request.on('drain', done).on('close', done)
  })
}
