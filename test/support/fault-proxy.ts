import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'

/** What the proxy does to answers instead of passing them on. */
export type Fault =
  /** The connection breaks after so many bytes of a body; `times` times, then no more. */
  | { readonly kind: 'drop'; readonly afterBytes: number; readonly times?: number }
  /** So many bytes a second. */
  | { readonly kind: 'slow'; readonly bytesPerSecond: number }
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Record<string, string> }
  | { readonly kind: 'html' }
  /** The byte in the middle is another one. */
  | { readonly kind: 'wrongBytes' }
  /** Content-Length says so much more (or, below 0, less) than there is. */
  | { readonly kind: 'wrongLength'; readonly by: number }
  /** Content-Length is left out: the end is where the answer ends. */
  | { readonly kind: 'noLength' }
  /** Takes the request and never answers. */
  | { readonly kind: 'silence' }

export interface FaultProxy extends AsyncDisposable {
  readonly url: string
  /** `METHOD path` of every request so far. */
  readonly requests: string[]
  /** Bytes of bodies that were passed on. */
  readonly sentBytes: () => number
  /** From now on, for requests that match; null: none. */
  setFault(fault: Fault | null, matching?: RegExp): void
  /** What answers say of the time; null: what the registry says. */
  setDate(date: (() => Date) | null): void
  /** Of the last request whose address matches. */
  readonly headersOf: (path: RegExp) => http.IncomingHttpHeaders | undefined
}

/**
 * Stands between a server and a registry at `target`, counts requests and spoils answers.
 * `keepsHost`: the registry sees the host that was asked, which a signature may cover.
 */
export async function openFaultProxy(
  target: string,
  ca?: string,
  { keepsHost = false }: { readonly keepsHost?: boolean } = {},
): Promise<FaultProxy> {
  const requests: string[] = []
  const headers: [string, http.IncomingHttpHeaders][] = []
  let fault: Fault | null = null
  let dated: (() => Date) | null = null
  let matching = /./
  let drops = 0
  let sentBytes = 0
  // A connection each: one that is kept may be closed by the registry just as it is used again.
  const host = keepsHost ? {} : { host: new URL(target).host }
  const isSecure = target.startsWith('https:')
  const agent = isSecure ? new https.Agent({ ca }) : new http.Agent()

  const server = http.createServer((req, res) => {
    const { method = '', url = '' } = req
    requests.push(`${method} ${url}`)
    headers.push([url, req.headers])
    const active = fault !== null && matching.test(`${method} ${url}`) ? fault : null
    if (active !== null && answerAlone(active, res)) return
    const module = isSecure ? https : http
    const options = { method, headers: { ...req.headers, ...host }, agent }
    const upstream = module.request(new URL(url, target), options, (answer) => {
      void pass(active, answer, res)
    })
    upstream.on('error', () => res.destroy())
    req.pipe(upstream)
  })

  async function pass(active: Fault | null, answer: IncomingMessage, res: ServerResponse) {
    const length = Number(answer.headers['content-length'] ?? 0)
    const wrong = active?.kind === 'wrongLength' ? { 'content-length': length + active.by } : {}
    res.strictContentLength = false
    const { 'content-length': announced, ...headers } = absolute(answer.headers)
    const isSaid = announced !== undefined && active?.kind !== 'noLength'
    const said = { ...headers, ...(isSaid && { 'content-length': announced }), ...wrong }
    if (dated !== null) said.date = dated().toUTCString()
    res.writeHead(answer.statusCode ?? 0, said)
    try {
      await passBody(active, answer, { res, length })
      res.end()
      // Less came than was announced: like a server that dies.
      if (active?.kind === 'wrongLength' && active.by > 0) res.socket?.destroySoon()
    } catch {
      res.destroy()
    }
  }

  async function passBody(
    active: Fault | null,
    answer: IncomingMessage,
    { res, length }: { readonly res: ServerResponse; readonly length: number },
  ) {
    let at = 0
    for await (const piece of answer as AsyncIterable<Buffer>) {
      const bytes = spoiled(active, piece, { at, length })
      if (active?.kind === 'drop' && isBroken(active, at + bytes.byteLength)) {
        drops += 1
        await written(res, bytes.subarray(0, Math.max(0, active.afterBytes - at)))
        throw new Error('dropped')
      }
      at += bytes.byteLength
      sentBytes += bytes.byteLength
      await written(res, bytes)
      if (active?.kind === 'slow') await wait((1000 * bytes.byteLength) / active.bytesPerSecond)
    }
  }

  /** Redirects and uploads of the registry lead back here. */
  function absolute(all: http.IncomingHttpHeaders): http.IncomingHttpHeaders {
    const location = all.location?.replace(target, '')
    return { ...all, ...(location !== undefined && { location }) }
  }

  function isBroken(fault: Fault & { kind: 'drop' }, bytes: number): boolean {
    return drops < (fault.times ?? 1) && bytes > fault.afterBytes
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    sentBytes: () => sentBytes,
    setFault(next, pattern = /./) {
      fault = next
      matching = pattern
      drops = 0
    },
    setDate(next) {
      dated = next
    },
    headersOf: (path) => headers.findLast(([url]) => path.test(url))?.[1],
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      agent.destroy()
    },
  }
}

function answerAlone(fault: Fault, res: ServerResponse): boolean {
  if (fault.kind === 'silence') return true
  if (fault.kind === 'status') {
    res.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers })
    res.end('{"errors":[{"code":"UNKNOWN","message":"made up"}]}')
    return true
  }
  if (fault.kind !== 'html') return false
  res.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<html>Log in</html>')
  return true
}

function spoiled(
  fault: Fault | null,
  piece: Buffer,
  { at, length }: { readonly at: number; readonly length: number },
): Buffer {
  const middle = Math.floor(length / 2) - at
  if (fault?.kind !== 'wrongBytes' || middle < 0 || middle >= piece.byteLength) return piece
  const copy = Buffer.from(piece)
  copy[middle] = (copy[middle] ?? 0) ^ 1
  return copy
}

function written(res: ServerResponse, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    if (bytes.byteLength === 0) return resolve()
    res.write(bytes, (error) => (error ? reject(error) : resolve()))
  })
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
