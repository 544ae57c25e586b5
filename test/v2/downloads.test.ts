import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { makeCertificates } from '../support/certificates.ts'
import { type Content, contentOf, seededBytes } from '../support/content.ts'
import { seededRandom } from '../support/random.ts'
import { needs } from '../support/require.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'

const mebibyte = 1024 * 1024
const replyStalledMs = 700
const folder = makeTemporaryFolder('downloads')
let plain: TestServer
let secure: TestServer
/** They cut clients off that do not read for a moment: no place for what only must arrive. */
let impatient: TestServer
let impatientSecure: TestServer
let ca: Buffer
/** Each piece of 64 KiB differs from every other: a buffer that is used too early shows. */
const openssl = needs({ program: 'openssl', package: 'openssl' })
const contents: readonly Content[] = [
  0,
  1,
  65_535,
  65_537,
  mebibyte,
  5 * mebibyte + 3,
  9_000_001,
].map((size) => contentOf(seededBytes(`download ${size}`, size)))
const large = contentOf(seededBytes('large', 24 * mebibyte + 11))

beforeEach((context) => context.skip(openssl.skip, openssl.reason))

beforeAll(async () => {
  if (openssl.skip) return
  const files = await makeCertificates(folder.path)
  ca = readFileSync(files.caFile)
  const overTls = { tls: { certFile: files.certFile, keyFile: files.keyFile } }
  const patience = { replyStalledMs }
  plain = await startServer()
  secure = await startServer(overTls)
  impatient = await startServer({}, { patience })
  impatientSecure = await startServer(overTls, { patience })
  for (const server of [plain, secure]) {
    for (const content of [...contents, large]) await push(server, content)
  }
  for (const server of [impatient, impatientSecure]) await push(server, large)
})

afterAll(async () => {
  if (openssl.skip) return
  for (const server of [plain, secure, impatient, impatientSecure]) {
    await server[Symbol.asyncDispose]()
  }
  await folder[Symbol.asyncDispose]()
})

function begin(server: TestServer, method: string, path: string, headers: object = {}) {
  const request = server.url.startsWith('https:') ? https.request : http.request
  return request(`${server.url}${path}`, {
    method,
    agent: false,
    ca,
    headers: { authorization: server.admin, ...headers },
  })
}

async function push(server: TestServer, content: Content) {
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const path = `/v2/main/app/blobs/uploads/?digest=${content.digest}`
    const request = begin(server, 'POST', path, { 'content-length': content.size })
    request.on('error', reject).on('response', (res) => resolve(res.resume().statusCode))
    request.end(content.bytes)
  })
  expect(status).toBe(201)
}

const pathOf = (content: Content) => `/v2/main/app/blobs/${content.digest}`

interface Got {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: Buffer
}

/** Reads the answer, stopping for a moment after every `pauseEveryBytes`. */
function get(
  server: TestServer,
  content: Content,
  { pauseEveryBytes = Number.POSITIVE_INFINITY, headers = {} as object } = {},
): Promise<Got> {
  return new Promise((resolve, reject) => {
    const request = begin(server, 'GET', pathOf(content), headers)
    request.on('error', reject)
    request.on('response', (res) => {
      const chunks: Buffer[] = []
      let sinceLastPause = 0
      res.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        sinceLastPause += chunk.length
        if (sinceLastPause < pauseEveryBytes) return
        sinceLastPause = 0
        res.pause()
        setTimeout(() => res.resume(), 5)
      })
      res.on('error', reject)
      res.on('end', () =>
        resolve({ status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(chunks) }),
      )
    })
    request.end()
  })
}

const schemes = [
  ['over plain HTTP', () => plain, () => impatient],
  ['over TLS', () => secure, () => impatientSecure],
] as const

describe.for(schemes)(`blobs %s ${openssl.reason}`, ([, server, impatientServer]) => {
  test('arrive byte by byte, many at once, read slowly and quickly', async () => {
    const rounds = [...contents, ...contents, large, large, ...contents, large]
    await Promise.all(
      rounds.map(async (content, i) => {
        const pauseEveryBytes = i % 3 === 0 ? Number.POSITIVE_INFINITY : 40_000 * (i % 5) + 200_000
        const { status, body } = await get(server(), content, { pauseEveryBytes })
        expect(status).toBe(200)
        expect(createHash('sha256').update(body).digest('hex')).toBe(content.digest.slice(7))
      }),
    )
  })

  test('arrive byte by byte while other clients abort at any moment', async () => {
    const random = seededRandom(7)
    const aborts = Array.from({ length: 60 }, async () => {
      const request = begin(server(), 'GET', pathOf(large))
      request.on('error', () => undefined)
      request.on('response', (res) => res.on('error', () => undefined).resume())
      request.end()
      await sleep(random.between(0, 120))
      request.destroy()
    })
    const reads = Array.from({ length: 6 }, (_, i) =>
      get(server(), large, { pauseEveryBytes: 150_000 + 100_000 * i }),
    )
    for (const { body } of await Promise.all(reads)) expect(body.equals(large.bytes)).toBe(true)
    await Promise.all(aborts)
  })

  test('a client that is slow but reads is served to the end', async () => {
    const { hostname, port } = new URL(impatientServer().url)
    const secureSocket = impatientServer().url.startsWith('https:')
    const socket = secureSocket
      ? tls.connect({ host: hostname, port: Number(port), ca })
      : net.connect(Number(port), hostname)
    socket.on('error', () => undefined)
    socket.write(
      `GET ${pathOf(large)} HTTP/1.1\r\nHost: x\r\nAuthorization: ${impatientServer().admin}\r\nConnection: close\r\n\r\n`,
    )
    const deadline = performance.now() + replyStalledMs * 5
    let bytes = 0
    let ended = false
    socket.on('end', () => {
      ended = true
    })
    // The kernel's buffers move in steps of more than a mebibyte: slower would look like silence.
    while (performance.now() < deadline) {
      const chunk: Buffer | null = socket.read(64 * 1024) ?? socket.read()
      bytes += chunk?.length ?? 0
      await sleep(20)
    }
    expect(ended).toBe(false)
    expect(socket.destroyed).toBe(false)
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
    await new Promise((resolve) => socket.once('close', resolve))
    expect(bytes).toBeGreaterThan(large.size)
  })

  test('a client that never reads is cut off', async () => {
    const { hostname, port } = new URL(impatientServer().url)
    const secureSocket = impatientServer().url.startsWith('https:')
    const socket = secureSocket
      ? tls.connect({ host: hostname, port: Number(port), ca })
      : net.connect(Number(port), hostname)
    socket.on('error', () => undefined)
    socket.write(
      `GET ${pathOf(large)} HTTP/1.1\r\nHost: x\r\nAuthorization: ${impatientServer().admin}\r\n\r\n`,
    )
    await sleep(replyStalledMs * 4)
    let bytes = 0
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
    await new Promise((resolve) => socket.once('close', resolve))
    expect(bytes).toBeLessThan(large.size)
  })
})

describe(`several ranges ${openssl.reason}`, () => {
  test('are byte-exact, whatever is asked for', async () => {
    const random = seededRandom(99)
    const content = contents.at(-1) ?? large
    for (let round = 0; round < 25; round += 1) {
      const ranges = Array.from({ length: random.between(2, 40) }, () => {
        const start = random.between(0, content.size - 1)
        const length = random.chance(0.3) ? random.between(1, 200_000) : random.between(1, 900)
        return { start, end: start + length - 1 }
      })
      const range = `bytes=${ranges.map(({ start, end }) => `${start}-${end}`).join(round % 2 ? ',' : ', ')}`
      const got = await get(plain, content, { headers: { range } })
      expect(got.status).toBe(206)
      const boundary =
        /^multipart\/byteranges; boundary=(.+)$/.exec(got.headers['content-type'] ?? '')?.[1] ?? ''
      const reference = Buffer.concat([
        ...ranges.flatMap(({ start, end }) => {
          const last = Math.min(end, content.size - 1)
          return [
            Buffer.from(
              `\r\n--${boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes ${start}-${last}/${content.size}\r\n\r\n`,
            ),
            content.bytes.subarray(start, last + 1),
          ]
        }),
        Buffer.from(`\r\n--${boundary}--\r\n`),
      ])
      expect(Number(got.headers['content-length'])).toBe(reference.length)
      expect(got.body.equals(reference), `round ${round}: ${range}`).toBe(true)
    }
  })

  test('single ranges too, at every edge', async () => {
    const content = contentOf(seededBytes('download 65537', 65_537))
    for (const [range, start, end] of [
      ['0-0', 0, 0],
      ['0-65535', 0, 65_535],
      ['0-65536', 0, 65_536],
      ['65536-', 65_536, 65_536],
      ['-1', 65_536, 65_536],
      ['-99999', 0, 65_536],
      ['1-99999', 1, 65_536],
    ] as const) {
      const got = await get(plain, content, { headers: { range: `bytes=${range}` } })
      expect(got.status).toBe(206)
      expect(got.headers['content-range']).toBe(`bytes ${start}-${end}/65537`)
      expect(got.body.equals(content.bytes.subarray(start, end + 1)), range).toBe(true)
    }
  })
})
