import { createHash } from 'node:crypto'
import type { BlobReader } from '../../blobs/blob-store.ts'
import { algorithmOf, type Digest, formatDigest } from '../../domain/digest.ts'
import { RegistryError } from '../../domain/errors.ts'
import type { Download } from '../../upstream/download.ts'
import type { RequestBody, StagedBytes } from '../upload-session.ts'

interface Piece {
  readonly start: number
  readonly bytes: Uint8Array
}

export interface TransferOptions {
  readonly digest: Digest
  readonly download: Download
  /** Whether the blob is kept; it is verified either way. */
  readonly keep: boolean
  /** The blob as it was stored, for who comes when it has just been. */
  readonly openKept: () => Promise<BlobReader>
  /** Told of bytes that came. */
  readonly onBytes: (bytes: number) => void
}

/** Thrown at the end of a body that is right and not to be kept. */
class NotKept extends Error {}

/**
 * A blob on its way from another registry into the store, read by any number of clients meanwhile:
 * what is not on the disk yet from memory, the rest from the disk. Nobody waits for a slow client,
 * and nobody gets the last byte of what it asked for before all of it is verified.
 */
export class BlobTransfer {
  readonly #options: TransferOptions
  #staged: StagedBytes | undefined
  /** Pieces that may not be on the disk yet, in order: what a writer holds back, 2 MiB or so. */
  readonly #recent: Piece[] = []
  #receivedBytes = 0
  #isVerified = false
  #failure: { readonly error: unknown } | undefined
  #changed = deferred()

  constructor(options: TransferOptions) {
    this.#options = options
  }

  /**
   * Lets `store` take the body, and tells who follows how that ends. Never rejects: `failure` has
   * what went wrong.
   */
  async run(store: (body: RequestBody) => Promise<void>): Promise<void> {
    const { download } = this.#options
    try {
      await store({
        lengthBytes: download.sizeBytes,
        staged: (bytes) => {
          this.#staged = bytes
        },
        chunks: (signal) => this.#receive(signal),
      })
      this.#isVerified = true
    } catch (error) {
      if (error instanceof NotKept) this.#isVerified = true
      else this.#failure = { error }
    }
    this.#wake()
  }

  get failure(): unknown {
    return this.#failure?.error
  }

  /** Of the blob: at once if the registry said so, else at its end. Throws what went wrong. */
  async size(): Promise<number> {
    const { sizeBytes } = this.#options.download
    if (sizeBytes !== null) return sizeBytes
    while (!this.#isVerified) await this.#change()
    return this.#receivedBytes
  }

  /** Resolves once the blob is verified and, unless it is not to be kept, stored. */
  async done(): Promise<void> {
    while (!this.#isVerified) await this.#change()
  }

  /**
   * The bytes from `start` to `end`, both included; a piece is valid until the next is asked for.
   * Throws what went wrong, before the last byte.
   */
  async *follow(start: number, end: number): AsyncGenerator<Uint8Array> {
    await using disk = new StagedReader(this.#options)
    for (let at = start; at <= end; ) {
      const last = this.#lastReadable(end)
      if (last < at) {
        await this.#change()
        continue
      }
      // Opened while it is there: afterwards the bytes stay readable.
      await disk.open(this.#staged, this.#isVerified)
      const piece = this.#recent.find(({ start: from, bytes }) => at < from + bytes.byteLength)
      if (piece !== undefined && piece.start <= at) {
        const bytes = piece.bytes.subarray(at - piece.start, last + 1 - piece.start)
        at += bytes.byteLength
        yield bytes
        continue
      }
      for await (const bytes of disk.read(at, Math.min(last, (piece?.start ?? last + 1) - 1))) {
        at += bytes.byteLength
        yield bytes
      }
    }
    while (!this.#isVerified) await this.#change()
  }

  /** Until all is verified, one byte is missing: a client cannot take the rest for the whole. */
  #lastReadable(end: number): number {
    if (this.#failure !== undefined) throw this.#failure.error
    if (this.#isVerified) return end
    return Math.min(this.#receivedBytes - 1, end - 1)
  }

  async *#receive(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const { download, digest, keep, onBytes } = this.#options
    const hash = keep ? undefined : createHash(algorithmOf(digest))
    for await (const bytes of download.chunks(signal)) {
      onBytes(bytes.byteLength)
      hash?.update(bytes)
      this.#recent.push({ start: this.#receivedBytes, bytes })
      this.#receivedBytes += bytes.byteLength
      this.#wake()
      yield bytes
      this.#dropWritten()
    }
    const isRight = hash && formatDigest(algorithmOf(digest), hash.digest('hex')) === digest
    if (isRight) throw new NotKept()
  }

  #dropWritten(): void {
    const writtenBytes = this.#staged?.writtenBytes ?? 0
    const firstKept = this.#recent.findIndex(
      ({ start, bytes }) => start + bytes.byteLength > writtenBytes,
    )
    this.#recent.splice(0, firstKept < 0 ? this.#recent.length : firstKept)
  }

  async #change(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error
    await this.#changed.promise
  }

  #wake(): void {
    this.#changed.resolve()
    this.#changed = deferred()
  }
}

/** What one client reads of the staged bytes. */
class StagedReader implements AsyncDisposable {
  readonly #options: Pick<TransferOptions, 'keep' | 'openKept'>
  #reader: BlobReader | undefined

  constructor(options: Pick<TransferOptions, 'keep' | 'openKept'>) {
    this.#options = options
  }

  async open(staged: StagedBytes | undefined, isVerified: boolean): Promise<void> {
    const { keep, openKept } = this.#options
    this.#reader ??= await staged?.store.openStaged(staged.location)
    if (isVerified && keep) this.#reader ??= await openKept()
  }

  read(start: number, end: number): AsyncIterable<Uint8Array> {
    if (this.#reader !== undefined) return this.#reader.read(start, end)
    throw new RegistryError('UNAVAILABLE', 'The blob has just been stored: ask for it again.')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader?.[Symbol.asyncDispose]()
  }
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
