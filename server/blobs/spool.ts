import { randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises'
import path from 'node:path'
import { storageError } from './file-errors.ts'

const pieceBytes = 256 * 1024

/**
 * Bytes on their way to a store that cannot show them before all are there, on this machine's disk
 * meanwhile. The file has no name: it goes when it is closed, also when the process is killed.
 * Errors: STORAGE_FULL, UNAVAILABLE.
 */
export class Spool implements AsyncDisposable {
  readonly #handle: FileHandle
  #writtenBytes = 0

  private constructor(handle: FileHandle) {
    this.#handle = handle
  }

  static async open(folder: string): Promise<Spool> {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const file = path.join(folder, randomUUID())
      const handle = await open(file, 'wx+', 0o600)
      await rm(file)
      return new Spool(handle)
    } catch (error) {
      throw storageError(error)
    }
  }

  get writtenBytes(): number {
    return this.#writtenBytes
  }

  /** One after another. */
  async append(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.byteLength; ) {
        const { bytesWritten } = await this.#handle.write(bytes, at, undefined, this.#writtenBytes)
        at += bytesWritten
        this.#writtenBytes += bytesWritten
      }
    } catch (error) {
      throw storageError(error)
    }
  }

  /** Written bytes, from `start` to `end`, both included. */
  async *read(start: number, end: number): AsyncGenerator<Uint8Array> {
    for (let at = start; at <= end; ) {
      const piece = Buffer.allocUnsafe(Math.min(pieceBytes, end - at + 1))
      const bytesRead = await this.#readAt(piece, at)
      at += bytesRead
      yield piece.subarray(0, bytesRead)
    }
  }

  async #readAt(piece: Buffer, position: number): Promise<number> {
    try {
      const { bytesRead } = await this.#handle.read(piece, 0, piece.byteLength, position)
      if (bytesRead > 0) return bytesRead
    } catch (error) {
      throw storageError(error)
    }
    throw new RangeError(`nothing is spooled at ${position}`)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#handle.close()
  }
}
