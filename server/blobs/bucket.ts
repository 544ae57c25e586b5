import type { Readable } from 'node:stream'
import type { StagedPart } from './part-ledger.ts'

/**
 * What a store needs of S3 or Azure Blob. Keys are whole, prefix included. Each call is tried again
 * while the service is busy or the network fails; what remains is a RegistryError UNAVAILABLE or
 * STORAGE_FULL without credentials. Bytes handed in must not change before the call resolves.
 */
export interface Bucket extends AsyncDisposable {
  /** Where it is, for people. */
  readonly name: string
  /** Parts but the last have at least so many bytes. */
  readonly minPartBytes: number
  put(key: string, bytes: Uint8Array): Promise<void>
  /** Undefined: there is no such object. */
  findSize(key: string): Promise<number | undefined>
  /** The bytes from `start` to `end`, both included. Undefined: there is no such object. */
  get(key: string, range: ByteSpan): Promise<Readable | undefined>
  /** Those already gone are no error. */
  delete(keys: readonly string[]): Promise<void>
  /** Objects whose key begins with `prefix` and comes after `after`, in the order of their keys. */
  list(page: BucketPage): Promise<readonly BucketObject[]>
  /** Keys with parts that were never completed; each once, in order. */
  listIncomplete(page: BucketPage): Promise<readonly string[]>

  /** Opens a multipart upload under this key. */
  beginParts(key: string): Promise<string>
  /** Whether it is open. */
  hasParts(key: string, multipartId: string): Promise<boolean>
  putPart(part: NewPart): Promise<StagedPart>
  /** Parts, in this order, become the object. UNAVAILABLE with `gone` when it is open no more. */
  completeParts(key: string, multipartId: string, parts: readonly StagedPart[]): Promise<void>
  /**
   * Makes the first bytes of the object at this key parts again, so that others can follow: all
   * `lengthBytes`, or fewer if the rest is too little for a part.
   */
  takeUp(taking: TakingUp): Promise<TakenUp>
  /** Ends every multipart upload under this key; none is no error. The object stays. */
  abortParts(key: string): Promise<void>

  /** An address from which anybody may read the object for so long. */
  presign(key: string, expiresInSeconds: number): Promise<string>
}

export interface ByteSpan {
  readonly start: number
  readonly end: number
}

export interface BucketPage {
  readonly prefix: string
  /** Null: from the first. */
  readonly after: string | null
  readonly count: number
}

export interface BucketObject {
  readonly key: string
  readonly sizeBytes: number
}

export interface NewPart {
  readonly key: string
  readonly multipartId: string
  readonly number: number
  readonly bytes: Uint8Array
  readonly signal: AbortSignal
}

export interface TakingUp {
  readonly key: string
  readonly lengthBytes: number
  /** The first of `count` part numbers. */
  reserve(count: number): Promise<number>
}

export interface TakenUp {
  readonly multipartId: string | null
  readonly parts: readonly StagedPart[]
}
