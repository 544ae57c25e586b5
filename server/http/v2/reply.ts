import type { ServerResponse } from 'node:http'

export type Headers = Record<string, string | number | readonly string[]>

/** Sends a whole reply of UTF-8 text; nothing is added to the body's type or length. */
export function send(res: ServerResponse, status: number, headers: Headers, body = '') {
  res.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) })
  res.end(body)
}

/** Sends JSON as `application/json`, without a charset: clients compare the type byte by byte. */
export function sendJson(res: ServerResponse, status: number, headers: Headers, value: unknown) {
  const body = JSON.stringify(value)
  send(res, status, { 'content-type': 'application/json', ...headers }, body)
}
