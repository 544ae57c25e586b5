import { RegistryError } from '../domain/errors.ts'
import type { BlobReader, BlobStore, StoredLocation, UploadWriter } from './blob-store.ts'
import { requireLocation } from './location.ts'

const pieceBytes = 1024 * 1024

interface Entry {
  state: StoredLocation['state']
  bytes: Buffer
}

/** A store that lives as long as the process: for tests. It keeps every rule of the interface. */
export async function openMemoryStore(): Promise<BlobStore> {
  return new MemoryStore()
}

class MemoryStore implements BlobStore {
  readonly #entries = new Map<string, Entry>()

  async startUpload(location: string): Promise<void> {
    requireLocation(location)
    if (this.#entries.has(location)) {
      throw new RegistryError('INTERNAL', 'A blob location was about to be used twice.')
    }
    this.#entries.set(location, { state: 'staged', bytes: Buffer.alloc(0) })
  }

  async openUpload(location: string, offsetBytes: number): Promise<UploadWriter | undefined> {
    requireLocation(location)
    const entry = this.#entries.get(location)
    if (entry === undefined || entry.bytes.length < offsetBytes) {
      return undefined
    }
    entry.state = 'staged'
    entry.bytes = entry.bytes.subarray(0, offsetBytes)
    return new MemoryUploadWriter(entry)
  }

  async *readStaged(location: string, lengthBytes: number): AsyncGenerator<Uint8Array> {
    requireLocation(location)
    const entry = this.#entries.get(location)
    if (entry?.state !== 'staged') {
      throw new RegistryError('UNAVAILABLE', 'The staged bytes of the upload are missing.')
    }
    yield* new MemoryBlobReader(entry).read(0, lengthBytes - 1)
  }

  async openStaged(location: string): Promise<BlobReader | undefined> {
    requireLocation(location)
    const entry = this.#entries.get(location)
    return entry?.state === 'staged' ? new MemoryBlobReader(entry) : undefined
  }

  async finish(location: string): Promise<{ sizeBytes: number } | undefined> {
    requireLocation(location)
    const entry = this.#entries.get(location)
    if (entry === undefined) {
      return undefined
    }
    entry.state = 'finished'
    return { sizeBytes: entry.bytes.length }
  }

  async abort(location: string): Promise<void> {
    requireLocation(location)
    this.#entries.delete(location)
  }

  async open(location: string): Promise<BlobReader | undefined> {
    requireLocation(location)
    const entry = this.#entries.get(location)
    return entry?.state === 'finished' ? new MemoryBlobReader(entry) : undefined
  }

  async remove(locations: readonly string[]): Promise<void> {
    locations.forEach(requireLocation)
    for (const location of locations) {
      if (this.#entries.get(location)?.state === 'finished') {
        this.#entries.delete(location)
      }
    }
  }

  async list(after: string | null, count: number): Promise<StoredLocation[]> {
    return [...this.#entries]
      .filter(([location]) => after === null || location > after)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .slice(0, count)
      .map(([location, { state, bytes }]) => ({ location, state, sizeBytes: bytes.length }))
  }

  async check(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.#entries.clear()
  }
}

/** Bytes reach the entry with `sync`, so that a test sees what a crash before it would lose. */
class MemoryUploadWriter implements UploadWriter {
  readonly #entry: Entry
  #pending: Buffer[] = []
  #offsetBytes: number
  #closed = false

  constructor(entry: Entry) {
    this.#entry = entry
    this.#offsetBytes = entry.bytes.length
  }

  get offsetBytes(): number {
    return this.#offsetBytes
  }

  get writtenBytes(): number {
    return this.#entry.bytes.length
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#requireOpen()
    this.#pending.push(Buffer.from(chunk))
    this.#offsetBytes += chunk.length
  }

  async sync(): Promise<number> {
    this.#requireOpen()
    this.#entry.bytes = Buffer.concat([this.#entry.bytes, ...this.#pending])
    this.#pending = []
    return this.#offsetBytes
  }

  syncBytes(): Promise<number> {
    return this.sync()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#pending = []
  }

  #requireOpen(): void {
    if (this.#closed) {
      throw new RegistryError('UNAVAILABLE', 'The upload was stopped: another request took over.')
    }
  }
}

class MemoryBlobReader implements BlobReader {
  readonly #entry: Pick<Entry, 'bytes'>

  constructor(entry: Pick<Entry, 'bytes'>) {
    this.#entry = entry
  }

  get sizeBytes(): number {
    return this.#entry.bytes.length
  }

  /** Every piece is overwritten once the next is asked for: who keeps one too long finds out. */
  async *read(start: number, end: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (let at = start; at <= end; at += pieceBytes) {
      const length = Math.min(pieceBytes, end - at + 1)
      if (at + length > this.#entry.bytes.length) {
        throw new RegistryError('UNAVAILABLE', 'The blob is shorter than it should be.')
      }
      const piece = Buffer.from(this.#entry.bytes.subarray(at, at + length))
      try {
        yield piece
      } finally {
        piece.fill(0xee)
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
