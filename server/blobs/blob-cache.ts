import { randomUUID } from 'node:crypto'
import { mkdir, open, readdir, rm, unlink } from 'node:fs/promises'
import path from 'node:path'
import type { BlobContent, BlobReader } from './blob-store.ts'
import { BufferPool } from './buffer-pool.ts'
import { CacheFilling } from './cache-filling.ts'
import { DiskSpace } from './disk-space.ts'
import { FileBlobReader } from './file-blob-reader.ts'
import { unlessMissing } from './file-errors.ts'
import { isLocation } from './location.ts'

/** What is known of each file is in memory: about 200 bytes. */
const mostFiles = 50_000
const fillingsAtOnce = 8
const poolLimits = { maxLarge: 48, maxKept: 16 }
/** One blob takes half of it at most: else each would drive out all others. */
const largestShare = 0.5

export interface BlobCacheOptions {
  /** The cache's own; made when it is not there. */
  readonly folder: string
  readonly maxBytes: number
  /** So much of the disk stays free: then nothing more is kept. */
  readonly reserveBytes: number
}

/**
 * Blobs of a store that were read lately, whole and verified, as files `<location>.<size>`; the one
 * not read for the longest goes first. A location never gets other bytes, so no file is ever out of
 * date. It is fsynced before it gets its name: what is there after a power cut is whole.
 */
export class BlobCache implements AsyncDisposable {
  readonly #options: BlobCacheOptions
  readonly #space: DiskSpace
  readonly #pool = new BufferPool(poolLimits)
  /** Bytes by location, the one that was used last at the end. */
  readonly #files = new Map<string, number>()
  readonly #fillings = new Map<string, CacheFilling>()
  readonly #working = new Set<Promise<unknown>>()
  #usedBytes = 0

  private constructor(options: BlobCacheOptions) {
    this.#options = options
    this.#space = new DiskSpace(options.folder, options.reserveBytes)
  }

  /** Goes through the folder once; what a process left half written is removed. */
  static async open(options: BlobCacheOptions): Promise<BlobCache> {
    await mkdir(options.folder, { recursive: true, mode: 0o700 })
    const cache = new BlobCache(options)
    for (const name of await readdir(options.folder)) {
      const [location = '', size = ''] = name.split('.')
      if (isLocation(location) && /^\d+$/.test(size)) cache.#add(location, Number(size))
      else await rm(path.join(options.folder, name), { force: true, recursive: true })
    }
    cache.#makeRoom()
    return cache
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** Undefined: it is not there, or not as it should be. */
  async open(location: string, sizeBytes: number): Promise<BlobReader | undefined> {
    const known = this.#files.get(location)
    if (known === undefined) return undefined
    const handle =
      known === sizeBytes
        ? await unlessMissing(open(this.#fileOf(location, known), 'r')).catch(() => undefined)
        : undefined
    const stats = await handle?.stat()
    if (handle === undefined || stats?.size !== sizeBytes) {
      await handle?.close()
      this.drop([location])
      return undefined
    }
    this.#touch(location)
    return new FileBlobReader({ handle, sizeBytes, pool: this.#pool })
  }

  /** What takes the bytes of a blob as they pass by; undefined: it is not kept. */
  fill(location: string, { digest, sizeBytes }: BlobContent): CacheFilling | undefined {
    const isFull = this.#fillings.size >= fillingsAtOnce
    if (isFull || this.#files.has(location) || this.#fillings.has(location)) return undefined
    if (sizeBytes === 0 || sizeBytes > this.#options.maxBytes * largestShare) return undefined
    this.#usedBytes += sizeBytes
    this.#makeRoom()
    if (this.#usedBytes > this.#options.maxBytes) {
      // Others are being filled.
      this.#usedBytes -= sizeBytes
      return undefined
    }
    const filling = new CacheFilling({
      ...{ digest, sizeBytes, space: this.#space },
      draft: path.join(this.#options.folder, `filling-${randomUUID()}`),
      file: this.#fileOf(location, sizeBytes),
    })
    this.#fillings.set(location, filling)
    const ended = filling.ended.then((isKept) => {
      this.#fillings.delete(location)
      this.#usedBytes -= sizeBytes
      if (isKept) this.#add(location, sizeBytes)
      this.#makeRoom()
    })
    this.#track(ended)
    return filling
  }

  /** Its files go soon; readers that are open go on. */
  drop(locations: readonly string[]): void {
    for (const location of locations) {
      const sizeBytes = this.#files.get(location)
      if (sizeBytes === undefined) continue
      this.#files.delete(location)
      this.#usedBytes -= sizeBytes
      this.#track(unlink(this.#fileOf(location, sizeBytes)).catch(() => undefined))
    }
  }

  /** Ends what is being filled. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const filling of this.#fillings.values()) filling.abort()
    while (this.#working.size > 0) await Promise.all(this.#working)
  }

  #add(location: string, sizeBytes: number): void {
    this.#files.set(location, sizeBytes)
    this.#usedBytes += sizeBytes
  }

  #touch(location: string): void {
    const sizeBytes = this.#files.get(location)
    if (sizeBytes === undefined) return
    this.#files.delete(location)
    this.#files.set(location, sizeBytes)
  }

  #makeRoom(): void {
    for (const location of this.#files.keys()) {
      const isTooFull = this.#usedBytes > this.#options.maxBytes
      if (!isTooFull && this.#files.size <= mostFiles) return
      this.drop([location])
    }
  }

  #fileOf(location: string, sizeBytes: number): string {
    return path.join(this.#options.folder, `${location}.${sizeBytes}`)
  }

  #track(work: Promise<unknown>): void {
    this.#working.add(work)
    void work.finally(() => this.#working.delete(work))
  }
}
