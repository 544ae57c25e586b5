import { createHash } from 'node:crypto'
import type { BlobReader } from '../../blobs/blob-store.ts'
import type { Spool } from '../../blobs/spool.ts'
import { algorithmOf, type Digest, formatDigest } from '../../domain/digest.ts'
import { isRefusal, type RegistryError } from '../../domain/errors.ts'
import type { Download } from '../../upstream/download.ts'
import type { RequestBody, StagedBytes } from '../upload-session.ts'

type Source = Pick<BlobReader, 'read' | typeof Symbol.asyncDispose>

interface Piece {
  readonly start: number
  readonly bytes: Uint8Array
}

export interface TransferOptions {
  readonly digest: Digest
  readonly download: Download
  /** Whether the blob is kept, if there is room; it is verified either way. */
  readonly keep: boolean
  /** The blob as it was stored, for who comes when it has just been. */
  readonly openKept: () => Promise<BlobReader>
  /** Where they are read from while they go to a store that cannot show them yet. */
  readonly openSpool: () => Promise<Spool>
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
  #spool: Spool | undefined
  /** What is written, for all who read: open as long as anybody does. */
  #written: Source | undefined
  /** Those who read, and whoever runs this. */
  #users = 1
  /** Pieces that may not be on the disk yet, in order: what a writer holds back, 2 MiB or so. */
  readonly #recent: Piece[] = []
  #receivedBytes = 0
  #isVerified = false
  #failure: { readonly error: unknown } | undefined
  #isKept: boolean
  #refusal: RegistryError | undefined
  #changed = deferred()

  constructor(options: TransferOptions) {
    this.#options = options
    this.#isKept = options.keep
  }

  /**
   * Lets `store` take the body, and tells who follows how that ends. Never rejects: `failure` has
   * what went wrong. To be left afterwards.
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
      if (isRefusal(error, 'QUOTA_EXCEEDED')) {
        // It was verified before, and whoever pulls it gets it all the same.
        this.#refusal = error
        this.#isKept = false
        this.#isVerified = true
      } else if (error instanceof NotKept) this.#isVerified = true
      else this.#failure = { error }
    }
    this.#wake()
  }

  /** Before it is read; to be left. False: it is over, and nothing was kept. */
  join(): boolean {
    if (this.#users === 0 && !this.#isKept) return false
    this.#users += 1
    return true
  }

  async leave(): Promise<void> {
    this.#users -= 1
    if (this.#users > 0) return
    const written = this.#written
    this.#written = undefined
    await written?.[Symbol.asyncDispose]()
  }

  /** Why it was not kept, though it should have been; undefined: it was, or should not. */
  get refusal(): RegistryError | undefined {
    return this.#refusal
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
   * The bytes from `start` to `end`, both included, for who has joined; a piece is valid until the
   * next is asked for. Throws what went wrong, before the last byte.
   */
  async *follow(start: number, end: number): AsyncGenerator<Uint8Array> {
    let kept: BlobReader | undefined
    try {
      for (let at = start; at <= end; ) {
        const last = this.#lastReadable(end)
        if (last < at) {
          await this.#change()
          continue
        }
        const piece = this.#recentAt(at)
        if (piece === undefined && this.#written === undefined)
          kept ??= await this.#options.openKept()
        for await (const bytes of piece
          ? [piece.subarray(0, last + 1 - at)]
          : this.#read(kept ?? this.#written, at, last)) {
          at += bytes.byteLength
          yield bytes
        }
      }
      while (!this.#isVerified) await this.#change()
    } finally {
      await kept?.[Symbol.asyncDispose]()
    }
  }

  /** What memory has from there on. */
  #recentAt(at: number): Uint8Array | undefined {
    const piece = this.#recent.find(({ start, bytes }) => at < start + bytes.byteLength)
    return piece && piece.start <= at ? piece.bytes.subarray(at - piece.start) : undefined
  }

  /** The bytes from `start` to `end` that memory has no more. */
  #read(source: Source | undefined, start: number, end: number): AsyncIterable<Uint8Array> {
    if (source === undefined) throw new Error('a transfer that is read without having joined it')
    const [oldest] = this.#recent
    return source.read(start, Math.min(end, (oldest?.start ?? end + 1) - 1))
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
    this.#written = await this.#openWritten()
    for await (const bytes of download.chunks(signal)) {
      onBytes(bytes.byteLength)
      hash?.update(bytes)
      this.#recent.push({ start: this.#receivedBytes, bytes })
      this.#receivedBytes += bytes.byteLength
      this.#wake()
      await this.#spool?.append(bytes)
      yield bytes
      this.#dropWritten()
    }
    const isRight = hash && formatDigest(algorithmOf(digest), hash.digest('hex')) === digest
    if (isRight) throw new NotKept()
  }

  /** Undefined: a small blob is in memory until it is stored. */
  async #openWritten(): Promise<Source | undefined> {
    const { store, location } = this.#staged ?? {}
    if (store === undefined || location === undefined) return undefined
    if (!store.openStaged) this.#spool = await this.#options.openSpool()
    return this.#spool ?? (await store.openStaged?.(location))
  }

  #dropWritten(): void {
    const { writtenBytes = 0 } = this.#spool ?? this.#staged ?? {}
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

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
