import type { ServerResponse } from 'node:http'

export type Headers = Record<string, string | number | readonly string[]>

/** What every reply on `/v2/` says, as `writeHead` takes it. */
const common = [
  'docker-distribution-api-version',
  'registry/2.0',
  'x-content-type-options',
  'nosniff',
]

/**
 * Writes the head of a reply on `/v2/`. Names and values go to Node in one list: headers that are
 * set one by one are looked up, copied and checked again.
 */
export function writeHead(res: ServerResponse, status: number, headers: Headers): ServerResponse {
  const list: (string | number | string[])[] = [...common]
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined) list.push(name, typeof value === 'object' ? [...value] : value)
  }
  return res.writeHead(status, list)
}

/** Sends a whole reply of UTF-8 text; nothing is added to the body's type or length. */
export function send(res: ServerResponse, status: number, headers: Headers, body = '') {
  writeHead(res, status, { ...headers, 'content-length': Buffer.byteLength(body) })
  res.end(body)
}

/** Sends JSON as `application/json`, without a charset: clients compare the type byte by byte. */
export function sendJson(res: ServerResponse, status: number, headers: Headers, value: unknown) {
  const body = JSON.stringify(value)
  send(res, status, { 'content-type': 'application/json', ...headers }, body)
}
