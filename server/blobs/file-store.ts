import { lstat, open, readdir, rename } from 'node:fs/promises'
import { RegistryError } from '../domain/errors.ts'
import type { BlobReader, BlobStore, StoredLocation, UploadWriter } from './blob-store.ts'
import { BufferPool } from './buffer-pool.ts'
import { DiskSpace } from './disk-space.ts'
import { FileBlobReader } from './file-blob-reader.ts'
import { atStore, unlessMissing } from './file-errors.ts'
import {
  type FileLayout,
  finishedPath,
  isShard,
  layoutOf,
  shardOf,
  stagedPath,
} from './file-layout.ts'
import { listLocations } from './file-listing.ts'
import { FileUploadWriter, type WriterOutcome } from './file-upload-writer.ts'
import { Folder, makeFolder, Subfolders, syncFolder } from './folder.ts'
import { linkFile, whyNotLinked } from './linked-files.ts'
import { requireLocation } from './location.ts'
import { requireOneDisk } from './one-disk.ts'
import { unlinkFiles } from './removals.ts'
import { createStaged, openStaged, sizeOf, syncStaged } from './staged-files.ts'
import { openMarker, type StoreMarker } from './store-marker.ts'
import { WriteBehind } from './write-behind.ts'

const poolLimits = { maxLarge: 48, maxKept: 16 }

export interface FileStoreOptions {
  /** The folder of the store; made when it is not there. */
  readonly root: string
  /** Uploads are refused (STORAGE_FULL) while the disk has less than this free. */
  readonly reserveBytes: number
  /**
   * The id that the store had when it was first opened. With it, a folder without that store
   * (its disk is not mounted) is UNAVAILABLE instead of becoming a new, empty store.
   */
  readonly expectedId?: string
  /** That nobody else has the folder: let go of with the store, also when that cannot be opened. */
  readonly lock?: AsyncDisposable
}

/** Bytes in a folder. */
export interface FileStore extends BlobStore {
  /** Random, kept in the folder's marker. */
  readonly id: string
}

/** Opens the store in a folder, or makes one. Throws UNAVAILABLE or STORAGE_FULL. */
export async function openFileStore(options: FileStoreOptions): Promise<FileStore> {
  try {
    return await openStore(options)
  } catch (error) {
    await options.lock?.[Symbol.asyncDispose]()
    throw error
  }
}

function openStore(options: FileStoreOptions): Promise<FileStore> {
  return atStore(async () => {
    const layout = layoutOf(options.root)
    const marker = await openMarker(layout, options.expectedId)
    // A backup may have left empty folders out.
    await makeFolder(layout.uploads)
    await makeFolder(layout.blobs)
    await requireOneDisk(layout)
    const known = (await readdir(layout.blobs)).filter(isShard)
    await syncFolder(layout.blobs)
    await syncFolder(layout.root)
    const space = new DiskSpace(layout.root, options.reserveBytes)
    return new DiskStore({ layout, marker, space, shards: known, lock: options.lock })
  })
}

interface DiskStoreParts {
  readonly layout: FileLayout
  readonly marker: StoreMarker
  readonly space: DiskSpace
  /** Names of the shard folders that are there and durable. */
  readonly shards: readonly string[]
  readonly lock: AsyncDisposable | undefined
}

class DiskStore implements FileStore {
  readonly id: string
  readonly #layout: FileLayout
  readonly #marker: StoreMarker
  readonly #space: DiskSpace
  readonly #lock: AsyncDisposable | undefined
  readonly #uploads: Folder
  readonly #shards: Subfolders
  /** Of the last writer of each staged file: `finish` need not fsync again what was just synced. */
  readonly #outcomes = new Map<string, WriterOutcome>()
  // One each, so that a thousand slow pulls cannot slow down a push.
  readonly #writePool = new BufferPool(poolLimits)
  readonly #readPool = new BufferPool(poolLimits)
  readonly #behind = new WriteBehind()

  constructor({ layout, marker, space, shards, lock }: DiskStoreParts) {
    this.id = marker.id
    this.#layout = layout
    this.#marker = marker
    this.#space = space
    this.#lock = lock
    this.#uploads = new Folder(layout.uploads)
    this.#shards = new Subfolders(new Folder(layout.blobs), shards)
  }

  startUpload(location: string): Promise<void> {
    return this.#at(location, async () => {
      await this.#marker.verifyNowAndThen()
      await createStaged(this.#layout, location)
    })
  }

  openUpload(location: string, offsetBytes: number): Promise<UploadWriter | undefined> {
    return this.#at(location, async () => {
      await this.#marker.verifyNowAndThen()
      this.#outcomes.delete(location)
      const handle = await openStaged(this.#layout, location, offsetBytes)
      if (handle === undefined) {
        await this.#marker.verify()
        return undefined
      }
      const outcome: WriterOutcome = { durableBytes: undefined }
      this.#outcomes.set(location, outcome)
      return new FileUploadWriter({
        handle,
        outcome,
        offsetBytes,
        pool: this.#writePool,
        space: this.#space,
        behind: this.#behind,
        syncEntry: () => this.#uploads.sync(),
      })
    })
  }

  async *readStaged(location: string, lengthBytes: number): AsyncGenerator<Uint8Array> {
    const reader = await this.#at(location, () => this.#openReader(this.#staged(location)))
    if (reader === undefined) {
      throw new RegistryError('UNAVAILABLE', 'The staged bytes of the upload are missing.')
    }
    try {
      yield* reader.read(0, lengthBytes - 1)
    } finally {
      await reader[Symbol.asyncDispose]()
    }
  }

  openStaged(location: string): Promise<BlobReader | undefined> {
    return this.#at(location, () => this.#openReader(this.#staged(location)))
  }

  finish(location: string): Promise<{ sizeBytes: number } | undefined> {
    return this.#at(location, async () => {
      const known = this.#outcomes.get(location)?.durableBytes
      this.#outcomes.delete(location)
      const sizeBytes = known ?? (await syncStaged(this.#layout, location))
      if (sizeBytes !== undefined && (await this.#moveIntoPlace(location))) {
        return { sizeBytes }
      }
      return this.#finishAgain(location)
    })
  }

  whyNotLinked(file: string): Promise<string | null> {
    return atStore(() => whyNotLinked(file, this.#layout.blobs))
  }

  link(location: string, file: string): Promise<void> {
    return this.#at(location, async () => {
      await this.#marker.verifyNowAndThen()
      const folder = await this.#shards.ensure(shardOf(location))
      await linkFile(file, this.#finished(location))
      await folder.sync()
    })
  }

  abort(location: string): Promise<void> {
    return this.#at(location, () => {
      this.#outcomes.delete(location)
      return this.#unlinkAll([this.#staged(location), this.#finished(location)])
    })
  }

  open(location: string): Promise<BlobReader | undefined> {
    return this.#at(location, () => this.#openReader(this.#finished(location)))
  }

  remove(locations: readonly string[]): Promise<void> {
    return atStore(async () => {
      for (const location of locations) {
        requireLocation(location)
      }
      await this.#unlinkAll(locations.map((location) => this.#finished(location)))
    })
  }

  list(after: string | null, count: number): Promise<StoredLocation[]> {
    return atStore(async () => {
      await this.#marker.verify()
      return listLocations(this.#layout, after, count)
    })
  }

  async check(): Promise<void> {
    try {
      await atStore(() => this.#tryOut())
    } catch (error) {
      if (error instanceof RegistryError && error.code === 'STORAGE_FULL') {
        throw new RegistryError('UNAVAILABLE', error.message, {
          cause: error,
          detail: error.detail,
        })
      }
      throw error
    }
  }

  /** Writers and readers that are open go on: each owns its file. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lock?.[Symbol.asyncDispose]()
  }

  #at<T>(location: string, work: () => Promise<T>): Promise<T> {
    return atStore(() => {
      requireLocation(location)
      return work()
    })
  }

  async #openReader(file: string): Promise<BlobReader | undefined> {
    const handle = await unlessMissing(open(file, 'r'))
    if (handle === undefined) {
      await this.#marker.verify()
      return undefined
    }
    const sizeBytes = await sizeOf(handle)
    return new FileBlobReader({ handle, sizeBytes, pool: this.#readPool })
  }

  /** False when the staged file has gone meanwhile. */
  async #moveIntoPlace(location: string): Promise<boolean> {
    const shard = shardOf(location)
    for (let attempt = 1; attempt <= 2; attempt++) {
      const folder = await this.#shards.ensure(shard)
      const moved = await unlessMissing(
        rename(this.#staged(location), this.#finished(location)).then(() => true),
      )
      if (moved) {
        await folder.sync()
        return true
      }
      // Somebody may have tidied up the empty folder.
      this.#shards.forget(shard)
    }
    return false
  }

  /** Renamed before, perhaps by a process that died before the folder was on the disk. */
  async #finishAgain(location: string): Promise<{ sizeBytes: number } | undefined> {
    const stats = await unlessMissing(lstat(this.#finished(location)))
    if (stats === undefined) {
      await this.#marker.verify()
      return undefined
    }
    const folder = await this.#shards.ensure(shardOf(location))
    await folder.sync()
    return { sizeBytes: stats.size }
  }

  async #unlinkAll(files: readonly string[]): Promise<void> {
    // Not to be taken for removed while the disk is elsewhere.
    if (!(await unlinkFiles(files))) await this.#marker.verify()
  }

  async #tryOut(): Promise<void> {
    await this.#marker.verify()
    await lstat(this.#layout.blobs)
    const probe = `${this.#layout.uploads}/.probe`
    const handle = await open(probe, 'w', 0o600)
    await handle.close()
    await unlinkFiles([probe])
    await this.#space.requireRoom(0)
  }

  #staged(location: string): string {
    return stagedPath(this.#layout, location)
  }

  #finished(location: string): string {
    return finishedPath(this.#layout, location)
  }
}
