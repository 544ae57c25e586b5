import http from 'node:http'
import type { RequestHeaders } from './wire.ts'

export interface Heard {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly text: string
}

/** A request whose body is sent piece by piece, by hand. */
export interface OpenRequest {
  readonly raw: http.ClientRequest
  /** The answer; undefined when the connection ended without one. */
  readonly answer: Promise<Heard | undefined>
  /** Resolves once the bytes were handed to the operating system. */
  write(bytes: Uint8Array): Promise<void>
  end(): void
  hangUp(): void
}

/** Begins a request on a connection of its own. Without `content-length` the body goes chunked. */
export function openRequest(
  url: string,
  request: { readonly method: string; readonly target: string; readonly headers?: RequestHeaders },
): OpenRequest {
  const { hostname, port } = new URL(url)
  const headers: http.OutgoingHttpHeaders = {}
  for (const [name, value] of Object.entries(request.headers ?? {})) {
    headers[name] = typeof value === 'string' ? value : [...value]
  }
  if (headers['content-length'] === undefined) headers['transfer-encoding'] = 'chunked'
  const raw = http.request({
    agent: false,
    hostname,
    port,
    method: request.method,
    path: request.target,
    headers,
  })
  raw.flushHeaders()
  return {
    raw,
    answer: hear(raw),
    write: (bytes) => new Promise((resolve) => raw.write(bytes, () => resolve())),
    end: () => raw.end(),
    hangUp: () => raw.destroy(),
  }
}

function hear(raw: http.ClientRequest): Promise<Heard | undefined> {
  return new Promise((resolve) => {
    raw.on('error', () => resolve(undefined))
    raw.on('close', () => resolve(undefined))
    raw.on('response', (res) => {
      const chunks: Buffer[] = []
      const finish = () =>
        resolve({
          status: res.statusCode ?? 0,
          headers: res.headers,
          text: Buffer.concat(chunks).toString('utf8'),
        })
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('end', finish).on('error', finish)
    })
  })
}
