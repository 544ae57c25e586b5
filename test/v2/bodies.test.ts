import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../server/db/database.ts'
import { advanceUpload } from '../../server/db/uploads.ts'
import { blob, mediaTypes } from '../support/content.ts'
import { openRequest } from '../support/open-request.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { type RequestHeaders, send } from '../support/wire.ts'

let server: TestServer
let viewer: string
const mebibyte = 1024 * 1024
const bodyIdleMs = 400

beforeAll(async () => {
  server = await startServer({}, { patience: { bodyIdleMs } })
  viewer = (await server.createKey('main', ['view'])).authorization
})

afterAll(() => server[Symbol.asyncDispose]())

async function begin(name: string): Promise<string> {
  const answer = await send(server.url, {
    method: 'POST',
    target: `/v2/main/${name}/blobs/uploads/`,
    headers: { authorization: server.admin },
  })
  expect(answer.status).toBe(202)
  return answer.headers.location ?? ''
}

async function offsetHeader(location: string): Promise<string | undefined> {
  const answer = await send(server.url, {
    method: 'GET',
    target: location,
    headers: { authorization: server.admin },
  })
  return answer.headers.range
}

describe('a body that stalls', () => {
  test('is given up with 408; what came is kept and the upload goes on', async () => {
    const content = blob('stalls', 200_000)
    const location = await begin('stalls')
    const headers = { authorization: server.admin }
    const patch = openRequest(server.url, {
      method: 'PATCH',
      target: location,
      headers: { ...headers, 'content-length': String(content.size) },
    })
    await patch.write(content.bytes.subarray(0, 120_000))
    const startedAt = performance.now()
    expect(await patch.answer).toMatchObject({ status: 408 })
    expect(performance.now() - startedAt).toBeLessThan(bodyIdleMs * 5)
    expect(await offsetHeader(location)).toBe('0-119999')
    const rest = await send(server.url, {
      method: 'PUT',
      target: `${location}?digest=${content.digest}`,
      headers,
      body: content.bytes.subarray(120_000),
    })
    expect(rest.status).toBe(201)
  })

  test('one that trickles is not', async () => {
    const content = blob('trickles', 10_000)
    const location = await begin('trickles')
    const patch = openRequest(server.url, {
      method: 'PATCH',
      target: location,
      headers: { authorization: server.admin },
    })
    for (let at = 0; at < 10; at += 1) {
      await patch.write(content.bytes.subarray(at * 1000, (at + 1) * 1000))
      await sleep(bodyIdleMs / 4)
    }
    patch.end()
    expect(await patch.answer).toMatchObject({ status: 202 })
  })

  const others = [
    ['a manifest', 'PUT', '/v2/main/stalls/manifests/v1', mediaTypes.image],
    ['a whole blob', 'POST', `/v2/main/stalls/blobs/uploads/?digest=${blob('x').digest}`, ''],
    ['a token form', 'POST', '/v2/_auth', 'application/x-www-form-urlencoded'],
  ] as const
  test.for(others)('%s', async ([, method, target, type], { expect }) => {
    const request = openRequest(server.url, {
      method,
      target,
      headers: {
        ...(target !== '/v2/_auth' && { authorization: server.admin }),
        ...(type !== '' && { 'content-type': type }),
        'content-length': '5000',
      },
    })
    await request.write(Buffer.from('{"schemaVersion'))
    expect(await request.answer).toMatchObject({ status: 408 })
  })
})

describe('a refusal while the client is still sending 100 MiB', () => {
  const size = 100 * mebibyte
  interface Early {
    readonly name: string
    readonly status: number
    readonly method: string
    readonly target: () => Promise<string>
    readonly headers: () => RequestHeaders
  }
  const upload = async () => await begin('early')
  const admin = () => ({ authorization: server.admin })
  const rows: readonly Early[] = [
    {
      name: 'without credentials',
      status: 401,
      method: 'PATCH',
      target: upload,
      headers: () => ({}),
    },
    {
      name: 'with wrong ones',
      status: 401,
      method: 'PATCH',
      target: upload,
      headers: () => ({ authorization: 'Basic YTpi' }),
    },
    {
      name: 'without the right',
      status: 403,
      method: 'PATCH',
      target: upload,
      headers: () => ({ authorization: viewer }),
    },
    {
      name: 'to a feed that is not there',
      status: 404,
      method: 'PATCH',
      target: async () => '/v2/absent/app/blobs/uploads/x',
      headers: admin,
    },
    {
      name: 'to an upload that is not there',
      status: 404,
      method: 'PATCH',
      target: async () => '/v2/main/early/blobs/uploads/x',
      headers: admin,
    },
    {
      name: 'out of order',
      status: 416,
      method: 'PATCH',
      target: upload,
      headers: () => ({ ...admin(), 'content-range': `5-${size + 4}` }),
    },
    {
      name: 'of a manifest that is too large',
      status: 413,
      method: 'PUT',
      target: async () => '/v2/main/early/manifests/v1',
      headers: () => ({ ...admin(), 'content-type': mediaTypes.image }),
    },
    {
      name: 'by a method that is not possible',
      status: 405,
      method: 'POST',
      target: async () => '/v2/main/early/manifests/v1',
      headers: admin,
    },
  ]

  for (const chunked of [false, true]) {
    const how = chunked ? 'chunked' : 'with its length'
    for (const { name, status, ...row } of rows) {
      test(`${name}, ${how}: the client hears ${status}`, async () => {
        const request = openRequest(server.url, {
          method: row.method,
          target: await row.target(),
          headers: { ...row.headers(), ...(!chunked && { 'content-length': String(size) }) },
        })
        const sending = sendAll(request.raw, size)
        expect(await request.answer).toMatchObject({ status })
        request.hangUp()
        await sending
      })
    }
  }

  async function sendAll(raw: NodeJS.WritableStream & { destroyed: boolean }, bytes: number) {
    const piece = Buffer.alloc(256 * 1024)
    for (let sent = 0; sent < bytes && !raw.destroyed; sent += piece.length) {
      if (raw.write(piece)) await sleep(0)
      else {
        await new Promise<void>((resolve) => {
          raw.once('drain', resolve)
          raw.once('close', resolve)
        })
      }
    }
  }

  test('the connection of a client that never stops is cut', async () => {
    const { hostname, port } = new URL(server.url)
    const socket = net.connect(Number(port), hostname)
    let heard = ''
    socket.on('data', (chunk) => {
      heard += chunk.toString('latin1')
    })
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    socket.on('error', () => undefined)
    socket.write(
      'PATCH /v2/main/x/blobs/uploads/y HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n',
    )
    await sendAll(socket, 2 ** 40)
    await closed
    expect(heard).toMatch(/^HTTP\/1.1 401 /)
    expect(socket.bytesWritten).toBeLessThan(64 * mebibyte)
  })
})

describe('Expect: 100-continue', () => {
  test('a refusal comes instead of 100, and nothing is asked for', async () => {
    const location = await begin('expect')
    for (const [status, authorization, target] of [
      [403, viewer, location],
      [404, server.admin, '/v2/main/expect/blobs/uploads/none'],
      [401, 'Basic YTpi', location],
    ] as const) {
      const answer = await send(server.url, {
        method: 'PATCH',
        target,
        headers: { authorization },
        body: Buffer.alloc(100_000),
        expectContinue: true,
      })
      expect(answer.status).toBe(status)
      expect(answer.continued).toBe(false)
      expect(answer.headers.connection).toBe('close')
    }
  })

  test('is answered where the body is wanted: a chunk, a whole blob, a manifest, a form', async () => {
    const content = blob('expected', 5000)
    const location = await begin('expect')
    const headers = { authorization: server.admin }
    const rows = [
      [202, 'PATCH', location, headers],
      [201, 'POST', `/v2/main/expect/blobs/uploads/?digest=${content.digest}`, headers],
      [400, 'PUT', '/v2/main/expect/manifests/v1', headers],
      [400, 'POST', '/v2/_auth', { 'content-type': 'application/x-www-form-urlencoded' }],
    ] as const
    for (const [status, method, target, more] of rows) {
      const answer = await send(server.url, {
        method,
        target,
        headers: more,
        body: content.bytes,
        expectContinue: true,
      })
      expect(answer.continued, target).toBe(true)
      expect(answer.status, target).toBe(status)
    }
  })

  test('a retry of a committed PUT is 201 without its body', async () => {
    const content = blob('expected again', 5000)
    const location = await begin('expect')
    for (const continued of [true, false]) {
      const answer = await send(server.url, {
        method: 'PUT',
        target: `${location}?digest=${content.digest}`,
        headers: { authorization: server.admin },
        body: content.bytes,
        expectContinue: true,
      })
      expect(answer.status).toBe(201)
      expect(answer.continued).toBe(continued)
    }
  })
})

describe('lengths that disagree', () => {
  const rows = [
    ['Content-Range longer than Content-Length', '0-199', '100', 100],
    ['Content-Range shorter than Content-Length', '0-49', '100', 100],
    ['a chunked body shorter than its Content-Range', '0-199', undefined, 100],
    ['a chunked body longer than its Content-Range', '0-49', undefined, 100],
  ] as const
  test.for(rows)('%s: 400, and nothing is kept', async ([, range, length, bytes], { expect }) => {
    const location = await begin('disagree')
    const patch = openRequest(server.url, {
      method: 'PATCH',
      target: location,
      headers: {
        authorization: server.admin,
        'content-range': range,
        ...(length !== undefined && { 'content-length': length }),
      },
    })
    await patch.write(Buffer.alloc(bytes, 1))
    patch.end()
    const answer = await patch.answer
    expect(answer).toMatchObject({ status: 400 })
    expect(answer?.text).toContain('SIZE_INVALID')
    expect(await offsetHeader(location)).toBe('0-0')
  })
})

test('a closing PUT without body trusts the digest so far and reads nothing again', async () => {
  const content = blob('not read again', 300_000)
  const location = await begin('closing')
  const headers = { authorization: server.admin }
  await send(server.url, { method: 'PATCH', target: location, headers, body: content.bytes })
  // As another process would have left it: a digest in the row that these bytes do not have.
  const other = blob('of other bytes', 10).digest
  const id = location.split('/').at(-1) ?? ''
  await using db = await openDatabase({ url: server.config.databaseUrl })
  const row = await db.read
    .selectFrom('uploads')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  const { epoch, offset_bytes: offsetBytes } = row
  expect(row.digest_so_far).toBe(content.digest)
  await db.write(advanceUpload, { id, epoch, offsetBytes, digestSoFar: other })
  const put = (digest: string) =>
    send(server.url, { method: 'PUT', target: `${location}?digest=${digest}`, headers })
  expect((await put(content.digest)).status).toBe(400)
  await db.write(advanceUpload, { id, epoch: epoch + 1, offsetBytes, digestSoFar: content.digest })
  expect((await put(content.digest)).status).toBe(201)
})
