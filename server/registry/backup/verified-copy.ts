import { stat } from 'node:fs/promises'
import type { BlobReader, BlobStore } from '../../blobs/blob-store.ts'
import { systemCode, unlessMissing } from '../../blobs/file-errors.ts'
import type { Digest } from '../../domain/digest.ts'
import { RegistryError } from '../../domain/errors.ts'
import type { CleanupReport } from '../cleanup-report.ts'
import { atTarget, BlobDraft } from './backup-files.ts'
import type { Pace } from './pace.ts'

/** Why bytes could not be copied. */
export interface Reason {
  readonly text: string
  /** Its bytes are to blame, not the way to them. */
  readonly isDamage: boolean
}

/** Where verified bytes go. */
export interface CopyTarget {
  /** For messages. */
  readonly root: string
  /** A folder for bytes that are being copied; on the same disk. */
  readonly partial: string
  place(digest: Digest): { readonly folder: string; readonly file: string }
}

export interface CopyDeps {
  readonly stores: { get(storeId: number): BlobStore }
  readonly target: CopyTarget
  readonly pace: Pace
  readonly report: CleanupReport
}

/** Where a store has the bytes. */
export interface StoredBytes {
  readonly storeId: number
  readonly location: string
  readonly sizeBytes: number
}

/**
 * Copies bytes that a store has, hashed on their way: under their name they are whole. Undefined when
 * they are there now. Throws when the target cannot be written.
 */
export async function copyVerified(
  deps: CopyDeps,
  blob: StoredBytes,
  digest: Digest,
): Promise<Reason | undefined> {
  const { stores, target } = deps
  const opened = await openBytes(stores, blob)
  if ('text' in opened) return opened
  await using reader = opened
  const draft = await atTarget(target.root, () => BlobDraft.begin(target, digest))
  let kept = false
  try {
    const reason = await fillDraft(deps, reader, draft)
    if (reason !== undefined) return reason
    const found = draft.digest()
    if (found !== digest) {
      return { text: `its bytes are others, with the digest ${found}`, isDamage: true }
    }
    await atTarget(target.root, () => draft.keep(target.place(digest)))
    kept = true
    deps.report.count('copied', 1)
    deps.report.count('bytesCopied', draft.sizeBytes)
    return undefined
  } finally {
    if (!kept) await draft.drop()
  }
}

async function openBytes(
  stores: CopyDeps['stores'],
  { storeId, location, sizeBytes }: StoredBytes,
): Promise<BlobReader | Reason> {
  try {
    const reader = await stores.get(storeId).open(location)
    if (reader === undefined) return { text: 'its bytes are missing', isDamage: true }
    if (reader.sizeBytes === sizeBytes) return reader
    await reader[Symbol.asyncDispose]()
    const text = `it has ${reader.sizeBytes} bytes instead of ${sizeBytes}`
    return { text, isDamage: true }
  } catch (error) {
    return unreadable(error)
  }
}

/** Undefined: all of it came. What goes wrong in the backup's folder is thrown. */
async function fillDraft(
  { target, pace, report }: CopyDeps,
  reader: BlobReader,
  draft: BlobDraft,
): Promise<Reason | undefined> {
  const pieces = reader.read(0, reader.sizeBytes - 1)[Symbol.asyncIterator]()
  try {
    while (reader.sizeBytes > 0 && !report.signal.aborted) {
      const next = await pieces.next().catch(unreadable)
      if ('text' in next) return next
      if (next.done === true) return undefined
      await atTarget(target.root, () => draft.write(next.value))
      await pace.spend(next.value.byteLength)
    }
    return report.signal.aborted ? { text: 'called off', isDamage: false } : undefined
  } finally {
    await pieces.return?.()
  }
}

/** What the store said; a mistake of ours is thrown. */
function unreadable(error: unknown): Reason {
  const isTold = error instanceof RegistryError || systemCode(error) !== undefined
  if (!isTold) throw error
  return { text: `it could not be read: ${(error as Error).message}`, isDamage: false }
}

/** Whether the bytes are there; they were hashed before they got their name. */
export async function hasBytes(
  { root, place }: CopyTarget,
  digest: Digest,
  sizeBytes: number,
): Promise<boolean> {
  const found = await atTarget(root, () => unlessMissing(stat(place(digest).file)))
  return found?.isFile() === true && found.size === sizeBytes
}
