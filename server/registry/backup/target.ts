import type { Digest } from '../../domain/digest.ts'
import type { SnapshotInfo } from './snapshots.ts'

/** Where verified bytes go. */
export interface CopyTarget {
  /** Bytes of those blobs that are there; they were hashed before they got their names. */
  findSizes(digests: readonly Digest[]): Promise<Map<string, number>>
  /** Begins a blob of so many bytes. */
  begin(digest: Digest, sizeBytes: number): Promise<BlobDraft>
}

/** Bytes on their way. Whoever writes them hashes them. */
export interface BlobDraft {
  /** The piece may be used again when this resolves. */
  write(piece: Uint8Array): Promise<void>
  /** All of it came, with the right hash: it gets its name. */
  keep(): Promise<void>
  /** Nobody needs it. */
  drop(): Promise<void>
}

/**
 * A place of backups: a folder or a bucket. Names have slashes:
 *
 *     entrepot-backup.json               what this place is
 *     blobs/…                            bytes by digest, shared by all snapshots
 *     snapshots/<name>/backup.json       what the snapshot has: without it there is none
 *     snapshots/<name>/entrepot.db       the database
 *     snapshots/<name>/files/            the secret files of the data folder
 *
 * Throws UNAVAILABLE or STORAGE_FULL, naming the place, where it cannot be used.
 */
export interface BackupTarget extends CopyTarget, AsyncDisposable {
  /** As the command line has it: an absolute path, or `s3://bucket/prefix`. */
  readonly name: string
  /** What people may ask themselves where backups were, and nothing is now. */
  readonly whyEmpty: string

  /** A small file. Undefined: there is none. */
  read(name: string): Promise<Buffer | undefined>
  /** Writes a small file whole or not at all; it is durable when this resolves. While it is held. */
  write(name: string, text: string): Promise<void>
  /** Names in a folder of it, sorted; '' is the place itself. None where there is no such folder. */
  list(folder: string): Promise<string[]>

  /**
   * Keeps others who back up or restore away. Undefined: one of them is at it. A reader holds nothing
   * where it may not write.
   */
  hold(by: TargetUse): Promise<TargetHold | undefined>
  /** Makes it ready to be written to: what a run left that was cut off goes. While it is held. */
  prepare(): Promise<void>

  beginSnapshot(name: string): Promise<SnapshotDraft>
  /** A snapshot's database as a file of this machine. Undefined: it is missing. */
  fetchDatabase(snapshot: string): Promise<string | undefined>
  removeSnapshot(name: string): Promise<void>
  /** A blob that is there with so many bytes, in pieces that are valid until the next one is asked for. */
  readBlob(digest: Digest, sizeBytes: number): AsyncIterable<Uint8Array>
  /** Removes the blobs that none of these snapshots names; tells of how many bytes each was. */
  removeBlobs(kept: readonly string[], removed: (sizeBytes: number) => void): Promise<void>
}

export interface TargetUse {
  readonly isReader: boolean
  /** What is being waited for, for people. */
  readonly tell: (words: string) => void
}

export interface TargetHold extends AsyncDisposable {
  /** Aborted when somebody else has it now: what was copied stays, nothing more may be written. */
  readonly lost: AbortSignal
}

/** A snapshot that is being made. Nobody sees it before it is finished. */
export interface SnapshotDraft {
  /** A file of this machine that the database is to be copied to; it is not there yet. */
  readonly database: string
  /** A secret file, for its owner alone. */
  putFile(name: string, bytes: Uint8Array): Promise<void>
  /** All blobs are there. The snapshot is whole and durable; where it is, for people. */
  finish(info: SnapshotInfo, spend: (bytes: number) => Promise<void>): Promise<string>
}

export const markerFile = 'entrepot-backup.json'
export const infoFile = 'backup.json'
export const databaseName = 'entrepot.db'
