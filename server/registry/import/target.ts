import type { Digest } from '../../domain/digest.ts'
import type { RepositoryName, Tag } from '../../domain/reference.ts'
import type { SourceBlob, SourceManifest } from './source.ts'

/**
 * The registry that images go to: everything is put in the order in which a client pushes, and
 * refused by the same rules. STORAGE_FULL and UNAVAILABLE end the run.
 */
export interface ImportTarget extends AsyncDisposable {
  /** Undefined also for one that lacks something: it is to be put again. */
  findManifest(repository: RepositoryName, digest: Digest): Promise<StoredManifest | undefined>
  findTag(repository: RepositoryName, tag: Tag): Promise<string | undefined>
  hasBlob(repository: RepositoryName, digest: Digest): Promise<boolean>
  /** Takes the blob from another repository that has it. False: none has. */
  mountBlob(repository: RepositoryName, digest: Digest): Promise<boolean>
  /** Returns once the bytes are verified and durable. Throws DIGEST_INVALID for others. */
  putBlob(push: BlobPush): Promise<'copied' | 'linked'>
  putManifest(repository: RepositoryName, manifest: SourceManifest): Promise<void>
  /** Of a manifest that is there. */
  putTag(push: TagPush): Promise<void>
}

export interface StoredManifest {
  readonly mediaType: string
  readonly content: Uint8Array
}

export interface BlobPush {
  readonly repository: RepositoryName
  readonly digest: Digest
  readonly blob: SourceBlob
  readonly signal: AbortSignal
}

export interface TagPush {
  readonly repository: RepositoryName
  readonly tag: Tag
  readonly digest: Digest
  /** Whether it may be another image's now. */
  readonly mayMove: boolean
}
