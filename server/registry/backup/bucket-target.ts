import { open } from 'node:fs/promises'
import { readRange } from '../../blobs/cloud-range.ts'
import { type ObjectParts, shareParts } from '../../blobs/object-writer.ts'
import { isCloudFault } from '../../blobs/retries.ts'
import type { Digest } from '../../domain/digest.ts'
import { atTarget } from './backup-files.ts'
import { openBucketBlobs } from './bucket-blobs.ts'
import { removeUnnamed } from './bucket-forgetting.ts'
import {
  atBucket,
  type BackupBucket,
  digestOf,
  keysOf,
  listSegments,
  objectsAtOnce,
  readObject,
  snapshotOf,
} from './bucket-keys.ts'
import { type BucketLock, type LockTimes, takeBucketLock } from './bucket-lock.ts'
import { beginBucketSnapshot, removeBucketSnapshot, removeUnfinished } from './bucket-snapshots.ts'
import type { BackupTarget, CopyTarget, TargetHold, TargetUse } from './target.ts'
import { openWorkplace, type Workplace } from './workplace.ts'

export interface BucketPlace extends BackupBucket {
  /** Has room for a copy of the database on its way. */
  readonly dataDir: string
  readonly lockTimes?: LockTimes
}

/** Part of a bucket as the place of backups. The bucket is closed with it. */
export function openBucketTarget(place: BucketPlace): BackupTarget {
  return new BucketTarget(place)
}

class BucketTarget implements BackupTarget {
  readonly name: string
  readonly whyEmpty =
    'is it the right service (backup-s3-endpoint), or were its objects removed there?'
  readonly findSizes: CopyTarget['findSizes']
  readonly begin: CopyTarget['begin']
  readonly #place: BucketPlace
  readonly #keys: ReturnType<typeof keysOf>
  readonly #parts: ObjectParts
  #workplace: Workplace | undefined
  #lock: BucketLock | undefined

  constructor(place: BucketPlace) {
    this.name = place.name
    this.#place = place
    this.#keys = keysOf(place.prefix)
    this.#parts = shareParts(place.bucket)
    const { findSizes, begin } = openBucketBlobs(place, this.#parts)
    this.findSizes = findSizes
    this.begin = begin
  }

  read(name: string): Promise<Buffer | undefined> {
    const { bucket, prefix } = this.#place
    return this.#at(() => readObject(bucket, `${prefix}${name}`))
  }

  write(name: string, text: string): Promise<void> {
    const { bucket, prefix } = this.#place
    return this.#at(async () => {
      await this.#requireHeld()
      await bucket.put(`${prefix}${name}`, Buffer.from(text))
    })
  }

  list(folder: string): Promise<string[]> {
    const { bucket, prefix } = this.#place
    return this.#at(() => listSegments(bucket, `${prefix}${folder === '' ? '' : `${folder}/`}`))
  }

  async hold({ isReader, tell }: TargetUse): Promise<TargetHold | undefined> {
    const { bucket, name, dataDir, lockTimes } = this.#place
    this.#workplace ??= await atTarget(dataDir, () => openWorkplace(dataDir))
    const place = { bucket, name, key: this.#keys.lock }
    const taking = { holder: this.#workplace.id, tell }
    const lock = await this.#at(() =>
      takeBucketLock(place, taking, lockTimes).catch((error: unknown) => {
        if (!isReader || !isCloudFault(error, 403)) throw error
        tell(
          `The lock of ${name} may not be written with these credentials: nothing keeps a backup from removing what is read meanwhile.`,
        )
        return null
      }),
    )
    if (lock === undefined) return undefined
    this.#lock = lock ?? undefined
    return lock ?? holdNothing()
  }

  async prepare(): Promise<void> {
    await this.#at(async () => {
      await this.#abortIncomplete()
      await removeUnfinished({ ...this.#place, requireHeld: () => this.#requireHeld() })
    })
  }

  async beginSnapshot(name: string) {
    const { database } = this.#requireWorkplace()
    const requireHeld = () => this.#requireHeld()
    return beginBucketSnapshot({ ...this.#place, parts: this.#parts, database, requireHeld }, name)
  }

  async fetchDatabase(snapshot: string): Promise<string | undefined> {
    const { bucket, dataDir } = this.#place
    const { database } = this.#requireWorkplace()
    return await this.#at(async () => {
      const key = this.#keys.database(snapshot)
      const sizeBytes = await bucket.findSize(key)
      if (sizeBytes === undefined) return undefined
      await using file = await open(database, 'w', 0o600)
      for await (const piece of readRange(bucket, key, { start: 0, end: sizeBytes - 1 })) {
        await atTarget(dataDir, () => file.writeFile(piece))
      }
      return database
    })
  }

  removeSnapshot(name: string): Promise<void> {
    const requireHeld = () => this.#requireHeld()
    return this.#at(() => removeBucketSnapshot({ ...this.#place, requireHeld }, name))
  }

  readBlob(digest: Digest, sizeBytes: number): AsyncIterable<Uint8Array> {
    return readRange(this.#place.bucket, this.#keys.blob(digest), { start: 0, end: sizeBytes - 1 })
  }

  removeBlobs(kept: readonly string[], removed: (sizeBytes: number) => void): Promise<void> {
    const requireHeld = () => this.#requireHeld()
    return this.#at(() => removeUnnamed(this.#place, { kept, removed, requireHeld }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#workplace?.[Symbol.asyncDispose]()
    await this.#place.bucket[Symbol.asyncDispose]()
  }

  #at<T>(work: () => Promise<T>): Promise<T> {
    return atBucket(this.name, work)
  }

  /** Of ours alone: others may keep things in the bucket, too. */
  async #abortIncomplete(): Promise<void> {
    const { bucket, prefix } = this.#place
    for (const below of [this.#keys.blobs, this.#keys.snapshots]) {
      let after: string | null = null
      for (;;) {
        const page = await bucket.listIncomplete({ prefix: below, after, count: objectsAtOnce })
        for (const key of page) {
          if ((digestOf(prefix, key) ?? snapshotOf(prefix, key)) === undefined) continue
          await this.#requireHeld()
          await bucket.abortParts(key)
        }
        after = page.at(-1) ?? null
        if (page.length < objectsAtOnce) break
      }
    }
  }

  async #requireHeld(): Promise<void> {
    if (this.#lock === undefined) throw new Error(`nobody holds ${this.name}`)
    await this.#lock.requireHeld()
  }

  #requireWorkplace(): Workplace {
    if (this.#workplace === undefined) throw new Error(`nobody holds ${this.name}`)
    return this.#workplace
  }
}

/** A reader that may not write keeps nobody away. */
function holdNothing(): TargetHold {
  return { lost: new AbortController().signal, async [Symbol.asyncDispose]() {} }
}
