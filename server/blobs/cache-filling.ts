import { createHash } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import type { DiskSpace } from './disk-space.ts'

export interface FillingParts {
  readonly digest: string
  readonly sizeBytes: number
  readonly space: DiskSpace
  /** Written to first. */
  readonly draft: string
  /** What it becomes. */
  readonly file: string
}

/**
 * A copy of a blob that is being read, made on the side: whatever goes wrong with it is nobody's
 * trouble, and it becomes a file only if all of it came and its digest is right.
 */
export class CacheFilling {
  readonly #parts: FillingParts
  readonly #hash
  /** Whether the file is there, once that is known. */
  readonly ended: Promise<boolean>
  #tell: (isKept: boolean) => void = () => {}
  #handle: FileHandle | undefined
  #writtenBytes = 0
  #isOver = false
  #work: Promise<void> = Promise.resolve()

  constructor(parts: FillingParts) {
    this.#parts = parts
    this.ended = new Promise((resolve) => {
      this.#tell = resolve
    })
    this.#hash = createHash(parts.digest.split(':', 1)[0] ?? '')
  }

  /** The next bytes, in order, which must not change before it resolves. Never throws. */
  append(piece: Uint8Array): Promise<void> {
    return this.#next(async () => {
      if (this.#isOver) return
      const { draft, space } = this.#parts
      this.#handle ??= await open(draft, 'wx', 0o600)
      await space.requireRoom(piece.length)
      this.#hash.update(piece)
      await this.#handle.writeFile(piece)
      this.#writtenBytes += piece.length
    })
  }

  /** All has come, if it has; the file is made meanwhile. */
  finish(): void {
    void this.#next(() => this.#end(true))
  }

  abort(): void {
    void this.#next(() => this.#end(false))
  }

  #next(step: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(step).catch(() => this.#end(false))
    return this.#work
  }

  async #end(isWanted: boolean): Promise<void> {
    if (this.#isOver) return
    this.#isOver = true
    const isKept = isWanted && (await this.#keep().catch(() => false))
    if (!isKept) {
      await this.#handle?.close().catch(() => undefined)
      await rm(this.#parts.draft, { force: true }).catch(() => undefined)
    }
    this.#tell(isKept)
  }

  async #keep(): Promise<boolean> {
    const { digest, draft, file, sizeBytes } = this.#parts
    const isWhole = this.#writtenBytes === sizeBytes
    if (this.#handle === undefined || !isWhole) return false
    const [algorithm] = digest.split(':', 1)
    if (`${algorithm}:${this.#hash.digest('hex')}` !== digest) return false
    await this.#handle.sync()
    await this.#handle.close()
    await rename(draft, file)
    return true
  }
}
