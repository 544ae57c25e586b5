import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openMetrics } from './metrics.ts'

function sampleOf(text: string, line: string): number | undefined {
  const found = text.split('\n').find((candidate) => candidate.startsWith(`${line} `))
  return found === undefined ? undefined : Number(found.slice(line.length + 1))
}

test('counts requests by route, method and status', async () => {
  using metrics = openMetrics()
  const request = { route: '/v2/', method: 'GET', status: 401, seconds: 0.02 }
  metrics.observeRequest(request)
  metrics.observeRequest(request)
  const text = await metrics.text()
  expect(
    sampleOf(text, 'entrepot_http_requests_total{route="/v2/",method="GET",status="401"}'),
  ).toBe(2)
  expect(
    sampleOf(text, 'entrepot_http_request_seconds_sum{route="/v2/",method="GET"}'),
  ).toBeCloseTo(0.04)
  expect(
    sampleOf(text, 'entrepot_http_request_seconds_bucket{le="0.01",route="/v2/",method="GET"}'),
  ).toBe(0)
})

test('a method that a client invents makes no new series', async () => {
  using metrics = openMetrics()
  for (const method of ['PROPFIND', 'MKCOL', 'SEARCH']) {
    metrics.observeRequest({ route: '/', method, status: 404, seconds: 0 })
  }
  const text = await metrics.text()
  expect(
    sampleOf(text, 'entrepot_http_requests_total{route="/",method="other",status="404"}'),
  ).toBe(3)
  expect(text).not.toContain('PROPFIND')
})

test('counts bytes, operations and open uploads', async () => {
  using metrics = openMetrics()
  metrics.addBytes('in', 10)
  metrics.addBytes('in', 5)
  metrics.observeDatabase('write', 'pushManifest', 0.1)
  metrics.observeStore('finish', 0.2)
  const [a, b] = [metrics.beginUpload(), metrics.beginUpload()]
  a[Symbol.dispose]()
  a[Symbol.dispose]()
  const text = await metrics.text()
  expect(sampleOf(text, 'entrepot_http_bytes_total{direction="in"}')).toBe(15)
  expect(sampleOf(text, 'entrepot_database_seconds_count{kind="write",name="pushManifest"}')).toBe(
    1,
  )
  expect(sampleOf(text, 'entrepot_store_seconds_sum{operation="finish"}')).toBeCloseTo(0.2)
  expect(sampleOf(text, 'entrepot_uploads_receiving')).toBe(1)
  b[Symbol.dispose]()
})

test('tells memory, CPU time, files and the delay of the event loop', async () => {
  using metrics = openMetrics()
  await sleep(50)
  const blockedUntil = performance.now() + 100
  while (performance.now() < blockedUntil);
  await sleep(50)
  const text = await metrics.text()
  expect(sampleOf(text, 'process_resident_memory_bytes')).toBeGreaterThan(1e7)
  expect(sampleOf(text, 'process_cpu_seconds_total')).toBeGreaterThan(0.05)
  expect(sampleOf(text, 'process_open_fds')).toBeGreaterThan(3)
  expect(sampleOf(text, 'nodejs_eventloop_lag_max_seconds')).toBeGreaterThan(0.08)
  expect(sampleOf(text, 'nodejs_eventloop_lag_p50_seconds')).toBeLessThan(0.08)
  const next = await metrics.text()
  expect(sampleOf(next, 'nodejs_eventloop_lag_max_seconds')).toBeLessThan(0.08)
})

test('two servers of one process count apart', async () => {
  using one = openMetrics()
  using two = openMetrics()
  one.addBytes('out', 7)
  expect(await two.text()).not.toContain('direction="out"')
})
