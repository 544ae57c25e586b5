import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { RegistryClient } from './client.ts'
import { UpstreamError } from './upstream-error.ts'

type Answer = (req: IncomingMessage, res: ServerResponse) => void

/** A host that answers as the test says, and remembers what it was sent. */
class Host {
  readonly #server = http.createServer((req, res) => {
    this.seen.push({ url: req.url ?? '', authorization: req.headers.authorization })
    this.answer(req, res)
  })
  seen: { readonly url: string; readonly authorization: string | undefined }[] = []
  answer: Answer = (_req, res) => res.writeHead(404).end()
  port = 0

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    this.port = (this.#server.address() as AddressInfo).port
  }

  url(host = '127.0.0.1'): string {
    return `http://${host}:${this.port}`
  }

  reset(): void {
    this.seen = []
    this.answer = (_req, res) => res.writeHead(404).end()
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

const registry = new Host()
const stranger = new Host()
const hosts = [registry, stranger]
const basic = `Basic ${Buffer.from('linda:secret').toString('base64')}`

beforeAll(async () => {
  for (const host of hosts) await host.listen()
})
afterEach(() => {
  for (const host of hosts) host.reset()
})
afterAll(async () => {
  for (const host of hosts) await host.close()
})

interface More {
  readonly realmHosts?: readonly string[]
  readonly isAnonymous?: true
  readonly timeoutMs?: number
}

function open(more: More = {}) {
  return new RegistryClient({
    ...{ url: new URL(registry.url()), caCertificate: null, allowPrivate: true, now: Date.now },
    ...{ timeoutMs: more.timeoutMs ?? 10_000, realmHosts: more.realmHosts ?? [] },
    credentials: more.isAnonymous ? null : { username: 'linda', password: 'secret' },
  })
}

const digest = `sha256:${'a'.repeat(64)}`
const wantsBasic: Answer = (_req, res) =>
  res.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
/** Lets in who shows the password. */
const behindBasic =
  (answer: Answer): Answer =>
  (req, res) =>
    req.headers.authorization === basic ? answer(req, res) : wantsBasic(req, res)
const redirect =
  (location: () => string): Answer =>
  (_req, res) =>
    res.writeHead(307, { location: location() }).end()

async function failureOf(work: Promise<unknown>): Promise<UpstreamError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof UpstreamError) return error
  throw new Error(`no UpstreamError: ${String(error)}`)
}

test.each([
  ['another port', () => stranger.url()],
  ['another name of the same machine', () => stranger.url('localhost')],
  ['another name on the same port', () => registry.url('localhost')],
])('a redirect to %s carries no credentials', async (_what, to) => {
  const target = to()
  registry.answer = (req, res) =>
    req.headers.host?.startsWith('localhost')
      ? res.end('here')
      : behindBasic(redirect(() => `${target}/elsewhere`))(req, res)
  stranger.answer = (_req, res) => res.end('here')
  using client = open()
  const { answer } = await client.openBlob('app', digest)
  answer.resume()
  const elsewhere = hosts.flatMap(({ seen }) => seen).filter(({ url }) => url === '/elsewhere')
  expect(elsewhere).toEqual([{ url: '/elsewhere', authorization: undefined }])
})

test('whoever a redirect leads to cannot ask for the credentials', async () => {
  registry.answer = behindBasic(redirect(() => `${stranger.url()}/blob`))
  stranger.answer = wantsBasic
  using client = open()
  const failure = await failureOf(client.openBlob('app', digest))
  // Not "the password is wrong": that would stop every question for ten minutes.
  expect(failure).toMatchObject({ fault: 'denied' })
  expect(failure.message).toContain(new URL(stranger.url()).host)
  expect(stranger.seen).toEqual([{ url: '/blob', authorization: undefined }])
})

test('whoever a redirect leads to cannot name a realm', async () => {
  registry.answer = redirect(() => `${stranger.url()}/blob`)
  stranger.answer = (req, res) =>
    req.url === '/blob'
      ? res.writeHead(401, { 'www-authenticate': `Bearer realm="${stranger.url()}/token"` }).end()
      : res.end('{"token":"theirs"}')
  using client = open({ isAnonymous: true })
  expect(await failureOf(client.openBlob('app', digest))).toMatchObject({ fault: 'denied' })
  expect(stranger.seen.map(({ url }) => url)).toEqual(['/blob'])
})

test('a realm on another host is sent the credentials only where that is allowed', async () => {
  const token: Answer = (_req, res) => res.end('{"token":"abc"}')
  stranger.answer = token
  registry.answer = (req, res) =>
    req.headers.authorization === 'Bearer abc'
      ? res.end('{}')
      : res.writeHead(401, { 'www-authenticate': `Bearer realm="${stranger.url()}/token"` }).end()
  using refusing = open()
  expect(await failureOf(refusing.ping())).toMatchObject({ fault: 'malformed', step: 'token' })
  expect(stranger.seen).toEqual([])
  using allowing = open({ realmHosts: [new URL(stranger.url()).host] })
  await allowing.ping()
  expect(stranger.seen.map(({ authorization }) => authorization)).toEqual([basic])
})

test('a realm that redirects gets nobody anywhere', async () => {
  registry.answer = (req, res) =>
    req.url?.startsWith('/token')
      ? redirect(() => `${stranger.url()}/token`)(req, res)
      : res.writeHead(401, { 'www-authenticate': `Bearer realm="${registry.url()}/token"` }).end()
  using client = open()
  expect(await failureOf(client.ping())).toMatchObject({ fault: 'malformed', step: 'token' })
  expect(stranger.seen).toEqual([])
})

test('a user name in an address that the registry gives is not sent', async () => {
  registry.answer = redirect(() => stranger.url('eve:x@127.0.0.1'))
  stranger.answer = (_req, res) => res.end('here')
  using client = open({ isAnonymous: true })
  ;(await client.openBlob('app', digest)).answer.resume()
  expect(stranger.seen.map(({ authorization }) => authorization)).toEqual([undefined])
})

test.each(['text/html', 'application/json'])('429 is obeyed, also as %s', async (type) => {
  registry.answer = (_req, res) =>
    res.writeHead(429, { 'content-type': type, 'retry-after': '7' }).end('slow down')
  using client = open()
  expect(await failureOf(client.ping())).toMatchObject({ fault: 'limited', retryAfterMs: 7000 })
})

test('429 for a token is obeyed as well', async () => {
  registry.answer = (req, res) =>
    req.url?.startsWith('/token')
      ? res.writeHead(429, { 'retry-after': '9' }).end()
      : res.writeHead(401, { 'www-authenticate': 'Bearer realm="/token"' }).end()
  using client = open()
  expect(await failureOf(client.ping())).toMatchObject({ fault: 'limited', retryAfterMs: 9000 })
})

test('a manifest that trickles in is given up', { timeout: 20_000 }, async () => {
  let timer: NodeJS.Timeout | undefined
  registry.answer = (_req, res) => {
    res.writeHead(200, { 'content-type': 'application/json' })
    timer = setInterval(() => res.write(' '), 50)
  }
  using client = open({ timeoutMs: 200 })
  const failure = await failureOf(client.getManifest('app', '1'))
  clearInterval(timer)
  expect(failure).toMatchObject({ fault: 'unavailable', step: 'timeout' })
})

test('an endless manifest is given up', async () => {
  registry.answer = (_req, res) => {
    res.writeHead(200, { 'content-type': 'application/json' })
    const more = () => {
      while (!res.destroyed && res.write(Buffer.alloc(65_536, 32)));
    }
    res.on('drain', more)
    more()
  }
  using client = open()
  expect(await failureOf(client.getManifest('app', '1'))).toMatchObject({ fault: 'malformed' })
})

test('connections that were kept and are gone by now are no outage', async () => {
  const used = new Set<unknown>()
  let waiting: (() => void)[] = []
  registry.answer = (req, res) => {
    if (used.has(req.socket)) {
      req.socket.destroy()
      return
    }
    used.add(req.socket)
    waiting.push(() => res.end('{}'))
    if (waiting.length < 3) return
    for (const answer of waiting) answer()
    waiting = []
  }
  using client = open({ isAnonymous: true })
  // Three at once, so that three connections are kept.
  await Promise.all([client.ping(), client.ping(), client.ping()])
  registry.answer = (req, res) => {
    if (used.has(req.socket)) req.socket.destroy()
    else res.end('{}')
  }
  await client.ping()
})
