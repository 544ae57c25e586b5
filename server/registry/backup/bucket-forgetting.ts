import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { readRange } from '../../blobs/cloud-range.ts'
import { RegistryError } from '../../domain/errors.ts'
import { type BackupBucket, digestOf, keysOf, objectsAtOnce } from './bucket-keys.ts'

export interface Forgetting {
  /** Snapshots whose blobs stay. */
  readonly kept: readonly string[]
  readonly removed: (sizeBytes: number) => void
  /** Throws when somebody else has the bucket now. */
  readonly requireHeld: () => Promise<void>
}

/** Goes through what is there and what is named side by side, both in order: no list of all is in memory. */
export async function removeUnnamed(
  of: BackupBucket,
  { kept, removed, requireHeld }: Forgetting,
): Promise<void> {
  const { bucket, prefix } = of
  const { blobs } = keysOf(prefix)
  const indexes: Index[] = []
  try {
    for (const name of kept) indexes.push(await openIndex(of, name))
    let after: string | null = null
    for (;;) {
      const page = await bucket.list({ prefix: blobs, after, count: objectsAtOnce })
      const last = page.at(-1)?.key
      if (last === undefined) return
      const needed = new Set<string>()
      for (const index of indexes) await index.takeUpTo(last.slice(blobs.length), needed)
      const unneeded = page.filter(({ key }) => {
        return digestOf(prefix, key) !== undefined && !needed.has(key.slice(blobs.length))
      })
      if (unneeded.length > 0) {
        await requireHeld()
        await bucket.delete(unneeded.map(({ key }) => key))
        for (const { sizeBytes } of unneeded) removed(sizeBytes)
      }
      if (page.length < objectsAtOnce) return
      after = last
    }
  } finally {
    for (const index of indexes) await index[Symbol.asyncDispose]()
  }
}

/** The names of a snapshot's blobs below `blobs/`, in order. */
interface Index extends AsyncDisposable {
  /** Hands out those not handed out yet, up to this one. */
  takeUpTo(last: string, into: Set<string>): Promise<void>
}

async function openIndex(of: BackupBucket, snapshot: string): Promise<Index> {
  const { bucket, prefix, name } = of
  const key = keysOf(prefix).index(snapshot)
  const sizeBytes = await bucket.findSize(key)
  if (sizeBytes === undefined) {
    throw new RegistryError(
      'UNAVAILABLE',
      `The snapshot ${snapshot} in ${name} has no blobs.txt, so that nobody knows which blobs it needs: none was removed. Remove the snapshot (its backup.json first), or put that file back.`,
    )
  }
  const bytes = Readable.from(readRange(bucket, key, { start: 0, end: sizeBytes - 1 }))
  const lines = createInterface({ input: bytes })[Symbol.asyncIterator]()
  let next = await lines.next()
  return {
    async takeUpTo(last, into) {
      for (; next.done !== true; next = await lines.next()) {
        const blob = next.value.replace(':', '/')
        if (blob > last) return
        into.add(blob)
      }
    },
    async [Symbol.asyncDispose]() {
      await lines.return?.()
      bytes.destroy()
    },
  }
}
