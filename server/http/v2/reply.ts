import type { ServerResponse } from 'node:http'

export type Headers = Record<string, string | number | readonly string[]>

/** Sends a whole reply; nothing is added to the body's type or length. */
export function send(res: ServerResponse, status: number, headers: Headers, body?: Uint8Array) {
  res.writeHead(status, { ...headers, 'content-length': body?.byteLength ?? 0 })
  res.end(body)
}

/** Sends JSON as `application/json`, without a charset: clients compare the type byte by byte. */
export function sendJson(res: ServerResponse, status: number, headers: Headers, value: unknown) {
  const body = Buffer.from(JSON.stringify(value))
  send(res, status, { 'content-type': 'application/json', ...headers }, body)
}
