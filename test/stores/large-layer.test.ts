import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test, vi } from 'vitest'
import { askApi } from '../support/api-call.ts'
import { clouds } from '../support/cloud-stores.ts'
import { adminPassword, startProcess } from '../support/process.ts'
import { openRecordingService } from '../support/recording-service.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { basic, send } from '../support/wire.ts'

const mebibyte = 2 ** 20
const gib = Number(process.env.ENTREPOT_TEST_LARGE_LAYER_GIB ?? 1 / 8)
/** RGW has its objects in memory here; what does not fit there goes to Swift, which has a disk. */
const service = gib > 4 ? 'Swift' : 'RGW'
const mostMemoryBytes = 250_000_000
const authorization = basic('Admin', adminPassword)
const cloudKind = clouds.find(({ name }) => name === service)
const missing = cloudKind?.missing ?? service

vi.setConfig({ testTimeout: 600_000 + gib * 600_000 })
afterAll(() => vi.resetConfig())

test.skipIf(missing !== '')(
  `a layer of ${gib} GiB goes to ${service} and comes back, in little memory and never copied ${missing}`,
  async () => {
    await using folder = makeTemporaryFolder('large-layer')
    await using cloud = (await cloudKind?.start()) as Awaited<
      ReturnType<NonNullable<typeof cloudKind>['start']>
    >
    await using seen = await openRecordingService(cloud.service.port)
    await using server = await startProcess({ dataDir: path.join(folder.path, 'data') })
    const { id, properties } = await cloud.newPlace(seen.url)
    const set = await askApi(server.url, {
      ...{ target: '/api/storage?feed=main', headers: { authorization }, json: { id, properties } },
    })
    expect(set.status, JSON.stringify(set.body)).toBe(200)
    // Registries are looked up anew after a second.
    await sleep(1100)
    const small = await pushLayer(server.url, Math.min(gib, 1) * 2 ** 30)
    const large = gib > 1 ? await pushLayer(server.url, gib * 2 ** 30) : small
    const pulled = await pullLayer(server.url, large.digest)
    expect(pulled.digest).toBe(large.digest)
    expect(pulled.bytes).toBe(gib * 2 ** 30)
    const status = readFileSync(`/proc/${server.pid}/status`, 'utf8')
    const memoryBytes = 1024 * Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1])
    const copies = seen.requests.filter(({ headers }) => 'x-amz-copy-source' in headers)
    process.stdout.write(
      `${service}: ${gib} GiB pushed in ${large.seconds} s and pulled in ${pulled.seconds} s, ` +
        `${seen.requests.length} requests, ${copies.length} copies, VmHWM ${Math.round(memoryBytes / 1e6)} MB; ` +
        `${Math.min(gib, 1)} GiB committed ${small.commitSeconds} s after its last byte\n`,
    )
    // It went there, and in parts.
    expect(seen.requests.some((each) => each.path.includes('partNumber='))).toBe(true)
    expect(copies).toEqual([])
    expect(memoryBytes).toBeLessThan(mostMemoryBytes)
  },
)

async function startUpload(url: string): Promise<string> {
  const target = '/v2/main/large/blobs/uploads/'
  const answer = await send(url, { method: 'POST', target, headers: { authorization } })
  return answer.headers.location ?? `${answer.status}`
}

/** As docker does: one PATCH of everything, and a PUT. */
async function pushLayer(url: string, sizeBytes: number) {
  const hash = createHash('sha256')
  // No two pieces are alike, and none costs time to make.
  const piece = randomBytes(mebibyte)
  const startedAt = performance.now()
  const location = await startUpload(url)
  const request = http.request(new URL(location, url), {
    ...{ method: 'PATCH', agent: false },
    headers: { authorization, 'content-type': 'application/octet-stream' },
  })
  const answered = once(request, 'response') as Promise<[http.IncomingMessage]>
  answered.catch(() => undefined)
  for (let sent = 0; sent < sizeBytes; sent += mebibyte) {
    const bytes = Buffer.from(piece)
    bytes.writeDoubleBE(sent, 0)
    hash.update(bytes)
    if (!request.write(bytes)) await once(request, 'drain')
  }
  const lastAt = performance.now()
  request.end()
  const [patched] = await answered
  patched.resume()
  expect(patched.statusCode).toBe(202)
  const digest = `sha256:${hash.digest('hex')}`
  const target = `${patched.headers.location}?digest=${digest}`
  const put = await send(url, { method: 'PUT', target, headers: { authorization } })
  expect(put.status, put.body.toString()).toBe(201)
  return { digest, seconds: secondsSince(startedAt), commitSeconds: secondsSince(lastAt) }
}

async function pullLayer(url: string, digest: string) {
  const startedAt = performance.now()
  const hash = createHash('sha256')
  let bytes = 0
  const target = new URL(`/v2/main/large/blobs/${digest}`, url)
  const request = http.get(target, { agent: false, headers: { authorization } })
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  expect(response.statusCode).toBe(200)
  for await (const piece of response as AsyncIterable<Buffer>) {
    hash.update(piece)
    bytes += piece.length
  }
  return { digest: `sha256:${hash.digest('hex')}`, bytes, seconds: secondsSince(startedAt) }
}

function secondsSince(at: number): number {
  return Number(((performance.now() - at) / 1000).toFixed(2))
}
