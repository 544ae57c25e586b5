import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { openLog } from '../../server/log.ts'
import { clientOf } from '../support/api-call.ts'
import { describeWith } from '../support/describe-with.ts'
import type { Fault } from '../support/fault-proxy.ts'
import { imageOf } from '../support/layers.ts'
import { needs } from '../support/require.ts'
import { connect, openStage, type Stage, seed } from './stage.ts'

const registry = needs({ program: 'docker-registry', package: 'docker-registry' })

describeWith('when the other registry fails', [registry.reason], () => {
  let stage: Stage
  let upstream: Stage['upstream']
  let proxy: Stage['proxy']
  let server: Stage['server']
  let pull: Stage['pull']
  let count = 0
  const lines: string[] = []
  const log = openLog(
    { logLevel: 'info' },
    { write: (line: string) => void (line.includes('"level":"info"') || lines.push(line)) },
  )

  beforeAll(async () => {
    stage = await openStage(registry.file, { freshnessSeconds: 0, timeout: 2 }, {}, { log })
    ;({ upstream, proxy, server, pull } = stage)
  }, 60_000)
  afterAll(() => stage?.[Symbol.asyncDispose]())

  /** A repository of its own with one image, whose layer has 3 MB. */
  async function newImage() {
    count += 1
    const name = `faults/${count}`
    const image = imageOf([{ bytes: randomBytes(3_000_000) }])
    await seed(upstream.url, name, { image, tags: ['1'] })
    const [layer] = image.layers
    if (layer === undefined) throw new Error('an image has a layer')
    return { name, image, layer }
  }

  const requestsOf = (pattern: RegExp) => stage.countOf(pattern)

  const onBlob: readonly (readonly [string, Fault])[] = [
    ['breaks off again and again', { kind: 'drop', afterBytes: 1_000_000, times: 99 }],
    ['sends wrong bytes', { kind: 'wrongBytes' }],
    ['announces more than it sends', { kind: 'wrongLength', by: 1000 }],
    ['announces less than it sends', { kind: 'wrongLength', by: -1000 }],
    ['answers 500', { kind: 'status', status: 500 }],
    ['answers 401', { kind: 'status', status: 401 }],
    ['answers with a page', { kind: 'html' }],
    ['never answers', { kind: 'silence' }],
  ]

  test.each(onBlob)(
    'and %s, no wrong blob is completed or kept, and the next try succeeds',
    { timeout: 60_000 },
    async (_what, fault) => {
      const { name, layer } = await newImage()
      // Every attempt is broken off early: going on by ranges gets nowhere.
      const spoiled = fault.kind === 'drop' ? { ...fault, afterBytes: 0 } : fault
      proxy.setFault(spoiled, /blobs/)
      const path = `/v2/hub/${name}/blobs/${layer.digest}`
      const replies = await Promise.all([1, 2, 3].map(() => pull('GET', path).catch(() => null)))
      for (const reply of replies) {
        const isWhole = reply?.status === 200 && reply.complete
        expect(isWhole, `${reply?.status}, ${reply?.bodyBytes} bytes`).toBe(false)
      }
      proxy.setFault(null)
      const again = await pull('GET', path)
      expect([again.status, again.complete]).toEqual([200, true])
      expect(again.body.equals(layer.bytes)).toBe(true)
    },
  )

  test('and breaks off once, the transfer goes on by a range', async () => {
    const { name, layer } = await newImage()
    proxy.setFault({ kind: 'drop', afterBytes: 1_000_000, times: 1 }, /blobs/)
    const got = await pull('GET', `/v2/hub/${name}/blobs/${layer.digest}`)
    expect([got.status, got.complete, got.body.equals(layer.bytes)]).toEqual([200, true, true])
    expect(proxy.headersOf(/blobs/)?.range).toMatch(/^bytes=[1-9]\d*-$/)
    proxy.setFault(null)
  })

  test('and a client leaves, the transfer goes on to its end', async () => {
    const { name, layer } = await newImage()
    proxy.setFault({ kind: 'slow', bytesPerSecond: 3_000_000 }, /blobs/)
    const leaving = new AbortController()
    const url = `${server.url}/v2/hub/${name}/blobs/${layer.digest}`
    const headers = { authorization: server.admin }
    const answer = await fetch(url, { headers, signal: leaving.signal })
    await answer.body?.getReader().read()
    leaving.abort()
    await sleep(2500)
    proxy.setFault(null)
    const asked = requestsOf(/blobs/)
    const got = await pull('GET', `/v2/hub/${name}/blobs/${layer.digest}`)
    expect(got.body.equals(layer.bytes)).toBe(true)
    expect(requestsOf(/blobs/)).toBe(asked)
    expect(requestsOf(new RegExp(layer.digest))).toBe(1)
  })

  test('and clients are cut off, the log says so once', async () => {
    const { name, layer } = await newImage()
    await server.createFeed('logged')
    const logged = { name: 'logged', url: proxy.url, freshnessSeconds: 0, timeout: 2 }
    await connect(server, 'logged', logged)
    await pull('GET', `/v2/logged/${name}/manifests/1`)
    lines.length = 0
    proxy.setFault({ kind: 'wrongBytes' }, /blobs/)
    const path = `/v2/logged/${name}/blobs/${layer.digest}`
    for (const _ of [1, 2, 3]) {
      await Promise.all([1, 2, 3].map(() => pull('GET', path).catch(() => null)))
    }
    proxy.setFault({ kind: 'html' })
    for (const _ of [1, 2, 3]) await pull('GET', `/v2/logged/${name}/manifests/other`)
    proxy.setFault(null)
    expect(lines.length, lines.join('')).toBeLessThan(3)
    expect(lines.filter((line) => line.includes('The connector logged failed'))).toHaveLength(1)
    expect(lines.join('')).not.toContain('"stack"')
  })

  test('and is silent for long, what is cached is served meanwhile', {
    timeout: 20_000,
  }, async () => {
    const { name, image } = await newImage()
    await server.createFeed('patient')
    const patient = { name: 'patient', url: proxy.url, freshnessSeconds: 0, timeout: 600 }
    await connect(server, 'patient', patient)
    const path = `/v2/patient/${name}/manifests/1`
    expect((await pull('GET', path)).status).toBe(200)
    proxy.setFault({ kind: 'silence' })
    for (const _ of [1, 2]) {
      const got = await pull('GET', path)
      expect(got.body.equals(image.manifest.bytes)).toBe(true)
      expect(got.headers.warning).toContain('cannot be asked now')
    }
    proxy.setFault(null)
  })

  const onManifest: readonly (readonly [string, Fault, number])[] = [
    ['wrong bytes', { kind: 'wrongBytes' }, 502],
    ['an error', { kind: 'status', status: 500 }, 502],
    ['a page', { kind: 'html' }, 502],
    ['silence', { kind: 'silence' }, 502],
    ['an announcement of more', { kind: 'wrongLength', by: 10 }, 502],
  ]

  test.each(onManifest)(
    'and answers for a manifest with %s, it is an outage and not an unknown image',
    { timeout: 30_000 },
    async (_what, fault, status) => {
      const { name, image } = await newImage()
      proxy.setFault(fault, /manifests/)
      const failed = await pull('GET', `/v2/hub/${name}/manifests/1`)
      expect([failed.status, JSON.parse(failed.body.toString()).errors[0].code]).toEqual([
        ...[status, 'UNAVAILABLE'],
      ])
      proxy.setFault(null)
      const again = await pull('GET', `/v2/hub/${name}/manifests/1`)
      expect(again.body.equals(image.manifest.bytes)).toBe(true)
    },
  )

  test('and says 429, nothing is asked until it takes requests again', async () => {
    const { name, image } = await newImage()
    await pull('GET', `/v2/hub/${name}/manifests/1`)
    const limited = { 'retry-after': '3', 'ratelimit-remaining': '0;w=60', 'ratelimit-limit': '9' }
    proxy.setFault({ kind: 'status', status: 429, headers: limited })
    const cached = await pull('GET', `/v2/hub/${name}/manifests/1`)
    expect([cached.status, cached.headers.warning]).toEqual([200, expect.stringContaining('299')])
    proxy.setFault(null)
    const before = proxy.requests.length
    const refused = await pull('GET', `/v2/hub/${name}/manifests/other`)
    expect([refused.status, JSON.parse(refused.body.toString()).errors[0].code]).toEqual([
      ...[429, 'TOOMANYREQUESTS'],
    ])
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    expect(proxy.requests.length).toBe(before)
    const client = clientOf(server.url, server.admin)
    const params = { name: 'upstream' }
    const stateOf = () => call(client, api.connectors.get, { params })
    const { rateLimit, lastError } = await stateOf()
    expect(rateLimit).toMatchObject({ limit: 9, remaining: 0, windowSeconds: 60 })
    expect(lastError?.message).toContain('429')
    await sleep(3100)
    const [layer] = image.layers
    const got = await pull('GET', `/v2/hub/${name}/blobs/${layer?.digest}`)
    expect(got.status).toBe(200)
    expect((await stateOf()).lastError).toBeNull()
  })
})
