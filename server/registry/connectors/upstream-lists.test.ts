import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseDigest } from '../../domain/digest.ts'
import { Upstream } from './upstream.ts'
import { UpstreamLists } from './upstream-lists.ts'

let answer: http.RequestListener = (_req, res) => res.writeHead(404).end()
let asked = 0
const server = http.createServer((req, res) => {
  asked += 1
  answer(req, res)
})
let upstream: Upstream

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const observer = { observeUpstream() {}, addUpstreamBytes() {}, countThrough() {} }
  upstream = new Upstream({
    ...{ name: 'upstream', password: null, now: Date.now, observer },
    log: { warn() {}, info() {} },
    settings: {
      ...{ url: `http://127.0.0.1:${port}`, username: null, timeoutSeconds: 2, filters: [] },
      ...{ caCertificate: null, allowPrivate: true, realmHosts: [], freshnessSeconds: 300 },
      libraryPrefix: false,
    },
  })
})
afterAll(() => {
  upstream[Symbol.dispose]()
  server.closeAllConnections()
  server.close()
})

const subject = parseDigest(`sha256:${'a'.repeat(64)}`)
const json = (value: unknown): string => JSON.stringify(value)

test.each([
  ['no JSON', 'not json'],
  ['no list', '[]'],
  ['entries that are none', json({ manifests: [null, 1, { digest: 7 }, { digest: 'x:y' }] })],
])('a tag for referrers that has %s is no fault of ours', async (what, body) => {
  answer = (req, res) =>
    req.url?.includes('/referrers/')
      ? res.writeHead(404).end()
      : res.writeHead(200, { 'content-type': 'application/json' }).end(body)
  const lists = new UpstreamLists(Date.now)
  const listed = lists.referrers(
    upstream,
    `app/${what.replaceAll(' ', '-').toLowerCase()}`,
    subject,
  )
  if (what === 'no JSON') await expect(listed).rejects.toMatchObject({ fault: 'malformed' })
  else expect(await listed).toEqual([])
})

test('lists are kept, and long ones not all of them', async () => {
  const tags = Array.from({ length: 20_000 }, (_, at) => `a-tag-of-some-length-as-many-are-${at}`)
  answer = (_req, res) =>
    res.writeHead(200, { 'content-type': 'application/json' }).end(json({ tags }))
  const lists = new UpstreamLists(Date.now)
  const before = asked
  for (let at = 0; at < 20; at += 1) await lists.tags(upstream, `many/${at}`)
  expect(asked - before).toBe(20)
  await lists.tags(upstream, 'many/19')
  expect(asked - before).toBe(20)
  await lists.tags(upstream, 'many/0')
  expect(asked - before).toBe(21)
  expect(lists.keptBytes).toBeLessThan(16 * 1024 * 1024)
})
