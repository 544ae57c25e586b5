import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { blob, type Content, seededBytes } from '../support/content.ts'
import { waitUntilTaken } from '../support/in-flight.ts'
import { openRequest } from '../support/open-request.ts'
import { adminPassword, type ServerProcess, startProcess } from '../support/process.ts'
import { seededRandom } from '../support/random.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { basic, send } from '../support/wire.ts'

const mebibyte = 1024 * 1024
const folder = makeTemporaryFolder('restart')
const dataDir = path.join(folder.path, 'data')
const headers = { authorization: basic('Admin', adminPassword) }
let server: ServerProcess

beforeAll(async () => {
  server = await startProcess({ dataDir })
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

const ask = (method: string, target: string, body?: Uint8Array) =>
  send(server.url, { method, target, headers, ...(body && { body }) })

async function begin(name: string): Promise<string> {
  const answer = await ask('POST', `/v2/main/${name}/blobs/uploads/`)
  expect(answer.status).toBe(202)
  return answer.headers.location ?? ''
}

async function offsetOf(location: string): Promise<number> {
  const end = Number((await ask('GET', location)).headers.range?.split('-')[1])
  return end === 0 ? 0 : end + 1
}

async function restart(signal: NodeJS.Signals): Promise<number | NodeJS.Signals> {
  const end = signal === 'SIGTERM' ? await server.stop() : await server.kill(signal)
  server = await startProcess({ dataDir, port: server.port })
  return end
}

async function finish(name: string, location: string, content: Content) {
  const offset = await offsetOf(location)
  const put = await ask(
    'PUT',
    `${location}?digest=${content.digest}`,
    content.bytes.subarray(offset),
  )
  expect(put.status, put.body.toString()).toBe(201)
  const got = await ask('GET', `/v2/main/${name}/blobs/${content.digest}`)
  expect(got.status).toBe(200)
  expect(got.body.equals(content.bytes)).toBe(true)
}

describe('an upload goes on', () => {
  test('after SIGKILL between two chunks: exactly where it was acknowledged', async () => {
    const content = blob('killed between', 5 * mebibyte + 1)
    const location = await begin('between')
    await ask('PATCH', location, content.bytes.subarray(0, 3_000_000))
    await restart('SIGKILL')
    expect(await offsetOf(location)).toBe(3_000_000)
    await ask('PATCH', location, content.bytes.subarray(3_000_000, 4_000_000))
    await restart('SIGKILL')
    await finish('between', location, content)
  })

  test('after SIGKILL in the middle of a PATCH: at what was acknowledged, not beyond', async () => {
    const content = blob('killed within', 6 * mebibyte)
    const location = await begin('within')
    await ask('PATCH', location, content.bytes.subarray(0, 1_000_000))
    const patch = openRequest(server.url, { method: 'PATCH', target: location, headers })
    await patch.write(content.bytes.subarray(1_000_000, 5_000_000))
    await sleep(200)
    await restart('SIGKILL')
    expect(await patch.answer).toBeUndefined()
    expect(await offsetOf(location)).toBe(1_000_000)
    await finish('within', location, content)
  })

  test('after SIGKILL, closed without a body', async () => {
    const content = blob('killed before the end', 2 * mebibyte)
    const location = await begin('closed')
    await ask('PATCH', location, content.bytes)
    await restart('SIGKILL')
    const put = await ask('PUT', `${location}?digest=${content.digest}`)
    expect(put.status).toBe(201)
    await restart('SIGKILL')
    expect((await ask('PUT', `${location}?digest=${content.digest}`)).status).toBe(201)
  })

  test('after a graceful stop in the middle of a PATCH, with the bytes that had come', async () => {
    const content = blob('stopped', 4 * mebibyte)
    const location = await begin('stopped')
    const patch = openRequest(server.url, { method: 'PATCH', target: location, headers })
    await patch.write(content.bytes.subarray(0, 2_500_000))
    await waitUntilTaken(server.port)
    const stopping = server.stop()
    await sleep(300)
    // It waits for what runs: more may come, until the client goes or the time is up.
    await patch.write(content.bytes.subarray(2_500_000, 3_000_000))
    await waitUntilTaken(server.port)
    patch.hangUp()
    expect(await stopping).toBe(0)
    server = await startProcess({ dataDir, port: server.port })
    expect(await offsetOf(location)).toBe(3_000_000)
    await finish('stopped', location, content)
  })
})

function openFiles(): string[] {
  const fd = `/proc/${server.pid}/fd`
  return readdirSync(fd).flatMap((name) => {
    try {
      return [readlinkSync(path.join(fd, name))]
    } catch {
      return []
    }
  })
}

/** What the process holds of blobs and clients. */
const held = () =>
  openFiles().filter((file) => file.includes('/store/') || file.startsWith('socket:')).length

const residentMebibytes = () =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1]) / 1024

test('200 clients that abort downloads at random moments leave nothing open', async () => {
  const content = blob('aborted', 30 * mebibyte)
  await ask('POST', `/v2/main/aborted/blobs/uploads/?digest=${content.digest}`, content.bytes)
  const target = `/v2/main/aborted/blobs/${content.digest}`
  await sleep(200)
  const before = held()
  const random = seededRandom(200)
  let wrong = 0
  let running = true
  const witness = (async () => {
    while (running) {
      const got = await ask('GET', target)
      if (!got.body.equals(content.bytes)) wrong += 1
    }
  })()
  const abort = async () => {
    const request = http.get(`${server.url}${target}`, { agent: false, headers })
    request.on('error', () => undefined)
    // Some read as fast as they can, some nothing at all.
    const reads = random.chance(0.5)
    request.on('response', (res) => {
      res.on('error', () => undefined)
      if (reads) res.resume()
    })
    await sleep(random.between(0, 150))
    request.destroy()
  }
  for (let round = 0; round < 5; round += 1) {
    await Promise.all(Array.from({ length: 40 }, abort))
  }
  running = false
  await witness
  expect(wrong).toBe(0)
  const deadline = performance.now() + 5000
  while (held() > before && performance.now() < deadline) await sleep(50)
  expect(held()).toBeLessThanOrEqual(before)
}, 60_000)

test('memory stays bounded while ten pushes of 256 MiB run at once', async () => {
  const piece = seededBytes('memory', mebibyte)
  const hash = createHash('sha256')
  for (let i = 0; i < 256; i += 1) hash.update(piece)
  const digest = `sha256:${hash.digest('hex')}`
  let most = 0
  const watch = setInterval(() => {
    most = Math.max(most, residentMebibytes())
  }, 25)
  const push = async (_: unknown, i: number) => {
    const location = await begin(`memory${i}`)
    const patch = openRequest(server.url, { method: 'PATCH', target: location, headers })
    for (let sent = 0; sent < 256; sent += 1) await patch.write(piece)
    patch.end()
    expect(await patch.answer).toMatchObject({ status: 202 })
    expect((await ask('PUT', `${location}?digest=${digest}`)).status).toBe(201)
  }
  const before = residentMebibytes()
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: 10 }, push))
  clearInterval(watch)
  const seconds = (performance.now() - startedAt) / 1000
  if (process.env.ENTREPOT_TEST_FIGURES !== undefined) {
    process.stderr.write(
      `resident: ${before.toFixed()} MiB before, ${most.toFixed()} MiB at most; ${seconds.toFixed(1)} s\n`,
    )
  }
  expect(most).toBeLessThan(400)
}, 120_000)
