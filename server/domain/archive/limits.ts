/** How much of an archive is read: whatever a layer says, no more than this is done for it. */
export interface ArchiveLimits {
  /** Unpacked bytes of one layer. */
  readonly maxUnpackedBytes: number
  /** How many times its stored size a layer may unpack to, beyond `ratioFreeBytes`. */
  readonly maxRatio: number
  readonly ratioFreeBytes: number
  /** Entries of one layer, the skipped ones too; and of all layers of one image. */
  readonly maxEntries: number
  /** Of a path or a link's target, in bytes. */
  readonly maxPathBytes: number
  /** Parts of a path. */
  readonly maxDepth: number
  /** Of one PAX header or GNU long name. */
  readonly maxHeaderBytes: number
  /** What is kept of one layer: its entries, packed. */
  readonly maxIndexBytes: number
  /** Problems that are told one by one. */
  readonly maxProblems: number
}

const mib = 1024 * 1024

export const archiveLimits: ArchiveLimits = {
  maxUnpackedBytes: 32 * 1024 * mib,
  maxRatio: 200,
  ratioFreeBytes: 256 * mib,
  maxEntries: 500_000,
  maxPathBytes: 4096,
  maxDepth: 256,
  maxHeaderBytes: mib,
  maxIndexBytes: 192 * mib,
  maxProblems: 100,
}

/** An archive that cannot be read, or not within the limits: its message is told to people. */
export class ArchiveError extends Error {
  override name = 'ArchiveError'
}
