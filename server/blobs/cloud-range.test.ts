import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Bucket, ByteSpan } from './bucket.ts'
import { readRange } from './cloud-range.ts'

const content = randomBytes(300_000)
const silenceMs = 50

/** Answers with so many bytes and then says nothing; whole after so many of such answers. */
function silentBucket(saidBytes: number, silences: number) {
  const asked: number[] = []
  const get = async (_key: string, { start, end }: ByteSpan) => {
    asked.push(start)
    const whole = content.subarray(start, end + 1)
    if (asked.length > silences) return Readable.from([whole])
    const stream = new Readable({ read: () => undefined })
    stream.push(whole.subarray(0, saidBytes))
    return stream
  }
  return { bucket: { get } as unknown as Bucket, asked }
}

async function readAll(bucket: Bucket, pauseMs = 0): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of readRange(bucket, 'key', { start: 0, end: 299_999 }, silenceMs)) {
    pieces.push(Buffer.from(piece))
    if (pauseMs > 0) await sleep(pauseMs)
  }
  return Buffer.concat(pieces)
}

test('an answer that falls silent is gone on with where it ended', async () => {
  const { bucket, asked } = silentBucket(70_000, 3)
  expect((await readAll(bucket)).equals(content)).toBe(true)
  expect(asked).toEqual([0, 70_000, 140_000, 210_000])
})

test('a service that only ever falls silent is given up', async () => {
  const { bucket } = silentBucket(0, 1000)
  await expect(readAll(bucket)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})

test('a slow client is no silence of the service', async () => {
  const { bucket, asked } = silentBucket(0, 0)
  expect((await readAll(bucket, 3 * silenceMs)).equals(content)).toBe(true)
  expect(asked).toEqual([0])
})
