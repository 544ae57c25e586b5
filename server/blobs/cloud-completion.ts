import { setTimeout as sleep } from 'node:timers/promises'
import type { Bucket } from './bucket.ts'
import { findSizeSoon } from './cloud-marker.ts'
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

export async function removeTails(bucket: Bucket, prefix: string): Promise<void> {
  for (;;) {
    const tails = await bucket.list({ prefix, after: null, count: tailsAtOnce })
    await bucket.delete(tails.map(({ key }) => key))
    if (tails.length < tailsAtOnce) return
  }
}
