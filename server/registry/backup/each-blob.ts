import type { BlobImage, CheckedBlob } from '../../db/blob-checks.ts'
import type { BlobCursor, CopiedDatabase } from '../../db/copied-database.ts'
import { workAtOnce } from '../at-once.ts'

const blobsAtOnce = 500
const mostImages = 100

/** Does something with every blob of a copied database, as `workAtOnce`. */
export async function eachBlob(
  copy: CopiedDatabase,
  signal: AbortSignal,
  work: (blob: CheckedBlob) => Promise<void>,
): Promise<void> {
  let after: BlobCursor | null = null
  while (!signal.aborted) {
    const page: CheckedBlob[] = copy.listBlobs(after, blobsAtOnce)
    await workAtOnce(page, signal, work)
    after = page.at(-1) ?? null
    if (page.length < blobsAtOnce) break
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
