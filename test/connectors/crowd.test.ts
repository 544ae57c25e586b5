import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { clientOf } from '../support/api-call.ts'
import { runSuccessfully } from '../support/command.ts'
import { digestOf, type Image } from '../support/content.ts'
import { describeWith } from '../support/describe-with.ts'
import { type Distribution, startDistribution } from '../support/distribution.ts'
import { type FaultProxy, openFaultProxy } from '../support/fault-proxy.ts'
import { imageOf } from '../support/layers.ts'
import { adminPassword, type ServerProcess, startProcess } from '../support/process.ts'
import { basicAuthorization } from '../support/registry-client.ts'
import { needs } from '../support/require.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { connect, seed } from './stage.ts'

const registry = needs({ program: 'docker-registry', package: 'docker-registry' })
const curl = needs({ program: 'curl', package: 'curl' })
const clients = 50
const layers = 4
/** `npm run test:crowd -- --megabytes 200 --rate 20`: of the image, and what the other registry sends a second. */
const megabytes = Number(process.env.ENTREPOT_TEST_MEGABYTES ?? 20)
const rate = Number(process.env.ENTREPOT_TEST_RATE ?? 20)

describeWith('fifty clients at once', [registry.reason, curl.reason], () => {
  const folder = makeTemporaryFolder('connector-crowd')
  let upstream: Distribution
  let proxy: FaultProxy
  let running: ServerProcess
  let server: { readonly url: string; readonly admin: string }

  beforeAll(async () => {
    upstream = await startDistribution(registry.file, path.join(folder.path, 'upstream'))
    proxy = await openFaultProxy(upstream.url)
    running = await startProcess({ dataDir: path.join(folder.path, 'data') })
    server = { url: running.url, admin: basicAuthorization('Admin', adminPassword) }
    await call(clientOf(server.url, server.admin), api.feeds.create, { body: { name: 'hub' } })
    await connect(server, 'hub', { name: 'upstream', url: proxy.url, timeout: 60 })
  }, 120_000)
  afterAll(async () => {
    await running.stop()
    await proxy[Symbol.asyncDispose]()
    await upstream[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  /** Everything of the image, `times` over and all at once, by a process of its own. */
  async function pullAll(url: string, times: number, blobs: Image['blobs']) {
    const urls = blobs.map(({ digest }) => `${url}/blobs/${digest}`)
    const start = performance.now()
    const output = await runSuccessfully(
      'curl',
      [
        ...[
          '--silent',
          '--show-error',
          '--no-progress-meter',
          '--parallel',
          '--parallel-immediate',
        ],
        ...['--parallel-max', '300', '--user', `Admin:${adminPassword}`],
        ...['--write-out', '%{http_code} %{size_download}\\n'],
        ...Array.from({ length: times }, () => urls)
          .flat()
          .flatMap((each) => ['--output', '/dev/null', each]),
      ],
      { timeoutSeconds: 300 },
    )
    return { ms: performance.now() - start, lines: output.trim().split('\n').sort() }
  }

  test('pull a cold image: each blob comes once', { timeout: 400_000 }, async () => {
    const layerBytes = (1_000_000 * megabytes) / layers
    const image = imageOf(
      Array.from({ length: layers }, () => ({ bytes: randomBytes(layerBytes) })),
    )
    proxy.setFault({ kind: 'slow', bytesPerSecond: (1_000_000 * rate) / layers }, /blobs/)
    await seed(upstream.url, 'big', { image, tags: ['1'] })
    const expected = image.blobs.map(({ size }) => `200 ${size}`)
    const direct = await pullAll(`${proxy.url}/v2/big`, 1, image.blobs)
    expect(direct.lines).toEqual([...expected].sort())
    const before = proxy.requests.length
    const crowd = await pullAll(`${server.url}/v2/hub/big`, clients, image.blobs)
    expect(crowd.lines).toEqual(
      Array.from({ length: clients }, () => expected)
        .flat()
        .sort(),
    )
    const asked = proxy.requests.slice(before).filter((each) => each.startsWith('GET /v2/big'))
    expect(asked.sort()).toEqual(
      image.blobs.map(({ digest }) => `GET /v2/big/blobs/${digest}`).sort(),
    )
    proxy.setFault(null)
    process.stdout.write(
      `${megabytes} MB at ${rate} MB/s: one direct pull ${Math.round(direct.ms)} ms, ${clients} through the connector ${Math.round(crowd.ms)} ms: ratio ${(crowd.ms / direct.ms).toFixed(2)}\n`,
    )
  })

  test('hear the first byte before the last one has come', { timeout: 120_000 }, async () => {
    const image = imageOf([{ bytes: randomBytes(3_000_000) }])
    await seed(upstream.url, 'slow', { image, tags: ['1'] })
    const [layer] = image.layers
    if (layer === undefined) throw new Error('an image has a layer')
    proxy.setFault({ kind: 'slow', bytesPerSecond: 1_000_000 }, /blobs/)
    const sentBefore = proxy.sentBytes()
    const url = `${server.url}/v2/hub/slow/blobs/${layer.digest}`
    const answers = await Promise.all(
      Array.from({ length: clients }, () =>
        fetch(url, { headers: { authorization: server.admin } }),
      ),
    )
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    const bodies = await Promise.all(
      answers.map(async ({ body }) => {
        const reader = body?.getReader()
        const first = await reader?.read()
        return { reader, first: first?.value ?? new Uint8Array(), at: proxy.sentBytes() }
      }),
    )
    for (const { first, at } of bodies) {
      expect(first.byteLength).toBeGreaterThan(0)
      expect(at - sentBefore).toBeLessThan(layer.size)
    }
    await Promise.all(
      bodies.map(async ({ reader, first }) => {
        const pieces = [first]
        for (;;) {
          const next = await reader?.read()
          if (next?.value === undefined) break
          pieces.push(next.value)
        }
        const bytes = Buffer.concat(pieces)
        expect([bytes.byteLength, digestOf(bytes)]).toEqual([layer.size, layer.digest])
      }),
    )
    proxy.setFault(null)
    expect(proxy.requests.filter((each) => each.includes(layer.digest))).toHaveLength(1)
  })
})
