import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { isRefusal } from '../domain/errors.ts'
import { type Caller, type CallerOptions, createReadCaller } from './base-url.ts'

interface Request {
  readonly peer?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** What is read off a request with these headers from this peer; by default a trusted proxy. */
function read(
  options: Partial<CallerOptions>,
  { peer = '10.0.0.1', headers = {} }: Request,
): Caller {
  const socket = Object.defineProperties(new Socket(), {
    remoteAddress: { value: peer },
    localAddress: { value: '192.0.2.9' },
    localPort: { value: 8624 },
  })
  const req = Object.assign(new IncomingMessage(socket), { headers })
  const defaults = { baseUrl: null, trustProxy: ['10.0.0.0/8'], tls: false }
  return createReadCaller({ ...defaults, ...options })(req)
}

const plain: readonly (readonly [host: string, tls: boolean, baseUrl: string])[] = [
  ['r.example', false, 'http://r.example'],
  ['r.example', true, 'https://r.example'],
  ['R.Example:80', false, 'http://r.example'],
  ['r.example:443', true, 'https://r.example'],
  ['r.example:443', false, 'http://r.example:443'],
  ['r.example:80', true, 'https://r.example:80'],
  ['localhost:8624', false, 'http://localhost:8624'],
  ['[::1]:8624', false, 'http://[::1]:8624'],
]

test.for(plain)('the Host %s (TLS: %s) is %s', ([host, tls, baseUrl]) => {
  const caller = read({ tls }, { peer: '192.0.2.1', headers: { host } })
  const service = baseUrl.replace(/^https?:\/\//, '')
  expect(caller).toEqual({ baseUrl, service, address: '192.0.2.1' })
})

test.for([
  'evil"',
  'a b',
  'a,b',
  'a/../b',
  'user@host',
  'host:99999',
  'host:port',
  'http://host',
  'a\\b',
  '[::1',
  'ä',
  'a?b',
])('refuses the Host %j', (host) => {
  const call = () => read({}, { headers: { host } })
  expect(call).toThrow(expect.toSatisfy((error) => isRefusal(error, 'REQUEST_INVALID')))
  const forwarded = () => read({}, { headers: { host: 'good', 'x-forwarded-host': host } })
  // In a list only the nearest proxy's word counts, and `b` is a host.
  if (host !== 'a,b')
    expect(forwarded).toThrow(expect.toSatisfy((error) => isRefusal(error, 'REQUEST_INVALID')))
})

test('without a Host header the address that was connected to counts', () => {
  expect(read({}, {}).baseUrl).toBe('http://192.0.2.9:8624')
})

const forwarded = {
  host: 'inner:8624',
  'x-forwarded-for': '203.0.113.5',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'r.example',
}

test('a trusted proxy tells scheme, host and client', () => {
  expect(read({}, { headers: forwarded })).toEqual({
    baseUrl: 'https://r.example',
    service: 'r.example',
    address: '203.0.113.5',
  })
})

test.for(['192.0.2.1', '11.0.0.1', '::1', 'fe80::1'])('the headers of %s do not count', (peer) => {
  expect(read({}, { peer, headers: { ...forwarded, host: 'h' } })).toEqual({
    baseUrl: 'http://h',
    service: 'h',
    address: peer,
  })
})

test('nobody is trusted unless somebody is named', () => {
  for (const peer of ['127.0.0.1', '::1', '10.0.0.1']) {
    const caller = read({ trustProxy: [] }, { peer, headers: forwarded })
    expect(caller).toEqual({ baseUrl: 'http://inner:8624', service: 'inner:8624', address: peer })
  }
})

test('a peer that arrives as IPv4 in IPv6 is the IPv4 address', () => {
  const caller = read({}, { peer: '::ffff:10.0.0.1', headers: forwarded })
  expect(caller.address).toBe('203.0.113.5')
  expect(read({}, { peer: '::ffff:192.0.2.1', headers: { host: 'h' } }).address).toBe('192.0.2.1')
})

const chains: readonly (readonly [what: string, forwardedFor: string, address: string])[] = [
  ['what the client claimed before the proxy', '8.8.8.8, 203.0.113.5', '203.0.113.5'],
  ['a claim to be a proxy', '10.9.9.9, 203.0.113.5', '203.0.113.5'],
  ['two proxies', '203.0.113.5, 10.0.0.2', '203.0.113.5'],
  ['a claim before two proxies', '127.0.0.1, 203.0.113.5, 10.0.0.2', '203.0.113.5'],
  ['a port', '203.0.113.5:4711', '203.0.113.5'],
  ['IPv6 with a port', '[2001:db8::1]:4711', '2001:db8::1'],
  ['no address', 'unknown', '10.0.0.1'],
  ['nonsense', '<script>', '10.0.0.1'],
  ['nonsense before the client', '"x\\, 203.0.113.5', '203.0.113.5'],
  ['nothing', '', '10.0.0.1'],
]

test.for(chains)('X-Forwarded-For with %s', ([, value, address]) => {
  const headers = { ...forwarded, 'x-forwarded-for': value }
  expect(read({}, { headers }).address).toBe(address)
})

test('of lists that proxies append to, what the client sent first is not believed', () => {
  const headers = {
    host: 'inner',
    'x-forwarded-for': '203.0.113.5',
    'x-forwarded-host': 'evil.example, r.example',
    'x-forwarded-proto': 'http, https',
    'x-forwarded-port': '1, 8443',
  }
  expect(read({}, { headers }).baseUrl).toBe('https://r.example:8443')
})

test('two proxies: the outer one saw what the client asked for', () => {
  const headers = {
    host: 'inner',
    'x-forwarded-for': '203.0.113.5, 10.0.0.2',
    'x-forwarded-host': 'evil.example, r.example, middle.example',
    'x-forwarded-proto': 'https, http',
  }
  expect(read({}, { headers }).baseUrl).toBe('https://r.example')
})

const ports: readonly (readonly [host: string, proto: string, port: string, baseUrl: string])[] = [
  ['r.example', 'https', '443', 'https://r.example'],
  ['r.example', 'https', '8443', 'https://r.example:8443'],
  ['r.example:5000', 'https', '443', 'https://r.example:5000'],
  ['r.example:443', 'https', '8443', 'https://r.example'],
  ['r.example', 'https', '80', 'https://r.example'],
  ['r.example', 'http', '80', 'http://r.example'],
  ['r.example', 'HTTPS', '443', 'https://r.example'],
  ['r.example', 'wss', '443', 'https://r.example'],
]

test.for(ports)('host %s, proto %s, port %s: %s', ([host, proto, port, baseUrl]) => {
  const both = { 'x-forwarded-proto': proto, 'x-forwarded-port': port }
  expect(read({}, { headers: { host, ...both } }).baseUrl).toBe(baseUrl)
  const inHeader = { host: 'inner:1', 'x-forwarded-host': host, ...both }
  expect(read({}, { headers: inHeader }).baseUrl).toBe(baseUrl)
})

test.for([
  ['x-forwarded-proto', 'javascript'],
  ['x-forwarded-port', '0'],
  ['x-forwarded-port', '443"'],
] as const)('refuses %s: %s', ([name, value]) => {
  const call = () => read({}, { headers: { host: 'h', [name]: value } })
  expect(call).toThrow(expect.toSatisfy((error) => isRefusal(error, 'REQUEST_INVALID')))
})

test('RFC 7239 Forwarded does not count', () => {
  const headers = { host: 'h', forwarded: 'for=1.2.3.4;host=evil;proto=https' }
  expect(read({}, { headers })).toEqual({ baseUrl: 'http://h', service: 'h', address: '10.0.0.1' })
})

test('a configured base URL wins, whatever the Host says', () => {
  const caller = read(
    { baseUrl: 'https://public.example:5000' },
    { headers: { ...forwarded, host: '"' } },
  )
  expect(caller).toEqual({
    baseUrl: 'https://public.example:5000',
    service: 'public.example:5000',
    address: '203.0.113.5',
  })
})

test('a base URL that is a setting may change at any time', () => {
  let setting: string | null = null
  const options = { baseUrl: () => setting }
  const readCaller = createReadCaller({ ...options, trustProxy: [], tls: false })
  const req = Object.assign(new IncomingMessage(new Socket()), { headers: { host: 'h' } })
  expect(readCaller(req).baseUrl).toBe('http://h')
  setting = 'https://a.example/'
  expect(readCaller(req).baseUrl).toBe('https://a.example')
  setting = null
  expect(readCaller(req).baseUrl).toBe('http://h')
})
