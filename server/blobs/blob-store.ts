/**
 * Where bytes live. A store knows locations, not digests: what a location means, and whether
 * anybody may see it, is in the database (DESIGN 5, MUST 2). A location names the bytes of one
 * upload; it is never used for others.
 *
 * Life of a location: `startUpload` (staged, invisible) → `openUpload` … `advance` … → `finish`
 * (durable and readable) → `remove`. `abort` removes it from wherever it is.
 *
 * Errors: a full disk is a RegistryError STORAGE_FULL; a store that cannot be reached
 * (not mounted, no permission, I/O error) is UNAVAILABLE; both carry their `cause`.
 */
export interface BlobStore extends AsyncDisposable {
  /** Creates the empty staged file. Durable only once `finish`ed or after a writer's `sync`. */
  startUpload(location: string): Promise<void>

  /**
   * Opens the staged bytes for writing at `offsetBytes`; bytes beyond it are dropped, since nobody
   * vouches for them. If a crash came between `finish` and the commit of its row, the finished
   * bytes are staged again. Undefined when there are no bytes, or fewer than `offsetBytes`.
   */
  openUpload(location: string, offsetBytes: number): Promise<UploadWriter | undefined>

  /**
   * The first `lengthBytes` of the staged bytes, to be hashed again; pieces are valid until the
   * next is asked for. Throws UNAVAILABLE when fewer are there. A writer that is open meanwhile was
   * opened at `lengthBytes` or beyond.
   */
  readStaged(location: string, lengthBytes: number): AsyncIterable<Uint8Array>

  /**
   * Opens staged bytes while somebody writes them: as many as the writer says that it has written
   * can be read, more as more come, and also once they are finished or removed. Undefined when
   * nothing is staged there (any more). A store without it shows nothing before all is there.
   */
  openStaged?(location: string): Promise<BlobReader | undefined>

  /**
   * Makes the staged bytes the blob at this location: fsynced, renamed, folders fsynced. Safe to
   * repeat. Returns the size, or undefined when there is neither a staged file nor a finished one.
   */
  finish(location: string): Promise<{ sizeBytes: number } | undefined>

  /** Why a file of this machine cannot be a blob as it is, for people; null: it can. Absent: none can. */
  whyNotLinked?(file: string): Promise<string | null>

  /**
   * Makes a file the finished bytes at this location without copying it, by a second name. The store
   * never writes into it, and removing takes that name alone. Durable when it resolves. Throws
   * UNSUPPORTED, saying why, where it cannot be.
   */
  link?(location: string, file: string): Promise<void>

  /** Removes what is staged or finished under this location; nothing there is no error. */
  abort(location: string): Promise<void>

  /**
   * Opens finished bytes. Undefined when missing (only while the store itself can be reached). With
   * `content` they may come from a cache, and are kept there if they are read whole.
   */
  open(location: string, content?: BlobContent): Promise<BlobReader | undefined>

  /** Removes finished bytes; those already gone are no error. */
  remove(locations: readonly string[]): Promise<void>

  /** Finished and staged locations after `after`, in an order of the store's own, at most `count`. */
  list(after: string | null, count: number): Promise<StoredLocation[]>

  /**
   * Removes what uploads left that nobody knows any more, where a store can have such things beside
   * what it lists; of how many.
   */
  sweep?(signal: AbortSignal): Promise<number>

  /** An address from which anybody may read the finished bytes for so long; null: there is none. */
  presign?(location: string, expiresInSeconds: number): Promise<string | null>

  /** Throws UNAVAILABLE, saying why, unless the store's marker can be read and there is room. */
  check(): Promise<void>
}

/** What the bytes at a location are, as the database has it. */
export interface BlobContent {
  readonly digest: string
  readonly sizeBytes: number
}

export interface StoredLocation {
  readonly location: string
  readonly sizeBytes: number
  readonly state: 'staged' | 'finished'
}

/** Appends to staged bytes. One writer a location; the caller sees to that. */
export interface UploadWriter extends AsyncDisposable {
  /**
   * Takes bytes. Resolves when the next piece may come; the memory held is bounded (two 1 MiB
   * buffers on disk, a few parts in the cloud). The chunk may be reused by the caller only after it resolves.
   * When it throws, some of the bytes may have been taken: nobody may vouch for what comes after the last `sync`.
   */
  write(chunk: Uint8Array): Promise<void>
  /** Everything written so far is on the disk (fsync). Returns the offset that this vouches for. */
  sync(): Promise<number>
  /**
   * As `sync`, for bytes that are `finish`ed next: until then a power cut may take them together
   * with the location, so no row may vouch for more of them than before. `digest` is what they
   * were checked to have: where an older writer elsewhere cannot be stopped, others are refused from
   * then on (BLOB_UPLOAD_INVALID).
   */
  syncBytes(digest?: string): Promise<number>
  /** Bytes that `openStaged` can read, counted from the start of the blob; 0 where there is none. */
  readonly writtenBytes: number
  /** Bytes written or buffered, counted from the start of the blob. */
  readonly offsetBytes: number
}

/** Finished bytes, open: a removal meanwhile does not disturb a reader on disk. */
export interface BlobReader extends AsyncDisposable {
  readonly sizeBytes: number
  /** They are on this machine, though the store is elsewhere. */
  readonly isCached?: true
  /**
   * The bytes from `start` to `end`, both included, in pieces of up to 1 MiB. A piece is valid
   * until the next one is asked for. Throws UNAVAILABLE if bytes are missing.
   */
  read(start: number, end: number): AsyncIterable<Uint8Array>
}
