import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { algorithmOf, formatDigest, parseDigest } from '../domain/digest.ts'
import type { Bucket } from './bucket.ts'
import { findSizeSoon } from './cloud-marker.ts'
import { readRange } from './cloud-range.ts'
import type { StagedPart, StagedState } from './part-ledger.ts'
import { isCloudFault } from './retries.ts'
import { sumOf } from './staged-state.ts'

const lookAgainMs = 300
const tailsAtOnce = 1000

/** What `finish` has to complete. */
export interface Assembled {
  readonly state: StagedState
  /** The object at the key is the blob already. */
  readonly isWhole: boolean
}

/** Completes the parts; done before, with an answer that was lost, is done. */
export async function completeOnce(
  bucket: Bucket,
  key: string,
  { multipartId, parts }: { readonly multipartId: string; readonly parts: readonly StagedPart[] },
): Promise<void> {
  try {
    await bucket.completeParts(key, multipartId, parts)
  } catch (error) {
    const isGone = isCloudFault(error, 'NoSuchUpload') || isCloudFault(error, 'InvalidBlockList')
    if (!isGone || (await findWhole(bucket, key, sumOf(parts))) !== sumOf(parts)) throw error
  }
}

/** The size of an object that should have this one: services may show for a moment what was before. */
export async function findWhole(
  bucket: Bucket,
  key: string,
  sizeBytes: number,
): Promise<number | undefined> {
  const found = await findSizeSoon(bucket, key)
  if (found === undefined || found === sizeBytes) return found
  await sleep(lookAgainMs)
  return findSizeSoon(bucket, key)
}

/** Whether the object at the key has these bytes. */
export async function isFinishedAs(
  bucket: Bucket,
  key: string,
  { sizeBytes, digest }: { readonly sizeBytes: number; readonly digest: string },
): Promise<boolean> {
  if ((await bucket.findSize(key)) !== sizeBytes) return false
  const algorithm = algorithmOf(parseDigest(digest))
  const hash = createHash(algorithm)
  const all = { start: 0, end: sizeBytes - 1 }
  if (sizeBytes > 0) for await (const piece of readRange(bucket, key, all)) hash.update(piece)
  return formatDigest(algorithm, hash.digest('hex')) === digest
}

export async function removeTails(bucket: Bucket, prefix: string): Promise<void> {
  for (;;) {
    const tails = await bucket.list({ prefix, after: null, count: tailsAtOnce })
    await bucket.delete(tails.map(({ key }) => key))
    if (tails.length < tailsAtOnce) return
  }
}
