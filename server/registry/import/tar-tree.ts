import { type FileHandle, open } from 'node:fs/promises'
import path from 'node:path'
import type { LayerEntry } from '../../domain/archive/entry.ts'
import { ArchiveError, archiveLimits } from '../../domain/archive/limits.ts'
import { TarReader } from '../../domain/archive/tar-reader.ts'
import { RegistryError } from '../../domain/errors.ts'
import type { FileTree } from './file-tree.ts'
import type { SourceBlob } from './source.ts'

const pieceBytes = 256 * 1024
/** Of headers: most of what is read between two files is one. */
const headerBytes = 4096
/** A layer of an archive may be a link to another one's, and that one too. */
const maxLinks = 8

type Place =
  | { readonly kind: 'file'; readonly start: number; readonly sizeBytes: number }
  | { readonly kind: 'link'; readonly to: string }

/** The files of a tar archive, where they stand in it: nothing is unpacked. */
export class TarTree implements FileTree {
  readonly title: string
  readonly #handle: FileHandle
  readonly #places: ReadonlyMap<string, Place>

  private constructor(title: string, handle: FileHandle, places: ReadonlyMap<string, Place>) {
    this.title = title
    this.#handle = handle
    this.#places = places
  }

  /** Reads the headers and passes over the rest. Throws REQUEST_INVALID when it is no archive. */
  static async open(file: string): Promise<TarTree> {
    const handle = await open(file, 'r')
    try {
      await refusePacked(handle, file)
      return new TarTree(file, handle, await readPlaces(handle))
    } catch (error) {
      await handle.close()
      if (!(error instanceof ArchiveError)) throw error
      const message = `${file} is no tar archive that can be read. ${error.message}`
      throw new RegistryError('REQUEST_INVALID', message, { cause: error })
    }
  }

  has(name: string): boolean {
    return this.#places.has(name)
  }

  async find(name: string): Promise<SourceBlob | undefined> {
    let place = this.#places.get(name)
    for (let links = 0; place?.kind === 'link' && links < maxLinks; links += 1) {
      place = this.#places.get(place.to)
    }
    if (place?.kind !== 'file') return undefined
    const { start, sizeBytes } = place
    return {
      ...{ sizeBytes, file: null },
      chunks: (from, signal) => this.#read(start + from, sizeBytes - from, signal),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close()
  }

  async *#read(start: number, bytes: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    for (let at = start, left = bytes; left > 0; ) {
      signal.throwIfAborted()
      const piece = Buffer.allocUnsafe(Math.min(pieceBytes, left))
      const { bytesRead } = await this.#handle.read(piece, 0, piece.byteLength, at)
      if (bytesRead === 0) {
        throw new RegistryError('UPSTREAM_FAILED', `${this.title} has become shorter.`)
      }
      at += bytesRead
      left -= bytesRead
      yield piece.subarray(0, bytesRead)
    }
  }
}

async function refusePacked(handle: FileHandle, file: string): Promise<void> {
  const beginning = Buffer.alloc(4)
  await handle.read(beginning, 0, 4, 0)
  const hex = beginning.toString('hex')
  const packer = hex.startsWith('1f8b') ? 'gzip' : hex === '28b52ffd' ? 'zstd' : undefined
  if (packer === undefined) return
  throw new RegistryError('REQUEST_INVALID', `${file} is packed by ${packer}: unpack it first.`)
}

async function readPlaces(handle: FileHandle): Promise<Map<string, Place>> {
  const places = new Map<string, Place>()
  const limits = { ...archiveLimits, maxUnpackedBytes: Number.MAX_SAFE_INTEGER }
  const nothing = () => {}
  const reader = new TarReader(limits, {
    entry: (entry) => {
      const place = placeOf(entry)
      if (place !== undefined) places.set(entry.path, place)
    },
    ...{ content: nothing, contentEnd: nothing, problem: nothing },
  })
  const { size } = await handle.stat()
  const block = Buffer.alloc(headerBytes)
  for (let at = 0; at < size && !reader.isDone; ) {
    const { bytesRead } = await handle.read(block, 0, headerBytes, at)
    if (bytesRead === 0) break
    reader.push(block.subarray(0, bytesRead))
    at += bytesRead
    // What the files hold is read when it is asked for.
    const passed = Math.min(reader.passableBytes, size - at)
    reader.pass(passed)
    at += passed
  }
  reader.end()
  return places
}

function placeOf(entry: LayerEntry): Place | undefined {
  const { type, offsetBytes: start, sizeBytes, linkTarget } = entry
  if (type === 'file' && !entry.sparse) return { kind: 'file', start, sizeBytes }
  if (linkTarget === null) return undefined
  if (type === 'hard link') return { kind: 'link', to: linkTarget }
  // `docker save` has the layers that two images share once, and links to them.
  const to = path.posix.normalize(path.posix.join(path.posix.dirname(entry.path), linkTarget))
  return to.startsWith('..') || linkTarget.startsWith('/') ? undefined : { kind: 'link', to }
}
