import type { Digest } from '../../domain/digest.ts'
import type { Descriptor, Manifest } from '../../domain/manifest.ts'
import type { Reference } from '../../domain/reference.ts'

/**
 * Where images come from. Whatever cannot be had is a RegistryError: MANIFEST_UNKNOWN, BLOB_UNKNOWN,
 * DIGEST_INVALID, MANIFEST_INVALID, DENIED or UPSTREAM_FAILED are the trouble of one thing, which is
 * named and passed over; UNAVAILABLE, UNAUTHORIZED and TOOMANYREQUESTS end the run.
 */
export interface Source extends AsyncDisposable {
  /** For people. */
  readonly title: string
  /** Every repository that it knows, as it names them. */
  repositories(): AsyncIterable<string>
  tags(repository: string): AsyncIterable<string>
  /** Its manifests, also those without a tag, where it can list them. */
  manifests(repository: string): AsyncIterable<Digest>
  /** What else it has there that cannot be imported: named, and passed over. */
  leftovers(repository: string): AsyncIterable<Leftover>
  /** Undefined: it says so only with the manifest itself. Throws MANIFEST_UNKNOWN. */
  findTag(repository: string, tag: string): Promise<Digest | undefined>
  /** Verified. */
  getManifest(repository: string, reference: Reference): Promise<SourceManifest>
  /** What refers to the manifest and cannot be found otherwise. */
  referrers(repository: string, subject: Digest): Promise<readonly Digest[]>
  /** Some find out only when the bytes are asked for that there are none. */
  openBlob(repository: string, blob: Pick<Descriptor, 'digest' | 'size'>): Promise<SourceBlob>
}

/** A manifest whose bytes hash to its digest. */
export interface SourceManifest {
  readonly digest: Digest
  readonly content: Uint8Array
  readonly manifest: Manifest
}

/** Bytes that nobody has verified yet. */
export interface SourceBlob {
  readonly sizeBytes: number
  /** A file of this machine that has these bytes and no others; null: there is none. */
  readonly file: string | null
  /** The bytes from `start` on; a piece stays what it is. */
  chunks(start: number, signal: AbortSignal): AsyncIterable<Uint8Array>
}

export interface Leftover {
  readonly what: string
  readonly reason: string
}
