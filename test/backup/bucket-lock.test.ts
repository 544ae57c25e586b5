import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test, vi } from 'vitest'
import type { Bucket } from '../../server/blobs/bucket.ts'
import { type LockTimes, takeBucketLock } from '../../server/registry/backup/bucket-lock.ts'
import { openMemoryS3 } from '../support/memory-s3.ts'

afterEach(() => void vi.restoreAllMocks())

const tell = () => {}
const times: LockTimes = { leaseMs: 500, beatMs: 600_000, lookMs: 20 }

test('a beat that comes after another one took over does not take the lock back', async () => {
  const { place, bucket, late } = makePlace()
  const slow = await takeBucketLock(place, { holder: 'slow', tell }, { ...times, beatMs: 50 })
  const letThrough = late()
  const nextTimes = { ...times, leaseMs: 60_000 }
  await sleep(600)
  await bucket.delete([place.key])
  const next = await takeBucketLock({ ...place, bucket }, { holder: 'next', tell }, nextTimes)
  expect(next).toBeDefined()
  letThrough()
  await vi.waitFor(() => expect(slow?.lost.aborted).toBe(true))
  await expect(slow?.requireHeld()).rejects.toThrow(/may have taken over/)
  // The late one is in the place of its own: neither removes anything.
  await expect(next?.requireHeld()).rejects.toThrow(/has taken over a bucket/)
  for (const lock of [slow, next]) await lock?.[Symbol.asyncDispose]()
})

test('a holder that was silent for the lease has lost it, whatever the bucket says', async () => {
  const lock = await takeBucketLock(makePlace().place, { holder: 'one', tell }, times)
  await lock?.requireHeld()
  await sleep(500)
  await expect(lock?.requireHeld()).rejects.toThrow(/may have taken over/)
  await lock?.[Symbol.asyncDispose]()
})

test('a machine that slept is told so by the clock on the wall', async () => {
  const long = { ...times, leaseMs: 240_000 }
  const lock = await takeBucketLock(makePlace().place, { holder: 'one', tell }, long)
  await lock?.requireHeld()
  const awake = Date.now() + 230_000
  vi.spyOn(Date, 'now').mockReturnValue(awake)
  await expect(lock?.requireHeld()).rejects.toThrow(/may have taken over/)
  await lock?.[Symbol.asyncDispose]()
})

/** A bucket whose puts can be held up on their way. */
function makePlace(bucket = openMemoryS3()) {
  let gate = Promise.resolve()
  const slow: Bucket = {
    ...bucket,
    async put(key, bytes) {
      await gate
      await bucket.put(key, bytes)
    },
  }
  const late = () => {
    let letThrough = () => {}
    gate = new Promise<void>((resolve) => {
      letThrough = resolve
    })
    return () => letThrough()
  }
  return { place: { bucket: slow, key: 'lock', name: 'a bucket' }, bucket, late }
}
