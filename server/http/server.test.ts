import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { isRefusal, RegistryError } from '../domain/errors.ts'
import { openLog } from '../log.ts'
import { openMetrics } from '../metrics.ts'
import { type HttpServer, type HttpServerOptions, openHttpServer } from './server.ts'

async function open(options: Partial<HttpServerOptions> = {}): Promise<HttpServer> {
  return openHttpServer({
    tracing: null,
    config: { listen: { host: '127.0.0.1', port: 0 }, tls: null, metrics: 'admin' },
    log: openLog({ logLevel: 'silent' }),
    metrics: openMetrics(),
    version: '1.2.3',
    v2: (req, res) => void res.end(`v2 ${req.url}`),
    checks: [],
    mayReadMetrics: async () => false,
    ...options,
  })
}

/** A connection that says exactly this; what it hears is collected until it closes. */
async function connectTo(server: HttpServer) {
  const { port, hostname } = new URL(server.url)
  const socket = net.connect(Number(port), hostname)
  await once(socket, 'connect')
  let heard = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    heard += text
  })
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  const until = async (text: string) => {
    for (let turn = 0; turn < 500 && !heard.includes(text); turn++) await sleep(10)
    expect(heard).toContain(text)
  }
  return { socket, closed, until, heard: () => heard }
}

async function say(server: HttpServer, text: string): Promise<string> {
  const { socket, closed, heard } = await connectTo(server)
  socket.write(text)
  await closed
  return heard()
}

test.for(['/v2', '/v2/', '/v2?a=b', '/v2/a%2Fb/../c?d', '/v2//x'])(
  '%s goes raw to v2',
  async (path) => {
    await using server = await open()
    const heard = await say(server, `GET ${path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`)
    expect(heard).toContain(`v2 ${path}`)
  },
)

test('everything else does not', async () => {
  await using server = await open()
  const home = await fetch(`${server.url}/`)
  expect(home.status).toBe(200)
  expect(home.headers.get('content-type')).toMatch(/^text\/plain/)
  expect(await home.text()).toContain('Entrepot 1.2.3')
  for (const path of ['/v2x', '/v1/', '/V2/', '/nothing']) {
    const answer = await fetch(server.url + path)
    expect(answer.status).toBe(404)
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(await answer.json()).toMatchObject({
      status: 404,
      title: 'Not Found',
      code: 'NOT_FOUND',
    })
  }
})

test('an address that cannot be decoded is a problem like any other', async () => {
  await using server = await open()
  const heard = await say(server, 'GET /a%ff HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n')
  const [head = '', body = ''] = heard.split('\r\n\r\n')
  expect(head).toMatch(/^HTTP\/1\.1 400 /)
  expect(head).toContain('content-type: application/problem+json')
  expect(head).toContain('x-content-type-options: nosniff')
  expect(JSON.parse(body)).toMatchObject({ status: 400, code: 'REQUEST_INVALID' })
})

test('errors of the API are problems; the reason of a failure is not told', async () => {
  await using server = await open({
    api: (app) => {
      app.get('/api/refused', () => {
        throw new RegistryError('DENIED', 'Not you.', { headers: { 'x-why': 'because' } })
      })
      app.get('/api/failed', () => {
        throw new Error('password hunter2')
      })
      app.post('/api/body', { bodyLimit: 10 }, async () => 'ok')
    },
  })
  const refused = await fetch(`${server.url}/api/refused`)
  expect(refused.status).toBe(403)
  expect(refused.headers.get('x-why')).toBe('because')
  expect(await refused.json()).toEqual({
    type: 'about:blank',
    title: 'Forbidden',
    status: 403,
    detail: 'Not you.',
    code: 'DENIED',
  })
  const failed = await fetch(`${server.url}/api/failed`)
  expect(failed.status).toBe(500)
  expect(await failed.text()).not.toContain('hunter2')
  const post = (body: string, type: string) =>
    fetch(`${server.url}/api/body`, { method: 'POST', body, headers: { 'content-type': type } })
  expect((await post('{', 'application/json')).status).toBe(400)
  expect((await post('x', 'application/weird')).status).toBe(415)
  const large = await post(`"${'x'.repeat(20)}"`, 'application/json')
  expect(large.status).toBe(413)
  expect(await large.json()).toMatchObject({ status: 413, code: 'REQUEST_INVALID' })
})

test.for([
  ['nonsense', 'HELLO\r\n\r\n', 400],
  ['a TLS handshake', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
  [
    'two lengths',
    'POST /v2/ HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    400,
  ],
  ['a line break in a header', 'GET / HTTP/1.1\r\nHost: h\r\nA: b\nc\r\n\r\n', 400],
  ['huge headers', `GET /v2/ HTTP/1.1\r\nHost: h\r\nA: ${'a'.repeat(40_000)}\r\n\r\n`, 431],
  ['a request without a host', 'GET /v2/ HTTP/1.1\r\n\r\n', 400],
  [
    'an expectation that nobody knows',
    'GET /v2/ HTTP/1.1\r\nHost: h\r\nExpect: 200-ok\r\n\r\n',
    417,
  ],
] as const)('answers %s with clean JSON', async ([, text, status]) => {
  await using server = await open()
  const heard = await say(server, text)
  expect(heard).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
  const [head = '', body = ''] = heard.split('\r\n\r\n')
  expect(head).toMatch(/^content-type: application\/json$/im)
  expect(head.toLowerCase()).toContain(`content-length: ${body.length}`)
  expect(JSON.parse(body)).toMatchObject({ errors: [{ code: 'UNSUPPORTED' }] })
})

test('nothing is put into the middle of a reply when a later chunk is malformed', async () => {
  await using server = await open({
    v2: (_req, res) => {
      res.writeHead(200, { 'content-length': 100 })
      res.write('part')
    },
  })
  const { socket, until, closed, heard } = await connectTo(server)
  socket.write('PUT /v2/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n')
  await until('part')
  socket.write('not a chunk\r\n')
  await closed
  expect(heard()).toMatch(/part$/)
})

test('takes tokens of 20 KiB', async () => {
  await using server = await open()
  const answer = await fetch(`${server.url}/v2/`, {
    headers: { authorization: 'a'.repeat(20_000) },
  })
  expect(answer.status).toBe(200)
})

test('headers that do not arrive in time are 408; a slow body is waited for', async () => {
  await using server = await open({
    v2: async (req, res) => {
      let bytes = 0
      for await (const chunk of req) bytes += chunk.length
      res.end(`got ${bytes}`)
    },
    timeouts: { headersSeconds: 0.3, keepAliveSeconds: 0.2, checkSeconds: 0.05 },
  })
  expect(await say(server, 'GET /v2/ HTTP/1.1\r\nHo')).toMatch(/^HTTP\/1\.1 408 /)
  const { socket, until } = await connectTo(server)
  socket.write('PUT /v2/ HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n')
  for (const byte of 'abcd') {
    await sleep(250)
    socket.write(byte)
  }
  await until('got 4')
  socket.destroy()
})

test('a handler of v2 that throws is 500 without the reason', async () => {
  await using server = await open({
    v2: async () => {
      throw new Error('hunter2')
    },
  })
  const answer = await fetch(`${server.url}/v2/`)
  expect(answer.status).toBe(500)
  expect(await answer.json()).toEqual({
    errors: [{ code: 'UNKNOWN', message: 'The server failed; its log says why.' }],
  })
})

const expecting = 'Host: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n'

test('v2 may refuse a body before it is sent; the connection is not used again', async () => {
  await using server = await open({ v2: (_req, res) => void res.writeHead(401).end('no') })
  const heard = await say(server, `PUT /v2/x HTTP/1.1\r\n${expecting}`)
  expect(heard).toMatch(/^HTTP\/1\.1 401 /)
  expect(heard.toLowerCase()).toContain('connection: close')
  expect(heard).not.toContain('100 Continue')
})

test('v2 may ask for the body; the connection is kept', async () => {
  await using server = await open({
    v2: (req, res) => {
      res.writeContinue()
      req.resume().on('end', () => res.end('thanks'))
    },
  })
  const { socket, until, heard } = await connectTo(server)
  socket.write(`PUT /v2/x HTTP/1.1\r\n${expecting}`)
  await until('HTTP/1.1 100 Continue')
  socket.write('body')
  await until('thanks')
  expect(heard().toLowerCase()).toContain('connection: keep-alive')
  socket.destroy()
})

test.for(['/v2/b', '/b'])(
  'a pipelined %s is told to go on when its turn has come',
  async (path) => {
    let answerFirst = () => {}
    await using server = await open({
      api: (app) => void app.put('/b', async () => Buffer.from('second')),
      v2: (req, res) => {
        if (req.method === 'GET') answerFirst = () => res.end('first')
        else {
          res.writeContinue()
          req.resume().on('end', () => res.end(Buffer.from('second')))
        }
      },
    })
    const { socket, until, closed, heard } = await connectTo(server)
    const headers = 'Host: h\r\nContent-Type: text/plain\r\nConnection: close\r\n'
    const put = `PUT ${path} HTTP/1.1\r\n${headers}Expect: 100-continue\r\n`
    socket.write(`GET /v2/a HTTP/1.1\r\nHost: h\r\n\r\n${put}Content-Length: 4\r\n\r\nbody`)
    await sleep(100)
    answerFirst()
    await until('second')
    await closed
    const [, afterFirst = ''] = heard().split('first')
    const [head, ...rest] = afterFirst
      .replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '')
      .split('\r\n\r\n')
    expect([head?.slice(0, 12), ...rest]).toEqual(['HTTP/1.1 200', 'second'])
  },
)

test('a client that leaves ends its pipelined requests too, whose turn never came', async () => {
  const begun: string[] = []
  const ended: string[] = []
  await using server = await open({
    v2: (req, res) => {
      const { url = '' } = req
      begun.push(url)
      res.write('a piece that waits for its turn')
      res.once('close', () => ended.push(url))
    },
  })
  const { socket, closed } = await connectTo(server)
  socket.write(
    ['/v2/a', '/v2/b', '/v2/c'].map((url) => `GET ${url} HTTP/1.1\r\nHost: h\r\n\r\n`).join(''),
  )
  for (let turn = 0; turn < 500 && begun.length < 3; turn++) await sleep(10)
  socket.destroy()
  await closed
  const start = performance.now()
  await server.drain({ seconds: 3 })
  expect(performance.now() - start).toBeLessThan(2000)
  expect(ended.sort()).toEqual(['/v2/a', '/v2/b', '/v2/c'])
})

test('the API asks for the body at once', async () => {
  await using server = await open({
    api: (app) => {
      app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) =>
        done(null, body),
      )
      app.post('/api/echo', async ({ body }) => body)
    },
  })
  const { socket, until } = await connectTo(server)
  socket.write(`POST /api/echo HTTP/1.1\r\nContent-Type: a/b\r\n${expecting}`)
  await until('HTTP/1.1 100 Continue')
  socket.write('body')
  await until('\r\n\r\nbody')
  socket.destroy()
})

test.for([
  ['admin', false, 401],
  ['admin', true, 200],
  ['anyone', false, 200],
  ['off', true, 404],
] as const)('metrics for %s, a reader who may: %s', async ([access, may, status]) => {
  await using server = await open({
    config: { listen: { host: '127.0.0.1', port: 0 }, tls: null, metrics: access },
    mayReadMetrics: async () => may,
  })
  await fetch(`${server.url}/v2/a/b/manifests/latest`)
  const answer = await fetch(`${server.url}/metrics`)
  expect(answer.status).toBe(status)
  const text = await answer.text()
  const line =
    'entrepot_http_requests_total{route="/v2/{name}/manifests/{reference}",method="GET",status="200"} 1'
  if (status === 200) expect(text).toContain(line)
  else expect(text).not.toContain('entrepot_http')
  if (status === 401) expect(answer.headers.get('www-authenticate')).toMatch(/^Basic /)
})

test('wrong credentials for metrics hear the challenge too', async () => {
  const mayReadMetrics = async () => {
    throw new RegistryError('UNAUTHORIZED')
  }
  await using server = await open({ mayReadMetrics })
  const answer = await fetch(`${server.url}/metrics`)
  expect(answer.status).toBe(401)
  expect(answer.headers.get('www-authenticate')).toMatch(/^Basic /)
})

test('counts the bytes that come and go', async () => {
  const metrics = openMetrics()
  await using server = await open({
    metrics,
    v2: (req, res) => void req.resume().on('end', () => res.end('x'.repeat(200_000))),
  })
  const answer = await fetch(`${server.url}/v2/`, { method: 'PUT', body: 'y'.repeat(100_000) })
  await answer.text()
  await sleep(50)
  const text = await metrics.text()
  const count = (direction: string) =>
    Number(text.match(new RegExp(`bytes_total\\{direction="${direction}"\\} (\\d+)`))?.[1])
  expect(count('in')).toBeGreaterThan(100_000)
  expect(count('in')).toBeLessThan(101_000)
  expect(count('out')).toBeGreaterThan(200_000)
  expect(count('out')).toBeLessThan(201_000)
})

test('an address in use is a plain refusal', async () => {
  await using server = await open()
  const { port } = new URL(server.url)
  const config = {
    listen: { host: '127.0.0.1', port: Number(port) },
    tls: null,
    metrics: 'off',
  } as const
  await expect(open({ config })).rejects.toSatisfy(
    (error) => isRefusal(error, 'UNAVAILABLE') && error.message.includes(port),
  )
})

/** A v2 that answers when told to. */
function heldV2() {
  const held: http.ServerResponse[] = []
  const v2 = (_req: http.IncomingMessage, res: http.ServerResponse) => void held.push(res)
  const next = async () => {
    while (held.length === 0) await sleep(5)
    const res = held.shift()
    if (res === undefined) throw new Error('none')
    return res
  }
  return { v2, next }
}

const get = 'GET /v2/ HTTP/1.1\r\nHost: h\r\n\r\n'

test('drain lets a running request end, tells it to close, and accepts nobody new', async () => {
  const { v2, next } = heldV2()
  const server = await open({ v2 })
  const slow = await connectTo(server)
  slow.socket.write(get)
  const res = await next()
  const idle = await connectTo(server)
  idle.socket.write('GET / HTTP/1.1\r\nHost: h\r\n\r\n')
  await idle.until('Entrepot')
  const silent = await connectTo(server)
  const drained = server.drain({ seconds: 10 })
  await idle.closed
  const { port } = new URL(server.url)
  const late = net.connect(Number(port), '127.0.0.1')
  const [error] = await once(late, 'error')
  expect(error).toMatchObject({ code: 'ECONNREFUSED' })
  expect(slow.socket.closed).toBe(false)
  res.end('finished')
  await slow.closed
  expect(slow.heard()).toContain('finished')
  expect(slow.heard().toLowerCase()).toContain('connection: close')
  const start = performance.now()
  await drained
  await silent.closed
  expect(performance.now() - start).toBeLessThan(2000)
})

test('drain lets a download end that had begun before', async () => {
  const { v2, next } = heldV2()
  const server = await open({ v2 })
  const slow = await connectTo(server)
  slow.socket.write(get)
  const res = await next()
  res.writeHead(200, { 'content-length': 8 })
  res.write('half')
  await slow.until('half')
  const drained = server.drain({ seconds: 10 })
  await sleep(50)
  res.end('half')
  await slow.closed
  expect(slow.heard()).toMatch(/halfhalf$/)
  await drained
})

test('drain lets a request end that comes on a connection which was there before', async () => {
  const v2 = async (req: http.IncomingMessage, res: http.ServerResponse) => {
    let bytes = 0
    for await (const chunk of req) bytes += Buffer.byteLength(chunk)
    res.end(`took ${bytes}`)
  }
  await using server = await open({ v2 })
  const { socket, closed, heard } = await connectTo(server)
  await sleep(50)
  const drained = server.drain({ seconds: 10 })
  socket.write('PATCH /v2/x HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\nfour')
  await sleep(400)
  socket.write('more')
  await closed
  expect(heard()).toContain('took 8')
  await drained
})

test('drain waits for what a request still does when its client has gone', async () => {
  let ended = false
  const v2 = async (req: http.IncomingMessage) => {
    await new Promise((resolve) => req.on('error', () => {}).once('close', resolve))
    await sleep(300)
    ended = true
  }
  await using server = await open({ v2 })
  const { socket } = await connectTo(server)
  socket.write('PATCH /v2/x HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\nfour')
  await sleep(50)
  const drained = server.drain({ seconds: 10 })
  socket.destroy()
  await drained
  expect(ended).toBe(true)
})

test('drain cuts what does not end in time', async () => {
  const { v2, next } = heldV2()
  const lines: string[] = []
  const log = openLog({ logLevel: 'info' }, { write: (line) => void lines.push(line) })
  const server = await open({ v2, log })
  const stuck = await connectTo(server)
  stuck.socket.write(get)
  await next()
  const start = performance.now()
  await server.drain({ seconds: 0.2 })
  expect(performance.now() - start).toBeGreaterThan(150)
  expect(performance.now() - start).toBeLessThan(2000)
  await stuck.closed
  expect(stuck.heard()).toBe('')
  expect(lines.join('')).toContain('"requests":1')
})

test('drain twice is drain once', async () => {
  const server = await open()
  await Promise.all([server.drain(), server.drain(), server[Symbol.asyncDispose]()])
})

test('a keep-alive connection carries many requests', async () => {
  await using server = await open()
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  const ports = new Set<number | undefined>()
  for (let turn = 0; turn < 3; turn++) {
    const req = http.get(`${server.url}/v2/`, { agent })
    const [res] = (await once(req, 'response')) as [http.IncomingMessage]
    ports.add(res.socket.localPort)
    await res.resume().toArray()
  }
  expect(ports.size).toBe(1)
  agent.destroy()
})
