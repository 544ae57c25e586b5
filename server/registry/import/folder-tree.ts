import { createReadStream } from 'node:fs'
import { opendir, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { systemCode } from '../../blobs/file-errors.ts'
import { RegistryError } from '../../domain/errors.ts'
import type { FileTree } from './file-tree.ts'
import type { SourceBlob } from './source.ts'

const pieceBytes = 256 * 1024

export interface FolderEntry {
  readonly name: string
  readonly kind: 'file' | 'folder' | 'other'
}

/** The files of a folder: whatever symlinks and names in it say, nothing outside is read. */
export class FolderTree implements FileTree {
  readonly title: string
  readonly #root: string

  private constructor(title: string, root: string) {
    this.title = title
    this.#root = root
  }

  /** Throws REQUEST_INVALID where there is none. */
  static async open(folder: string): Promise<FolderTree> {
    try {
      return new FolderTree(folder, await realpath(folder))
    } catch (error) {
      const reason = systemCode(error) ?? String(error)
      throw new RegistryError('REQUEST_INVALID', `${folder} cannot be read (${reason}).`, {
        cause: error,
      })
    }
  }

  async find(name: string): Promise<SourceBlob | undefined> {
    const file = await this.#placeOf(name)
    if (file === undefined) return undefined
    const stats = await readable(name, () => stat(file))
    // A pipe would keep us waiting for its writer.
    if (!stats.isFile()) throw new RegistryError('UPSTREAM_FAILED', `${name} is no plain file.`)
    const chunks: SourceBlob['chunks'] = (start, signal) => read({ file, name }, start, signal)
    return { sizeBytes: stats.size, file, chunks }
  }

  /** In the order of the folder; nothing where there is none. */
  async *list(name: string): AsyncGenerator<FolderEntry> {
    const folder = await this.#placeOf(name)
    if (folder === undefined) return
    for await (const entry of await readable(name, () => opendir(folder))) {
      const kind = entry.isDirectory() ? 'folder' : entry.isFile() ? 'file' : 'other'
      yield { name: entry.name, kind }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** Where the name leads. Undefined: nowhere. */
  async #placeOf(name: string): Promise<string | undefined> {
    const place = await readable(name, () => realpath(path.join(this.#root, name))).catch(
      (error: unknown) => {
        const code = error instanceof RegistryError ? systemCode(error.cause) : undefined
        if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
        throw error
      },
    )
    if (place === undefined || place === this.#root) return place
    if (place.startsWith(`${this.#root}${path.sep}`)) return place
    throw new RegistryError(
      'UPSTREAM_FAILED',
      `${name} leads out of ${this.#root}, by a symlink: nothing outside is imported.`,
    )
  }
}

async function* read(
  { file, name }: { readonly file: string; readonly name: string },
  start: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const stream = createReadStream(file, { start, highWaterMark: pieceBytes })
  try {
    for await (const piece of stream as AsyncIterable<Buffer>) {
      signal.throwIfAborted()
      yield piece
    }
  } catch (error) {
    throw unreadable(name, error)
  } finally {
    stream.destroy()
  }
}

async function readable<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw unreadable(name, error)
  }
}

function unreadable(name: string, error: unknown): unknown {
  const code = systemCode(error)
  if (code === undefined) return error
  return new RegistryError('UPSTREAM_FAILED', `${name} cannot be read (${code}).`, { cause: error })
}
