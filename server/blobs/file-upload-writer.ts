import type { FileHandle } from 'node:fs/promises'
import { RegistryError } from '../domain/errors.ts'
import type { UploadWriter } from './blob-store.ts'
import { type BufferPool, largeBytes } from './buffer-pool.ts'
import type { DiskSpace } from './disk-space.ts'
import { storageError } from './file-errors.ts'
import type { WriteBehind } from './write-behind.ts'

export interface WriterParts {
  /** Open for writing, and as long as `offsetBytes`. The writer closes it. */
  readonly handle: FileHandle
  readonly offsetBytes: number
  readonly pool: BufferPool
  readonly space: DiskSpace
  readonly behind: WriteBehind
  /** Makes the file's entry in its folder durable. */
  readonly syncEntry: () => Promise<void>
  /** Filled in when the writer is closed. */
  readonly outcome: WriterOutcome
}

/** As much as this is written before an fsync begins beside the writes. */
const flushBytes = 16 * 1024 * 1024

/** What a closed writer leaves behind. */
export interface WriterOutcome {
  /** The size of the file, if all of it is on the disk for certain. */
  durableBytes: number | undefined
}

/**
 * Gathers what comes into one buffer while the one before is being written. It begins with a small
 * buffer and goes on with large ones, so that a small upload costs little.
 */
export class FileUploadWriter implements UploadWriter {
  readonly #parts: WriterParts
  #filling: Buffer | undefined
  #filledBytes = 0
  #large = false
  #writtenBytes: number
  #durableBytes: number | undefined
  #entryIsDurable = false
  /** The write that is under way; never rejects, since a failure is kept for the next call. */
  #writing: Promise<void> = Promise.resolve()
  /** The fsync that runs beside the writes, if any; never rejects either. */
  #flushing: Promise<void> = Promise.resolve()
  /** Where the last such fsync began. */
  #flushedBytes: number
  #failure: { readonly error: unknown } | undefined
  #closing: Promise<void> | undefined
  #offsetBytes: number

  constructor(parts: WriterParts) {
    this.#parts = parts
    this.#writtenBytes = parts.offsetBytes
    this.#flushedBytes = parts.offsetBytes
    this.#offsetBytes = parts.offsetBytes
  }

  get offsetBytes(): number {
    return this.#offsetBytes
  }

  get writtenBytes(): number {
    return this.#writtenBytes
  }

  async write(chunk: Uint8Array): Promise<void> {
    let takenBytes = 0
    do {
      this.#requireUsable()
      // No waiting between that check and this: who closes it gives back the buffer that is there.
      takenBytes += this.#take(chunk.subarray(takenBytes))
      if (takenBytes < chunk.length) {
        await this.#makeRoom()
      }
    } while (takenBytes < chunk.length)
    if (this.#filledBytes === largeBytes) {
      await this.#startWriting()
    }
  }

  async sync(): Promise<number> {
    const entry = this.#entryIsDurable ? undefined : this.#syncEntry()
    // Its failure counts even when that of the bytes was met first.
    entry?.catch(() => undefined)
    const vouchedBytes = await this.syncBytes()
    await entry
    return vouchedBytes
  }

  async syncBytes(): Promise<number> {
    await this.#startWriting()
    await this.#writing
    await this.#flushing
    this.#requireUsable()
    const vouchedBytes = this.#writtenBytes
    if (this.#durableBytes !== vouchedBytes) {
      await this.#failing(() => this.#parts.handle.datasync())
      this.#durableBytes = vouchedBytes
    }
    return vouchedBytes
  }

  /** What is buffered is dropped. When it resolves, nothing more will reach the file. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Copies what fits. Returns how many bytes that was. */
  #take(bytes: Uint8Array): number {
    const { pool } = this.#parts
    this.#filling ??= (this.#large ? pool.takeLarge() : undefined) ?? pool.takeSmall()
    const piece = bytes.subarray(0, this.#filling.length - this.#filledBytes)
    this.#filling.set(piece, this.#filledBytes)
    this.#filledBytes += piece.length
    this.#offsetBytes += piece.length
    return piece.length
  }

  /** The buffer is full: a small one grows, a large one is written. */
  async #makeRoom(): Promise<void> {
    const full = this.#filling
    const isSmall = full !== undefined && full.length < largeBytes
    const larger = isSmall ? this.#parts.pool.takeLarge() : undefined
    this.#large = true
    if (full === undefined || larger === undefined) {
      await this.#startWriting()
      return
    }
    larger.set(full)
    this.#filling = larger
    this.#parts.pool.give(full)
  }

  /** Hands the filled bytes to the disk, as soon as those before are written. */
  async #startWriting(): Promise<void> {
    await this.#writing
    this.#requireUsable()
    const buffer = this.#filling
    if (buffer !== undefined) {
      const bytes = buffer.subarray(0, this.#filledBytes)
      this.#filling = undefined
      this.#filledBytes = 0
      this.#writing = this.#writeAll(bytes).finally(() => this.#parts.pool.give(buffer))
    }
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    try {
      await this.#parts.space.requireRoom(bytes.length)
      let doneBytes = 0
      while (doneBytes < bytes.length) {
        const rest = bytes.length - doneBytes
        const position = this.#writtenBytes
        const { bytesWritten } = await this.#parts.handle.write(bytes, doneBytes, rest, position)
        doneBytes += bytesWritten
        this.#writtenBytes += bytesWritten
      }
      this.#flushBehind()
    } catch (error) {
      this.#failure = { error: storageError(error) }
    }
  }

  /** What has been written goes to the disk while more comes, so that little is left to the end. */
  #flushBehind(): void {
    if (this.#writtenBytes - this.#flushedBytes < flushBytes) return
    const flushing = this.#parts.behind.tryRun(() => this.#parts.handle.datasync())
    if (flushing === undefined) return
    this.#flushedBytes = this.#writtenBytes
    this.#flushing = Promise.all([this.#flushing, this.#failing(() => flushing)]).then(
      () => undefined,
      () => undefined,
    )
  }

  async #syncEntry(): Promise<void> {
    await this.#failing(this.#parts.syncEntry)
    this.#entryIsDurable = true
  }

  /**
   * A failed fsync fails the writer for good: the kernel may have dropped the pages, and a second
   * fsync would then vouch for what was never written.
   */
  async #failing(sync: () => Promise<void>): Promise<void> {
    try {
      await sync()
    } catch (error) {
      this.#failure ??= { error: storageError(error) }
      throw this.#failure.error
    }
  }

  #requireUsable(): void {
    if (this.#failure !== undefined) {
      throw this.#failure.error
    }
    if (this.#closing !== undefined) {
      throw new RegistryError('UNAVAILABLE', 'The upload was stopped: another request took over.')
    }
  }

  async #close(): Promise<void> {
    await this.#writing
    await this.#flushing
    if (this.#filling !== undefined) {
      this.#parts.pool.give(this.#filling)
      this.#filling = undefined
    }
    // Whoever relies on the bytes has called `sync`; an error now says nothing about those.
    await this.#parts.handle.close().catch(() => undefined)
    if (this.#failure === undefined && this.#durableBytes === this.#writtenBytes) {
      this.#parts.outcome.durableBytes = this.#durableBytes
    }
  }
}
