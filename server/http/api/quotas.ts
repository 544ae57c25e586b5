import type { Quota } from '../../../contract/browse.ts'
import { isNearlyFull } from '../../domain/quota.ts'

/** Of a registry or repository; null: it has none, or the caller may not know. */
export function quotaOf(
  bytes: number | null,
  sizes: { readonly manifestBytes: number; readonly deduplicatedBytes: number } | null,
): Quota | null {
  if (bytes === null || sizes === null) return null
  const usedBytes = sizes.manifestBytes + sizes.deduplicatedBytes
  return { bytes, usedBytes, nearlyFull: isNearlyFull({ quotaBytes: bytes, usedBytes }) }
}
