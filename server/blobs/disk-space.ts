import { statfs } from 'node:fs/promises'
import { RegistryError } from '../domain/errors.ts'

const mebibyte = 1024 * 1024
const trustBytes = 64 * mebibyte
const trustMilliseconds = 1_000

/**
 * Keeps `reserveBytes` of a disk free, for the database and the rest of the machine. Free space is
 * measured once a second and every 64 MiB; what is written in between is subtracted.
 */
export class DiskSpace {
  readonly #folder: string
  readonly #reserveBytes: number
  #freeBytes = 0
  #measuredAt = Number.NEGATIVE_INFINITY
  #spentBytes = 0

  constructor(folder: string, reserveBytes: number) {
    this.#folder = folder
    this.#reserveBytes = reserveBytes
  }

  /** Throws STORAGE_FULL unless `bytes` more can be written and the reserve stays free. */
  async requireRoom(bytes: number): Promise<void> {
    this.#spentBytes += bytes
    if (this.#isStale() || this.#leftBytes() < this.#reserveBytes) {
      await this.#measure(bytes)
    }
    if (this.#leftBytes() < this.#reserveBytes) {
      throw this.#full()
    }
  }

  #leftBytes(): number {
    return this.#freeBytes - this.#spentBytes
  }

  #isStale(): boolean {
    return (
      this.#spentBytes > trustBytes || performance.now() - this.#measuredAt >= trustMilliseconds
    )
  }

  async #measure(bytes: number): Promise<void> {
    const { bavail, blocks, bsize } = await statfs(this.#folder)
    // Some network file systems do not know their size and say 0 for everything.
    this.#freeBytes = blocks === 0 ? Number.POSITIVE_INFINITY : bavail * bsize
    this.#measuredAt = performance.now()
    this.#spentBytes = bytes
  }

  #full(): RegistryError {
    const freeBytes = Math.max(0, this.#leftBytes())
    return new RegistryError(
      'STORAGE_FULL',
      `The blob store's disk has ${formatBytes(freeBytes)} free and must keep ${formatBytes(this.#reserveBytes)}. Make room on that disk or enlarge it, then push again.`,
      { detail: { freeBytes, neededBytes: this.#reserveBytes } },
    )
  }
}

function formatBytes(bytes: number): string {
  return bytes < mebibyte ? `${bytes} bytes` : `${(bytes / mebibyte).toFixed(1)} MiB`
}
