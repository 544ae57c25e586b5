import { createHash } from 'node:crypto'
import type { BlobReader, BlobStore } from '../../blobs/blob-store.ts'
import { systemCode } from '../../blobs/file-errors.ts'
import { algorithmOf, type Digest } from '../../domain/digest.ts'
import { RegistryError } from '../../domain/errors.ts'
import type { CleanupReport } from '../cleanup-report.ts'
import type { Pace } from './pace.ts'
import type { CopyTarget } from './target.ts'

/** Why bytes could not be copied. */
export interface Reason {
  readonly text: string
  /** Its bytes are to blame, not the way to them. */
  readonly isDamage: boolean
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
  const { stores, target, pace, report } = deps
  const opened = await openBytes(stores, blob)
  if ('text' in opened) return opened
  await using reader = opened
  const { sizeBytes } = reader
  const draft = await target.begin(digest, sizeBytes)
  let kept = false
  try {
    const reason = await pour({
      ...{ digest, signal: report.signal },
      pieces: sizeBytes > 0 ? reader.read(0, sizeBytes - 1) : [],
      async write(piece) {
        await draft.write(piece)
        await pace.spend(piece.byteLength)
      },
    })
    if (reason !== undefined) return reason
    await draft.keep()
    kept = true
    report.count('copied', 1)
    report.count('bytesCopied', sizeBytes)
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

export interface Pouring {
  readonly digest: Digest
  readonly pieces: AsyncIterable<Uint8Array> | readonly Uint8Array[]
  readonly signal: AbortSignal
  write(piece: Uint8Array): Promise<void>
}

/**
 * Writes pieces somewhere and hashes them. Undefined: all came, and they have the digest. What goes
 * wrong in writing is thrown.
 */
export async function pour({
  digest,
  pieces: source,
  signal,
  write,
}: Pouring): Promise<Reason | undefined> {
  const algorithm = algorithmOf(digest)
  const hash = createHash(algorithm)
  const pieces = iterate(source)
  try {
    while (!signal.aborted) {
      const next = await pieces.next().catch(unreadable)
      if ('text' in next) return next
      if (next.done === true) {
        const found = `${algorithm}:${hash.digest('hex')}`
        if (found === digest) return undefined
        return { text: `its bytes are others, with the digest ${found}`, isDamage: true }
      }
      hash.update(next.value)
      await write(next.value)
    }
    return { text: 'called off', isDamage: false }
  } finally {
    await pieces.return(undefined)
  }
}

async function* iterate(pieces: Pouring['pieces']) {
  yield* pieces
}

/** What the store said; a mistake of ours is thrown. */
function unreadable(error: unknown): Reason {
  const isTold = error instanceof RegistryError || systemCode(error) !== undefined
  if (!isTold) throw error
  return { text: `it could not be read: ${(error as Error).message}`, isDamage: false }
}

/** Whether the bytes are there; they were hashed before they got their name. */
export async function hasBytes(
  target: CopyTarget,
  digest: Digest,
  sizeBytes: number,
): Promise<boolean> {
  return (await target.findSizes([digest])).get(digest) === sizeBytes
}
