import type { StoredLocation } from './blob-store.ts'
import type { Bucket } from './bucket.ts'
import type { CloudKeys } from './cloud-keys.ts'
import { isLocation } from './location.ts'
import type { PartLedger } from './part-ledger.ts'

export interface Listed {
  readonly bucket: Bucket
  readonly keys: CloudKeys
  readonly ledger: PartLedger
}

/** Staged ones as the ledger has them, all others as the bucket has; by location. */
export async function listCloud(
  { bucket, keys, ledger }: Listed,
  after: string | null,
  count: number,
): Promise<StoredLocation[]> {
  const staged = await ledger.list(after, count)
  const objects = await bucket.list({
    ...{ prefix: keys.blobs, count },
    after: after === null ? null : keys.blob(after),
  })
  const found = new Map<string, StoredLocation>()
  for (const { key, sizeBytes } of objects) {
    const location = key.slice(keys.blobs.length)
    if (isLocation(location)) found.set(location, { location, sizeBytes, state: 'finished' })
  }
  // Read again: one that was finished between the two looks is an object now.
  const still = new Set(await ledger.staged([...found.keys()]))
  for (const { location, sizeBytes } of staged) {
    if (still.has(location) || !found.has(location)) {
      found.set(location, { location, sizeBytes, state: 'staged' })
    }
  }
  return [...found.values()]
    .sort((one, other) => (one.location < other.location ? -1 : 1))
    .slice(0, count)
}
