import { once } from 'node:events'
import { copyFile, mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises'
import https from 'node:https'
import net from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeCertificates } from '../../test/support/certificates.ts'
import { needs } from '../../test/support/require.ts'
import { makeTemporaryFolder } from '../../test/support/temporary-folder.ts'
import { isRefusal } from '../domain/errors.ts'
import { openLog } from '../log.ts'
import { openMetrics } from '../metrics.ts'
import { openHttpServer } from './server.ts'

const openssl = needs({ program: 'openssl', package: 'openssl' })
const folder = makeTemporaryFolder('tls')
const [one, two] = ['one', 'two'].map((name) => path.join(folder.path, name)) as [string, string]

beforeAll(async () => {
  if (openssl.skip) return
  for (const place of [one, two]) {
    await mkdir(place)
    await makeCertificates(place)
  }
})
afterAll(() => folder[Symbol.asyncDispose]())

/** A server on copies of the first pair, in a folder of its own, and its log. */
async function open(name: string, place = path.join(folder.path, name)) {
  await mkdir(place, { recursive: true })
  await install(one, place)
  const lines: string[] = []
  const server = await openHttpServer({
    tracing: null,
    config: {
      listen: { host: '127.0.0.1', port: 0 },
      tls: { certFile: path.join(place, 'server.crt'), keyFile: path.join(place, 'server.key') },
      metrics: 'off',
    },
    log: openLog({ logLevel: 'info' }, { write: (line) => void lines.push(line) }),
    metrics: openMetrics(),
    version: '1',
    v2: (_req, res) => void res.end('v2'),
    checks: [],
    mayReadMetrics: async () => false,
    certificateIntervalSeconds: 0.05,
  })
  return { server, place, lines, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

async function install(from: string, place: string) {
  for (const name of ['server.crt', 'server.key']) {
    await copyFile(path.join(from, name), path.join(place, name))
  }
}

/** Gets `/v2/` trusting only this folder's authority; undefined when the certificate is another's. */
async function get(url: string, from: string): Promise<string | undefined> {
  const ca = await readFile(path.join(from, 'ca.crt'))
  const req = https.get(`${url}/v2/`, { ca, agent: false })
  try {
    const [res] = await once(req, 'response')
    return Buffer.concat(await res.toArray()).toString()
  } catch (error) {
    expect(error).toMatchObject({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })
    return undefined
  }
}

async function waitFor(isTrue: () => boolean | Promise<boolean>) {
  for (let turn = 0; turn < 200; turn++) {
    if (await isTrue()) return
    await sleep(25)
  }
  throw new Error('it did not come')
}

describe.skipIf(openssl.skip)(`a TLS port ${openssl.reason}`, () => {
  test('serves TLS, 1.2 and later', async () => {
    await using opened = await open('plain')
    expect(opened.server.url).toMatch(/^https:/)
    expect(await get(opened.server.url, one)).toBe('v2')
    const { port } = new URL(opened.server.url)
    const connect = async (version: tls.SecureVersion) => {
      const socket = tls.connect({
        port: Number(port),
        host: '127.0.0.1',
        rejectUnauthorized: false,
        minVersion: version,
        maxVersion: version,
        ciphers: 'DEFAULT@SECLEVEL=0',
      })
      try {
        await once(socket, 'secureConnect')
        return true
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' })
        return false
      } finally {
        socket.destroy()
      }
    }
    expect(await connect('TLSv1.1')).toBe(false)
    expect(await connect('TLSv1.2')).toBe(true)
    expect(await connect('TLSv1.3')).toBe(true)
  })

  test('a client that speaks plain HTTP is told so', async () => {
    await using opened = await open('http')
    const { port } = new URL(opened.server.url)
    const socket = net.connect(Number(port), '127.0.0.1')
    socket.end('GET /v2/ HTTP/1.1\r\nHost: h\r\n\r\n')
    const heard = Buffer.concat(await socket.toArray()).toString()
    expect(heard).toMatch(/^HTTP\/1\.1 400 /)
    expect(heard).toContain('https://')
  })

  test('nonsense on the TLS port ends the connection and nothing else', async () => {
    await using opened = await open('nonsense')
    const { port } = new URL(opened.server.url)
    const socket = net.connect(Number(port), '127.0.0.1')
    socket.write('\x00\x01\x02 nonsense that is long enough for a record header\r\n\r\n')
    await socket.toArray().catch(() => [])
    expect(await get(opened.server.url, one)).toBe('v2')
  })

  test('takes a new certificate when the files change', async () => {
    await using opened = await open('changed')
    expect(await get(opened.server.url, two)).toBeUndefined()
    await install(two, opened.place)
    await waitFor(async () => (await get(opened.server.url, two)) === 'v2')
    expect(await get(opened.server.url, one)).toBeUndefined()
    expect(opened.lines.join('')).toContain('certificate replaced')
  })

  test('keeps the old certificate while the new pair does not fit, and logs it once', async () => {
    await using opened = await open('unfit')
    await copyFile(path.join(two, 'server.crt'), path.join(opened.place, 'server.crt'))
    await waitFor(() => opened.lines.join('').includes('old one kept'))
    await sleep(300)
    expect(await get(opened.server.url, one)).toBe('v2')
    expect(opened.lines.join('').match(/old one kept/g)).toHaveLength(1)
    await writeFile(path.join(opened.place, 'server.key'), 'rubbish')
    await sleep(200)
    expect(await get(opened.server.url, one)).toBe('v2')
    await install(two, opened.place)
    await waitFor(async () => (await get(opened.server.url, two)) === 'v2')
  })

  test('sees a swapped link, as Kubernetes updates a secret', async () => {
    const place = path.join(folder.path, 'linked')
    await mkdir(path.join(place, '..v1'), { recursive: true })
    await symlink('..v1', path.join(place, '..data'))
    const data = path.join(place, '..data')
    await using opened = await open('linked', data)
    expect(await get(opened.server.url, one)).toBe('v2')
    await mkdir(path.join(place, '..v2'))
    await install(two, path.join(place, '..v2'))
    await symlink('..v2', path.join(place, '..data_tmp'))
    await rename(path.join(place, '..data_tmp'), data)
    await waitFor(async () => (await get(opened.server.url, two)) === 'v2')
  })

  test('does not start on a pair that cannot be used', async () => {
    const files = (certFile: string, keyFile: string) => ({
      listen: { host: '127.0.0.1', port: 0 },
      tls: { certFile: path.join(folder.path, certFile), keyFile: path.join(folder.path, keyFile) },
      metrics: 'off' as const,
    })
    const start = (config: ReturnType<typeof files>) =>
      openHttpServer({
        tracing: null,
        config,
        log: openLog({ logLevel: 'silent' }),
        metrics: openMetrics(),
        version: '1',
        v2: () => {},
        checks: [],
        mayReadMetrics: async () => false,
      })
    for (const config of [
      files('one/server.crt', 'two/server.key'),
      files('absent', 'one/server.key'),
    ]) {
      await expect(start(config)).rejects.toSatisfy(
        (error) =>
          isRefusal(error, 'REQUEST_INVALID') && error.message.includes(config.tls.certFile),
      )
    }
  })

  test('drain closes connections that never finished their handshake', async () => {
    await using opened = await open('drain')
    const { port } = new URL(opened.server.url)
    const socket = net.connect(Number(port), '127.0.0.1')
    await once(socket, 'connect')
    await sleep(50)
    const start = performance.now()
    await opened.server.drain({ seconds: 10 })
    expect(performance.now() - start).toBeLessThan(2000)
    socket.destroy()
  })
})
