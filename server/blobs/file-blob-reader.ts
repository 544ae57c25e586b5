import type { FileHandle } from 'node:fs/promises'
import { RegistryError } from '../domain/errors.ts'
import type { BlobReader } from './blob-store.ts'
import { type BufferPool, smallBytes } from './buffer-pool.ts'
import { storageError } from './file-errors.ts'

export interface ReaderParts {
  /** Open for reading. The reader closes it. */
  readonly handle: FileHandle
  readonly sizeBytes: number
  readonly pool: BufferPool
}

/** Reads a range through two buffers: the next piece is read while the caller has the one before. */
export class FileBlobReader implements BlobReader {
  readonly sizeBytes: number
  readonly #handle: FileHandle
  readonly #pool: BufferPool
  #closing: Promise<void> | undefined

  constructor(parts: ReaderParts) {
    this.sizeBytes = parts.sizeBytes
    this.#handle = parts.handle
    this.#pool = parts.pool
  }

  async *read(start: number, end: number): AsyncGenerator<Uint8Array, void, undefined> {
    if (end - start < smallBytes) {
      if (start <= end) {
        yield await this.#fill(Buffer.allocUnsafe(end - start + 1), start, end)
      }
      return
    }
    const buffers = this.#takeBuffers(end - start + 1)
    let reading = this.#startFilling(buffers[0], start, end)
    try {
      for (let at = start, turn = 1; reading !== undefined; turn = 1 - turn) {
        const piece: Uint8Array = await reading
        at += piece.length
        reading = this.#startFilling(at <= end ? buffers[turn] : undefined, at, end)
        yield piece
      }
    } finally {
      // The caller may leave at any time: a read under way still writes into its buffer.
      await reading?.catch(() => undefined)
      for (const buffer of buffers) {
        this.#pool.give(buffer)
      }
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#handle.close().catch(() => undefined)
    return this.#closing
  }

  /** One buffer when the range fits into it, else two. */
  #takeBuffers(lengthBytes: number): Buffer[] {
    const first = this.#pool.takeLarge() ?? this.#pool.takeSmall()
    return lengthBytes <= first.length
      ? [first]
      : [first, this.#pool.takeLarge() ?? this.#pool.takeSmall()]
  }

  #startFilling(
    buffer: Buffer | undefined,
    start: number,
    end: number,
  ): Promise<Uint8Array> | undefined {
    const filling = buffer && this.#fill(buffer, start, end)
    // A failure is met when the piece is asked for, perhaps never: it must not end the process.
    filling?.catch(() => undefined)
    return filling
  }

  /** The bytes from `start` on, as many as fit into `buffer`, but none after `end`. */
  async #fill(buffer: Buffer, start: number, end: number): Promise<Uint8Array> {
    const wantedBytes = Math.min(buffer.length, end - start + 1)
    let filledBytes = 0
    while (filledBytes < wantedBytes) {
      const bytesRead = await this.#readInto(
        buffer.subarray(filledBytes, wantedBytes),
        start + filledBytes,
      )
      if (bytesRead === 0) {
        throw new RegistryError('UNAVAILABLE', 'The blob is shorter than it should be.', {
          detail: { sizeBytes: this.sizeBytes, missingFromBytes: start + filledBytes },
        })
      }
      filledBytes += bytesRead
    }
    return buffer.subarray(0, filledBytes)
  }

  async #readInto(target: Buffer, position: number): Promise<number> {
    try {
      const { bytesRead } = await this.#handle.read(target, 0, target.length, position)
      return bytesRead
    } catch (error) {
      throw storageError(error)
    }
  }
}
