/** A part that the service has: parts follow one another from the first byte on. */
export interface StagedPart {
  readonly number: number
  readonly sizeBytes: number
  /** What completing has to name: an ETag, or the id of a block. */
  readonly tag: string
}

/** Bytes too few for a part, kept in an object of their own. */
export interface StagedTail {
  readonly number: number
  readonly startBytes: number
  readonly sizeBytes: number
}

/** Where the first `sizeBytes` of an upload are. What is beyond counts for nothing. */
export interface StagedState {
  readonly sizeBytes: number
  /** Of the multipart upload that `parts` are in; null: none is open. */
  readonly multipartId: string | null
  readonly parts: readonly StagedPart[]
  /** So many bytes can be read at the key of the blob, where nobody looks yet. */
  readonly sealedBytes: number
  readonly tails: readonly StagedTail[]
  /** Numbers of tails that nothing needs any more; their objects may still be there. */
  readonly litter: readonly number[]
  /** Whether the last writer said all that it had done; else there may be objects that nobody knows. */
  readonly isSettled: boolean
  /** Whether one ever did not. */
  readonly isMessy: boolean
  /**
   * The digest of the bytes that somebody began to finish; absent: nobody did; null: they were
   * finished, and what the object at the key hashes to says as what.
   */
  readonly finishedAs?: string | null
}

export interface Staging extends StagedState {
  /** Counts who opened it: only the last one may record. */
  readonly writer: number
}

export const emptyState: StagedState = {
  sizeBytes: 0,
  multipartId: null,
  parts: [],
  sealedBytes: 0,
  tails: [],
  litter: [],
  isSettled: true,
  isMessy: false,
}

/**
 * What a store in the cloud has to remember of uploads, where every process finds it: there, parts
 * cannot be listed by whoever has not been told of them, and an older writer elsewhere cannot be
 * stopped. So numbers are reserved before they are sent, never twice, and only what is recorded here
 * is ever completed (DESIGN 5, MUST 6).
 */
export interface PartLedger {
  /** Throws INTERNAL when the location is known already. */
  start(location: string, state: StagedState): Promise<void>
  find(location: string): Promise<Staging | undefined>
  /**
   * Makes the caller the one writer, with this state from now on, if it is still as `before`; the
   * writer's count. Undefined: somebody else was quicker.
   */
  claim(location: string, before: Staging, state: StagedState): Promise<number | undefined>
  /** The first of `count` numbers that nobody else ever gets. Throws UNAVAILABLE for an older writer. */
  reserve(location: string, writer: number, count: number): Promise<number>
  /** Throws UNAVAILABLE for an older writer. */
  record(location: string, writer: number, state: StagedState): Promise<void>
  end(location: string): Promise<void>
  /** Which of the locations are staged. */
  staged(locations: readonly string[]): Promise<readonly string[]>
  /** In the order of their locations. */
  list(
    after: string | null,
    count: number,
  ): Promise<readonly { readonly location: string; readonly sizeBytes: number }[]>
}
