import http, { type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface RecordedRequest {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
}

/** A service as it is, that writes down what it is asked. */
export interface RecordingService extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly requests: RecordedRequest[]
}

export async function openRecordingService(port: number): Promise<RecordingService> {
  const requests: RecordedRequest[] = []
  const server = http.createServer((req, res) => {
    const { method = '', url = '', headers, rawHeaders } = req
    requests.push({ method, path: url, headers })
    const to = { host: '127.0.0.1', port, method, path: url, headers: rawHeaders }
    let answer: http.IncomingMessage | undefined
    const sent = http.request(to, (reply) => {
      answer = reply
      res.writeHead(reply.statusCode ?? 502, reply.rawHeaders)
      reply.pipe(res)
    })
    // Swift sends a body to HEAD, too: bytes behind an answer that was whole.
    sent.on('error', () => {
      if (answer?.complete !== true) res.destroy()
    })
    res.on('close', () => sent.destroy())
    req.pipe(sent)
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port: ownPort } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${ownPort}`,
    port: ownPort,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
