import type { BucketObject } from '../../blobs/bucket.ts'
import { type ObjectParts, ObjectWriter } from '../../blobs/object-writer.ts'
import { atBucket, type BackupBucket, digestOf, keysOf, objectsAtOnce } from './bucket-keys.ts'
import type { BlobDraft, CopyTarget } from './target.ts'

/** Blobs that are objects. What is there is listed in pages, between the digests that are asked for. */
export function openBucketBlobs(of: BackupBucket, parts: ObjectParts): CopyTarget {
  const { name, prefix } = of
  const keys = keysOf(prefix)
  return {
    findSizes: (digests) =>
      atBucket(name, async () => {
        const sizes = new Map<string, number>()
        for await (const { key, sizeBytes } of listNear(of, digests.map(keys.blob))) {
          const digest = digestOf(prefix, key)
          if (digest !== undefined) sizes.set(digest, sizeBytes)
        }
        return sizes
      }),
    async begin(digest, sizeBytes) {
      return draftOf(name, new ObjectWriter(parts, keys.blob(digest), sizeBytes))
    },
  }
}

/** Objects of these keys, and what lies between them as far as a page goes. */
async function* listNear(
  { bucket, prefix }: BackupBucket,
  keys: readonly string[],
): AsyncGenerator<BucketObject> {
  const sorted = keys.toSorted()
  let next = sorted[0]
  while (next !== undefined) {
    // Nothing of ours lies between this and the key.
    const after = next.slice(0, -1)
    const page = await bucket.list({ prefix: keysOf(prefix).blobs, after, count: objectsAtOnce })
    yield* page
    const last = page.at(-1)?.key
    if (last === undefined || page.length < objectsAtOnce) return
    next = sorted.find((key) => key > last)
  }
}

/** The key is there when all of it is. */
function draftOf(name: string, writer: ObjectWriter): BlobDraft {
  return {
    write: (piece) => atBucket(name, () => writer.write(piece)),
    keep: () => atBucket(name, () => writer.complete()),
    drop: () => writer.abort(),
  }
}
