import { PassThrough, pipeline } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { RegistryError } from '../domain/errors.ts'
import type { Bucket, ByteSpan } from './bucket.ts'
import { cloudError, delayMs, faultOf } from './retries.ts'

/** So much is fetched ahead of a client that is slower than the service. */
const readAheadBytes = 1024 * 1024
const failuresInARow = 6
/** The client libraries watch over a request until its answer begins, and over no body. */
const longestSilenceMs = 30_000

/**
 * The bytes from `start` to `end`, in pieces of at most 1 MiB. An answer that breaks off, or falls
 * silent, is gone on with where it ended. Throws UNAVAILABLE when bytes are missing.
 */
export async function* readRange(
  bucket: Bucket,
  key: string,
  { start, end }: ByteSpan,
  silenceMs = longestSilenceMs,
): AsyncGenerator<Uint8Array, void, undefined> {
  let at = start
  let failures = 0
  while (at <= end) {
    const before = at
    try {
      for await (const piece of fetchRange(bucket, key, { start: at, end }, silenceMs)) {
        at += piece.length
        yield piece
      }
      if (at === before)
        throw new RegistryError('UNAVAILABLE', 'The blob is shorter than it should be.')
    } catch (error) {
      failures = at > before ? 1 : failures + 1
      await rest(error, failures)
    }
  }
}

async function* fetchRange(bucket: Bucket, key: string, range: ByteSpan, silenceMs: number) {
  const body = await bucket.get(key, range)
  if (body === undefined) throw new RegistryError('UNAVAILABLE', 'The bytes are missing.')
  const ahead = new PassThrough({ highWaterMark: readAheadBytes })
  // Its error comes out of `ahead`.
  pipeline(body, ahead, () => undefined)
  // Runs while the service is waited for, not while the client is.
  const listen = () => setTimeout(() => ahead.destroy(silentError()), silenceMs)
  let silence = listen()
  try {
    let left = range.end - range.start + 1
    for await (const chunk of ahead) {
      clearTimeout(silence)
      const piece: Uint8Array = chunk.subarray(0, left)
      if (piece.length > 0) yield piece
      left -= piece.length
      if (left === 0) return
      silence = listen()
    }
  } finally {
    clearTimeout(silence)
  }
}

function silentError(): Error {
  return Object.assign(new Error('the blob store fell silent'), { code: 'ETIMEDOUT' })
}

async function rest(error: unknown, failures: number): Promise<void> {
  const fault = faultOf(error)
  if (fault === undefined) throw error
  if (failures >= failuresInARow) throw cloudError({ ...fault, status: null })
  await sleep(delayMs(failures))
}
