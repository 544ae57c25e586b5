import type { BlobImage, CheckedBlob } from '../../db/blob-checks.ts'
import type { BlobCursor, CopiedDatabase } from '../../db/copied-database.ts'
import { type Digest, parseDigest } from '../../domain/digest.ts'
import { workAtOnce } from '../at-once.ts'
import type { CopyTarget } from './target.ts'

const blobsAtOnce = 500
const mostImages = 100

/** A blob of a copied database, and what the backup has of it. */
export interface VisitedBlob {
  readonly blob: CheckedBlob
  readonly digest: Digest
  /** Undefined: nothing. */
  readonly thereBytes: number | undefined
}

/** Does something with every blob of a copied database, as `workAtOnce`. */
export async function eachBlob(
  of: {
    readonly copy: CopiedDatabase
    readonly target: CopyTarget
    readonly signal: AbortSignal
  },
  work: (visited: VisitedBlob) => Promise<void>,
): Promise<void> {
  const { copy, target, signal } = of
  let after: BlobCursor | null = null
  while (!signal.aborted) {
    const next: CheckedBlob[] = copy.listBlobs(after, blobsAtOnce)
    // Of one store: no two of a page have one digest.
    const page = next.filter(({ storeId }) => storeId === next[0]?.storeId)
    const digests = page.map(({ digest }) => parseDigest(digest))
    const there = await target.findSizes(digests)
    await workAtOnce(page, signal, (blob) => {
      return work({ blob, digest: parseDigest(blob.digest), thereBytes: there.get(blob.digest) })
    })
    after = page.at(-1) ?? null
    if (next.length < blobsAtOnce && page.length === next.length) break
  }
}

/** The images that have the blob, a hundred at most; and the same in brackets, for a log. */
export function imagesOf(copy: CopiedDatabase, blob: CheckedBlob) {
  const images = copy.listImages(blob, mostImages).map(formatImage)
  return { images, told: images.length > 0 ? ` (${images.join(', ')})` : '' }
}

export function formatImage({ feed, repository, digest, tag }: BlobImage): string {
  const name = `${feed.toLowerCase()}/${repository}`
  return tag === null ? `${name}@${digest}` : `${name}:${tag}`
}
