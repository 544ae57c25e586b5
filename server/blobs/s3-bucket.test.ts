import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { readRange } from './cloud-range.ts'
import { openS3Bucket } from './s3-bucket.ts'

const keys = ['one', 'two']

function openBucket(port: number) {
  return openS3Bucket({
    ...{ bucket: 'b', region: 'us-east-1', endpoint: `http://127.0.0.1:${port}` },
    ...{ publicEndpoint: null, pathStyle: true, encryption: null },
    ...{ prefix: '', uniformPartBytes: null },
    credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
  })
}

/** Answers deletions of many with these errors about a key, in turn; then with none. */
async function openService(codes: readonly string[]) {
  const bodies: string[] = []
  const server = http.createServer(async (req, res) => {
    bodies.push(await text(req))
    const code = codes[bodies.length - 1]
    const failed = code && `<Error><Key>two</Key><Code>${code}</Code><Message>no</Message></Error>`
    res.setHeader('content-type', 'application/xml')
    res.end(`<?xml version="1.0"?><DeleteResult>${failed ?? ''}</DeleteResult>`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const bucket = openBucket(port)
  return {
    bodies,
    bucket,
    async [Symbol.asyncDispose]() {
      await bucket[Symbol.asyncDispose]()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('a key that the service could not remove just now is removed with the next try', async () => {
  await using service = await openService(['InternalError', 'SlowDown'])
  await service.bucket.delete(keys)
  expect(service.bodies).toHaveLength(3)
  for (const body of service.bodies) expect(body).toContain('<Key>two</Key>')
})

test('a key that is not there is removed', async () => {
  await using service = await openService(['NoSuchKey'])
  await service.bucket.delete(keys)
  expect(service.bodies).toHaveLength(1)
})

test('a key that may not be removed is refused at once', async () => {
  await using service = await openService(['AccessDenied'])
  await expect(service.bucket.delete(keys)).rejects.toThrow(/lack a right \(AccessDenied, 403\)/)
  expect(service.bodies).toHaveLength(1)
})

test('a service that knows no ranges is not taken at its word', async () => {
  const content = Buffer.from('all of it')
  const server = http.createServer((_req, res) => res.end(content))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await using bucket = openBucket(port)
  const read = async (start: number) => {
    const pieces: Uint8Array[] = []
    for await (const piece of readRange(bucket, 'key', { start, end: 5 })) pieces.push(piece)
    return Buffer.concat(pieces).toString()
  }
  expect(await read(0)).toBe('all of')
  await expect(read(4)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await new Promise((resolve) => server.close(resolve))
})
