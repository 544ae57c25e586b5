import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { openLog } from '../log.ts'
import { createReadCaller } from './base-url.ts'
import { watchBaseUrl } from './base-url-watch.ts'

type Headers = Readonly<Record<string, string>>

/** A server with this base URL, and what its watch says of requests. */
function watching(baseUrl: string | null, trustProxy: readonly string[] = []) {
  const lines: string[] = []
  const log = openLog({ logLevel: 'info' }, { write: (line) => void lines.push(line) })
  let nowMs = 1000
  const watch = watchBaseUrl(log, () => nowMs)
  const read = createReadCaller({ baseUrl, trustProxy, tls: false, watch })
  return {
    lines,
    ask(headers: Headers) {
      const socket = Object.defineProperties(new Socket(), {
        remoteAddress: { value: '10.0.0.1' },
        localAddress: { value: '10.0.0.2' },
        localPort: { value: 8624 },
      })
      read(Object.assign(new IncomingMessage(socket), { headers }))
      return watch.warning()
    },
    passMinutes(minutes: number) {
      nowMs += minutes * 60_000
      return watch.warning()
    },
  }
}

const behindProxy = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'r.example' }

const agreeing: readonly (readonly [what: string, baseUrl: string, headers: Headers])[] = [
  ['the Host', 'https://r.example', { host: 'r.example' }],
  ['the Host with a default port', 'https://r.example', { host: 'R.example:443' }],
  ['the Host with its port', 'http://r.example:8624', { host: 'r.example:8624' }],
  ['the host of a proxy that keeps its own', 'https://r.example', { host: 'in', ...behindProxy }],
  ['both schemes', 'https://r.example', { host: 'r.example', 'x-forwarded-proto': 'https' }],
  ['no Host at all', 'https://r.example', {}],
]

test.for(agreeing)('says nothing when the base URL fits %s', ([, baseUrl, headers]) => {
  const { ask, lines } = watching(baseUrl)
  expect(ask(headers)).toBeNull()
  expect(lines).toEqual([])
})

const disagreeing: readonly (readonly [baseUrl: string, headers: Headers, address: string])[] = [
  ['https://r.example', { host: 'other.example' }, 'http://other.example'],
  ['https://r.example', { host: 'r.example:8443' }, 'http://r.example:8443'],
  ['http://r.example', { host: 'r.example', 'x-forwarded-proto': 'https' }, 'https://r.example'],
  ['http://r.example:8624', { host: 'in:8624', ...behindProxy }, 'https://r.example'],
  ['https://old.example', { host: 'in', ...behindProxy }, 'https://r.example'],
]

test.for(disagreeing)(
  'warns that the base URL %s does not fit %j',
  ([baseUrl, headers, address]) => {
    for (const trustProxy of [[], ['10.0.0.0/8']]) {
      const { ask, lines } = watching(baseUrl, trustProxy)
      const warning = ask(headers)
      expect(warning).toContain(`as ${address},`)
      expect(warning).toContain(`base URL is ${baseUrl}:`)
      expect(warning).toContain('set ENTREPOT_BASE_URL')
      expect(lines.join('')).toContain(warning)
    }
  },
)

test('an address is logged once, and strangers cannot fill the log', () => {
  const { ask, lines } = watching('https://r.example')
  for (let i = 0; i < 3; i++) ask({ host: 'a.example' })
  expect(lines).toHaveLength(1)
  ask({ host: 'b.example' })
  expect(lines).toHaveLength(2)
  for (let i = 0; i < 100; i++) ask({ host: `x${i}.example` })
  expect(lines).toHaveLength(20)
})

test('a Host that is none is not repeated', () => {
  const { ask, lines } = watching('https://r.example')
  expect(ask({ host: '"\n<b>' })).toBeNull()
  expect(lines).toEqual([])
})

test('there is no warning while the base URL leads here, and it ends by itself', () => {
  const { ask, passMinutes } = watching('https://r.example')
  expect(ask({ host: 'r.example' })).toBeNull()
  expect(ask({ host: 'inside:8624' })).toBeNull()
  passMinutes(11)
  expect(ask({ host: 'inside:8624' })).toContain('inside:8624')
  expect(passMinutes(9)).toContain('inside:8624')
  expect(passMinutes(2)).toBeNull()
})

test('forwarded headers that do not count are told once', () => {
  const { ask, lines } = watching(null)
  expect(ask({ host: 'r.example' })).toBeNull()
  const warning = ask({ host: 'r.example', 'x-forwarded-proto': 'https' })
  ask({ host: 'r.example', ...behindProxy })
  expect(warning).toBeNull()
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain('10.0.0.1 sends x-forwarded-proto')
  expect(lines[0]).toContain('ENTREPOT_TRUST_PROXY')
})

test('a server that only ever hears of headers that do not count has a warning', () => {
  const { ask } = watching(null)
  expect(ask({ host: 'r.example', ...behindProxy })).toContain('ENTREPOT_TRUST_PROXY')
})

test('a trusted proxy is no reason to warn', () => {
  const { ask, lines } = watching(null, ['10.0.0.1'])
  expect(ask({ host: 'r.example', ...behindProxy })).toBeNull()
  expect(lines).toEqual([])
})
