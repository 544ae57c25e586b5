import { createReadStream } from 'node:fs'
import { type ObjectParts, ObjectWriter } from '../../blobs/object-writer.ts'
import { CopiedDatabase } from '../../db/copied-database.ts'
import { algorithms } from '../../domain/digest.ts'
import { atBucket, type BackupBucket, keysOf, listSegments, objectsAtOnce } from './bucket-keys.ts'
import { isSnapshotName } from './snapshots.ts'
import type { SnapshotDraft } from './target.ts'

const pieceBytes = 1024 * 1024
const digestBytes = 72

export interface BucketSnapshotDeps extends BackupBucket {
  readonly parts: ObjectParts
  /** A file of this machine. */
  readonly database: string
  /** Throws when somebody else has the bucket now. */
  readonly requireHeld: () => Promise<void>
}

/** Objects below the snapshot's name, which are one from when its `backup.json` is there. */
export function beginBucketSnapshot(deps: BucketSnapshotDeps, name: string): SnapshotDraft {
  const { bucket, prefix, database, requireHeld } = deps
  const keys = keysOf(prefix)
  return {
    database,
    putFile: (file, bytes) =>
      atBucket(deps.name, () => bucket.put(`${keys.snapshot(name)}files/${file}`, bytes)),
    finish: (info, spend) =>
      atBucket(deps.name, async () => {
        const { sizeBytes } = info.database
        const pieces = createReadStream(database, { highWaterMark: pieceBytes })
        await putPieces(deps, { key: keys.database(name), sizeBytes, pieces, spend })
        const index = { key: keys.index(name), sizeBytes: info.content.blobs * digestBytes }
        await putPieces(deps, { ...index, pieces: digestLines(database), spend })
        await requireHeld()
        await bucket.put(keys.info(name), Buffer.from(`${JSON.stringify(info, null, 2)}\n`))
        await requireHeld().catch(async (error: unknown) => {
          // Who has it now may have removed what this one found there.
          await bucket.delete([keys.info(name)])
          throw error
        })
        return `${deps.name}/snapshots/${name}`
      }),
  }
}

async function putPieces(
  { parts }: BucketSnapshotDeps,
  of: {
    readonly key: string
    readonly sizeBytes: number
    readonly pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
    readonly spend: (bytes: number) => Promise<void>
  },
): Promise<void> {
  const writer = new ObjectWriter(parts, of.key, of.sizeBytes)
  try {
    for await (const piece of of.pieces) {
      await writer.write(piece)
      await of.spend(piece.byteLength)
    }
    await writer.complete()
  } catch (error) {
    await writer.abort()
    throw error
  }
}

/** A digest a line, in order, shard by shard. */
function* digestLines(database: string): Generator<Uint8Array> {
  using copy = new CopiedDatabase(database)
  for (const algorithm of algorithms) {
    for (let shard = 0; shard < 256; shard += 1) {
      const from = `${algorithm}:${shard.toString(16).padStart(2, '0')}`
      const digests = copy.listDigests(from, `${from}g`).sort()
      yield Buffer.from(digests.map((digest) => `${digest}\n`).join(''))
    }
  }
}

export interface SnapshotRemoving extends BackupBucket {
  /** Throws when somebody else has the bucket now. */
  readonly requireHeld: () => Promise<void>
}

/** From now on there is no such snapshot; then its objects go. */
export async function removeBucketSnapshot(of: SnapshotRemoving, name: string): Promise<void> {
  const keys = keysOf(of.prefix)
  await of.requireHeld()
  await of.bucket.delete([keys.info(name)])
  await removeBelow(of, keys.snapshot(name))
}

/** Snapshots that were not finished, or are half removed; nothing that has a name of another kind. */
export async function removeUnfinished(of: SnapshotRemoving): Promise<void> {
  const { bucket, prefix } = of
  const keys = keysOf(prefix)
  for (const name of (await listSegments(bucket, keys.snapshots)).filter(isSnapshotName)) {
    if ((await bucket.findSize(keys.info(name))) !== undefined) continue
    await removeBelow(of, keys.snapshot(name))
  }
}

async function removeBelow({ bucket, requireHeld }: SnapshotRemoving, prefix: string) {
  for (;;) {
    const page = await bucket.list({ prefix, after: null, count: objectsAtOnce })
    if (page.length === 0) return
    await requireHeld()
    await bucket.delete(page.map(({ key }) => key))
    if (page.length < objectsAtOnce) return
  }
}
