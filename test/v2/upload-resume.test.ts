import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openApp } from '../../server/app.ts'
import { type Db, openDatabase } from '../../server/db/database.ts'
import { blob, type Content, contentOf } from '../support/content.ts'
import { type OpenRequest, openRequest } from '../support/open-request.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { type Answer, type RequestHeaders, send } from '../support/wire.ts'

let server: TestServer
let db: Db
const mebibyte = 1024 * 1024
/** Well below the idle time-out: who waits for that is noticed. */
const soonMs = 5_000

beforeAll(async () => {
  server = await startServer({}, { checkpointMs: 20, patience: { bodyIdleMs: 30_000 } })
  db = await openDatabase({ url: server.config.databaseUrl })
})

afterAll(async () => {
  await db[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

function ask(
  method: string,
  target: string,
  more: { readonly headers?: RequestHeaders; readonly body?: Uint8Array } = {},
): Promise<Answer> {
  const headers = { authorization: server.admin, ...more.headers }
  return send(server.url, { method, target, ...more, headers })
}

async function begin(name: string): Promise<string> {
  const answer = await ask('POST', `/v2/main/${name}/blobs/uploads/`)
  expect(answer.status).toBe(202)
  return answer.headers.location ?? ''
}

/** A PATCH or PUT that stays open. */
function open(method: string, target: string, headers: RequestHeaders = {}): OpenRequest {
  return openRequest(server.url, {
    method,
    target,
    headers: { authorization: server.admin, ...headers },
  })
}

async function offsetOf(location: string): Promise<number> {
  const answer = await ask('GET', location)
  expect(answer.status).toBe(204)
  const end = Number(answer.headers.range?.split('-')[1])
  return end === 0 ? 0 : end + 1
}

/** Waits until the upload's row vouches for this many bytes. */
async function untilOffset(location: string, bytes: number): Promise<void> {
  const deadline = performance.now() + soonMs
  while ((await offsetOf(location)) < bytes) {
    if (performance.now() > deadline) expect(await offsetOf(location)).toBe(bytes)
    await sleep(10)
  }
}

async function close(location: string, content: Content): Promise<void> {
  const answer = await ask('PUT', `${location}?digest=${content.digest}`)
  expect(answer.status, answer.body.toString()).toBe(201)
}

async function expectServed(name: string, content: Content): Promise<void> {
  const answer = await ask('GET', `/v2/main/${name}/blobs/${content.digest}`)
  expect(answer.status).toBe(200)
  expect(answer.body.equals(content.bytes)).toBe(true)
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T | 'late'> {
  const abort = new AbortController()
  const late = sleep(ms, 'late' as const, { signal: abort.signal }).catch(() => 'late' as const)
  const first = await Promise.race([promise, late])
  abort.abort()
  return first
}

describe('a connection that drops', () => {
  test('in the middle of a PATCH: what arrived is kept, and the upload goes on there', async () => {
    const content = blob('dropped', 3 * mebibyte + 17)
    const location = await begin('dropped')
    const patch = open('PATCH', location, { 'content-length': String(content.size) })
    await patch.write(content.bytes.subarray(0, 1_500_000))
    await sleep(100)
    patch.hangUp()
    await untilOffset(location, 1_500_000)
    expect(await offsetOf(location)).toBe(1_500_000)
    const rest = await ask('PATCH', location, {
      headers: { 'content-range': `1500000-${content.size - 1}` },
      body: content.bytes.subarray(1_500_000),
    })
    expect(rest.status).toBe(202)
    await close(location, content)
    await expectServed('dropped', content)
  })

  test('in a chunked PATCH: the chunk that was cut off counts as far as it came', async () => {
    const content = blob('dropped chunked', 400_000)
    const location = await begin('dropped-chunked')
    const patch = open('PATCH', location)
    await patch.write(content.bytes.subarray(0, 250_000))
    await sleep(100)
    patch.hangUp()
    await untilOffset(location, 250_000)
    const rest = await ask('PATCH', location, { body: content.bytes.subarray(250_000) })
    expect(rest.status).toBe(202)
    await close(location, content)
    await expectServed('dropped-chunked', content)
  })

  test('many times over: the digest comes out right', async () => {
    const content = blob('dropped often', 1_000_003)
    const location = await begin('dropped-often')
    for (let at = 0; at < content.size; at += 90_001) {
      expect(await offsetOf(location)).toBe(at)
      const end = Math.min(at + 90_001, content.size)
      const patch = open('PATCH', location, {
        'content-length': String(content.size - at + 1),
      })
      await patch.write(content.bytes.subarray(at, end))
      // What a busy server has not read when the client hangs up is lost with the connection.
      await sleep(150)
      patch.hangUp()
      await untilOffset(location, end)
    }
    await close(location, content)
    await expectServed('dropped-often', content)
  })
})

describe('a retry that overtakes', () => {
  test('does not wait for its silent predecessor, and bytes never interleave', async () => {
    const content = blob('overtaken', 2 * mebibyte)
    const location = await begin('overtaken')
    const old = open('PATCH', location, { 'content-length': String(content.size) })
    await old.write(content.bytes.subarray(0, 700_000))
    await untilOffset(location, 700_000)
    const startedAt = performance.now()
    const retry = await within(
      soonMs,
      ask('PATCH', location, { body: content.bytes.subarray(700_000) }),
    )
    expect(retry).toMatchObject({ status: 202 })
    expect(performance.now() - startedAt).toBeLessThan(soonMs)
    // The old connection comes to life again: it writes nothing any more.
    await old.write(Buffer.alloc(900_000, 0xee)).catch(() => undefined)
    expect(await within(soonMs, old.answer)).toMatchObject({ status: 400 })
    await close(location, content)
    await expectServed('overtaken', content)
  })

  test('starts from what is vouched for, not from what its predecessor still held', async () => {
    const content = blob('overtaken early', 300_000)
    const location = await begin('overtaken-early')
    const old = open('PATCH', location)
    await old.write(Buffer.alloc(200_000, 0xdd))
    const known = await offsetOf(location)
    const retry = await ask('PATCH', location, {
      headers: { 'content-range': `0-${content.size - 1}` },
      body: content.bytes,
    })
    // Either it came before the first bytes were vouched for, or it is told where to go on.
    expect([202, 416]).toContain(retry.status)
    if (retry.status === 416) expect(known).toBeLessThanOrEqual(200_000)
    else {
      await close(location, content)
      await expectServed('overtaken-early', content)
    }
    old.hangUp()
  })

  test('several at once: one goes on, the others are told, the digest is right', async () => {
    const content = blob('overtakers', 1_200_000)
    const location = await begin('overtakers')
    const old = open('PATCH', location, { 'content-length': String(content.size) })
    await old.write(content.bytes.subarray(0, 400_000))
    await untilOffset(location, 400_000)
    const rest = content.bytes.subarray(400_000)
    const headers = { 'content-range': `400000-${content.size - 1}` }
    const retries = await within(
      soonMs,
      Promise.all(Array.from({ length: 8 }, () => ask('PATCH', location, { headers, body: rest }))),
    )
    if (retries === 'late') return expect.fail('the retries waited')
    const statuses = retries.map((answer) => answer.status)
    expect(statuses.filter((status) => status === 202).length).toBeGreaterThanOrEqual(1)
    for (const status of statuses) expect([202, 400, 416]).toContain(status)
    expect(await within(soonMs, old.answer)).toMatchObject({ status: 400 })
    expect(await offsetOf(location)).toBe(content.size)
    await close(location, content)
    await expectServed('overtakers', content)
  })

  test('silent ones, each overtaking the one before: none waits', async () => {
    const content = blob('silent overtakers', 600_000)
    const location = await begin('silent-overtakers')
    const silent: OpenRequest[] = []
    for (let at = 0; at < 5; at += 1) {
      const patch = open('PATCH', location, { 'content-length': '1000000' })
      await patch.write(content.bytes.subarray(at * 100_000, (at + 1) * 100_000))
      await untilOffset(location, (at + 1) * 100_000)
      silent.push(patch)
    }
    const last = ask('PATCH', location, { body: content.bytes.subarray(500_000) })
    expect(await within(soonMs, last)).toMatchObject({ status: 202 })
    for (const patch of silent.slice(0, 4)) {
      expect(await within(soonMs, patch.answer)).toMatchObject({ status: 400 })
    }
    await close(location, content)
    await expectServed('silent-overtakers', content)
  })

  test('DELETE ends a silent PATCH and its upload at once', async () => {
    const location = await begin('cancelled')
    const old = open('PATCH', location, { 'content-length': '1000000' })
    await old.write(Buffer.alloc(100_000))
    await untilOffset(location, 100_000)
    expect(await within(soonMs, ask('DELETE', location))).toMatchObject({ status: 204 })
    expect(await within(soonMs, old.answer)).toMatchObject({ status: 400 })
    expect((await ask('GET', location)).status).toBe(404)
  })
})

describe('a PUT that fails', () => {
  test('leaves the upload at its old offset, also when parts of it were vouched for', async () => {
    const content = blob('wrong digest', 500_000)
    const location = await begin('wrong-digest')
    await ask('PATCH', location, { body: content.bytes.subarray(0, 200_000) })
    const put = open('PUT', `${location}?digest=${content.digest}`)
    await put.write(Buffer.alloc(100_000, 1))
    await untilOffset(location, 300_000)
    await put.write(Buffer.alloc(100_000, 2))
    put.end()
    expect(await put.answer).toMatchObject({ status: 400 })
    expect(await offsetOf(location)).toBe(200_000)
    const again = await ask('PUT', `${location}?digest=${content.digest}`, {
      body: content.bytes.subarray(200_000),
    })
    expect(again.status, again.body.toString()).toBe(201)
    await expectServed('wrong-digest', content)
  })

  test('from the beginning of an upload leaves it empty', async () => {
    const content = blob('wrong from the start', 300_000)
    const location = await begin('wrong-start')
    const put = open('PUT', `${location}?digest=${content.digest}`)
    await put.write(Buffer.alloc(100_000, 1))
    await untilOffset(location, 100_000)
    put.end()
    expect(await put.answer).toMatchObject({ status: 400 })
    expect(await offsetOf(location)).toBe(0)
    const again = await ask('PUT', `${location}?digest=${content.digest}`, { body: content.bytes })
    expect(again.status).toBe(201)
    await expectServed('wrong-start', content)
  })

  test('that sends more than its Content-Range announces changes nothing', async () => {
    const content = blob('too long', 300_000)
    const location = await begin('too-long')
    await ask('PATCH', location, { body: content.bytes.subarray(0, 100_000) })
    const patch = open('PATCH', location, { 'content-range': '100000-199999' })
    await patch.write(Buffer.alloc(60_000, 7))
    await untilOffset(location, 160_000)
    await patch.write(Buffer.alloc(60_000, 7))
    patch.end()
    expect(await patch.answer).toMatchObject({ status: 400 })
    expect(await offsetOf(location)).toBe(100_000)
    await ask('PATCH', location, { body: content.bytes.subarray(100_000) })
    await close(location, content)
    await expectServed('too-long', content)
  })
})

describe('another algorithm than the upload was opened with', () => {
  test('closes with sha512', async () => {
    const content = blob('as sha512', 300_000, 'sha512')
    const location = await begin('sha512')
    await ask('PATCH', location, { body: content.bytes.subarray(0, 100_000) })
    const put = await ask('PUT', `${location}?digest=${content.digest}`, {
      body: content.bytes.subarray(100_000),
    })
    expect(put.status).toBe(201)
    await expectServed('sha512', content)
  })

  test('a closing PUT with sha512 that broke off can be gone on with by PATCH', async () => {
    const content = blob('sha512 broken', 300_000, 'sha512')
    const location = await begin('sha512-broken')
    await ask('PATCH', location, { body: content.bytes.subarray(0, 100_000) })
    const put = open('PUT', `${location}?digest=${content.digest}`, {
      'content-length': '200000',
    })
    await put.write(content.bytes.subarray(100_000, 180_000))
    await sleep(50)
    put.hangUp()
    await untilOffset(location, 180_000)
    const patch = await ask('PATCH', location, { body: content.bytes.subarray(180_000) })
    expect(patch.status, patch.body.toString()).toBe(202)
    await close(location, content)
    await expectServed('sha512-broken', content)
  })
})

test('two pushes of one new layer: both hear 201, one location is freed', async () => {
  const content = blob('twins', 300_000)
  const [one, other] = await Promise.all([begin('twins'), begin('twins')])
  const freedBefore = await db.read.selectFrom('freed_locations').selectAll().execute()
  const answers = await Promise.all(
    [one, other].map((location) =>
      ask('PUT', `${location}?digest=${content.digest}`, { body: content.bytes }),
    ),
  )
  expect(answers.map((answer) => answer.status)).toEqual([201, 201])
  const freed = await db.read.selectFrom('freed_locations').selectAll().execute()
  expect(freed.length - freedBefore.length).toBe(1)
  const rows = await db.read
    .selectFrom('blobs')
    .select('location')
    .where('digest', '=', content.digest)
    .execute()
  expect(rows).toHaveLength(1)
  expect(freed.map((row) => row.location)).not.toContain(rows[0]?.location)
  await expectServed('twins', content)
})

test('a committed PUT that is sent again with 60 MiB hears 201', async () => {
  const content = blob('again', 60 * mebibyte)
  const location = await begin('again')
  const target = `${location}?digest=${content.digest}`
  for (let i = 0; i < 2; i += 1) {
    const put = open('PUT', target, { 'content-length': String(content.size) })
    put.raw.end(content.bytes)
    expect(await put.answer).toMatchObject({ status: 201 })
  }
})

test('a stop that cuts what runs keeps the bytes that had come', async () => {
  await using folder = makeTemporaryFolder('stopped')
  const config = { ...server.config, dataDir: folder.path, databaseUrl: `sqlite:${folder.path}/db` }
  const content = blob('stopped', 900_000)
  const headers = { authorization: server.admin }
  let target = ''
  {
    await using app = await openApp(config)
    const start = await send(app.url, {
      method: 'POST',
      target: '/v2/main/stopped/blobs/uploads/',
      headers,
    })
    target = start.headers.location ?? ''
    const patch = openRequest(app.url, { method: 'PATCH', target, headers })
    await patch.write(content.bytes.subarray(0, 600_000))
    await sleep(100)
  }
  await using app = await openApp(config)
  const status = await send(app.url, { method: 'GET', target, headers })
  expect(status.headers.range).toBe('0-599999')
  const put = await send(app.url, {
    method: 'PUT',
    target: `${target}?digest=${content.digest}`,
    headers,
    body: content.bytes.subarray(600_000),
  })
  expect(put.status).toBe(201)
})

describe('a whole PUT that is sent again after the first broke off', () => {
  const put = (location: string, content: Content, body: Uint8Array = content.bytes) =>
    ask('PUT', `${location}?digest=${content.digest}`, { body })

  /** A PUT with the whole body, of which only the first bytes come. */
  async function breakOff(location: string, content: Content, bytes: number, offset = bytes) {
    const first = open('PUT', `${location}?digest=${content.digest}`, {
      'content-length': String(content.size),
    })
    await first.write(content.bytes.subarray(0, bytes))
    await untilOffset(location, offset)
    await sleep(50)
    first.hangUp()
    await sleep(50)
  }

  test.each(['sha256', 'sha512'] as const)('succeeds (%s)', async (algorithm) => {
    const content = blob(`whole again ${algorithm}`, 400_000, algorithm)
    const location = await begin('whole-again')
    await breakOff(location, content, 200_000)
    expect(await offsetOf(location)).toBe(200_000)
    const again = await put(location, content)
    expect(again.status, again.body.toString()).toBe(201)
    await expectServed('whole-again', content)
  })

  test('time and again, further or less far: what is vouched for only grows, and is right', async () => {
    const content = blob('whole often', 3 * mebibyte)
    const location = await begin('whole-often')
    await breakOff(location, content, 700_000)
    await breakOff(location, content, 300_000, 700_000)
    expect(await offsetOf(location)).toBe(700_000)
    await breakOff(location, content, 1_900_000)
    expect(await offsetOf(location)).toBe(1_900_000)
    expect((await put(location, content)).status).toBe(201)
    await expectServed('whole-often', content)
  })

  test('while the first is half dead', async () => {
    const content = blob('whole half dead', 400_000)
    const location = await begin('whole-half-dead')
    const first = open('PUT', `${location}?digest=${content.digest}`, {
      'content-length': '400000',
    })
    await first.write(content.bytes.subarray(0, 200_000))
    await untilOffset(location, 200_000)
    expect((await put(location, content)).status).toBe(201)
    await expectServed('whole-half-dead', content)
    first.hangUp()
  })

  test('when all of it had come', async () => {
    const content = blob('whole came', 400_000)
    const location = await begin('whole-came')
    await ask('PATCH', location, { body: content.bytes })
    expect((await put(location, content)).status).toBe(201)
    await expectServed('whole-came', content)
  })

  test('and breaks off too: PATCH goes on where the status says', async () => {
    const content = blob('whole then patch', 600_000)
    const location = await begin('whole-then-patch')
    await breakOff(location, content, 200_000)
    await breakOff(location, content, 350_000)
    const told = await ask('PATCH', location, {
      headers: { 'content-range': `0-${content.size - 1}` },
      body: content.bytes,
    })
    expect(told.status).toBe(416)
    expect(told.headers.range).toBe('0-349999')
    const rest = await ask('PATCH', location, {
      headers: { 'content-range': `350000-${content.size - 1}` },
      body: content.bytes.subarray(350_000),
    })
    expect(rest.status).toBe(202)
    await close(location, content)
    await expectServed('whole-then-patch', content)
  })

  test('with another body hears 400, and can be sent again', async () => {
    const content = blob('whole wrong', 400_000)
    const location = await begin('whole-wrong')
    await breakOff(location, content, 200_000)
    const wrong = Buffer.from(content.bytes)
    wrong[300_000] = (wrong[300_000] ?? 0) ^ 1
    expect((await put(location, content, wrong)).status).toBe(400)
    expect(await offsetOf(location)).toBe(200_000)
    expect((await put(location, content)).status).toBe(201)
    await expectServed('whole-wrong', content)
  })
})

describe('a closing PUT with the rest, which begins as the blob does', () => {
  const mark = Buffer.from('mark')
  test.each([
    { name: 'the rest is longer', first: 100_000, rest: 2_500_000, tail: Buffer.alloc(0) },
    { name: 'the rest is as long', first: 100_000, rest: 100_000, tail: Buffer.alloc(0) },
    { name: 'the rest is shorter', first: 2_500_000, rest: 100_000, tail: Buffer.alloc(0) },
    { name: 'the rest ends otherwise', first: 100_000, rest: 300_000, tail: mark },
    { name: 'the rest differs early', first: 2_500_000, rest: 1_500_000, tail: mark },
  ])('$name, with and without its length', async ({ first, rest, tail }) => {
    const body = Buffer.concat([Buffer.alloc(rest), tail])
    const content = contentOf(Buffer.concat([Buffer.alloc(first), body]))
    for (const isChunked of [false, true]) {
      const location = await begin('zeros')
      await ask('PATCH', location, { body: Buffer.alloc(first) })
      const put = open('PUT', `${location}?digest=${content.digest}`, {
        ...(!isChunked && { 'content-length': String(body.length) }),
      })
      put.raw.end(body)
      expect(await put.answer).toMatchObject({ status: 201 })
      await expectServed('zeros', content)
      expect((await ask('GET', location)).status).toBe(404)
    }
    const left = await db.read
      .selectFrom('uploads')
      .innerJoin('repositories', 'repositories.id', 'uploads.repository_id')
      .select('uploads.id')
      .where('repositories.name', '=', 'zeros')
      .execute()
    expect(left).toEqual([])
  })
})
