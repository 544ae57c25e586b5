import type { BlobImage, CheckedBlob } from '../../db/blob-checks.ts'
import type { BlobCursor, CopiedDatabase } from '../../db/copied-database.ts'

const blobsAtOnce = 500
const workersAtOnce = 4
const mostImages = 100

/**
 * Does something with every blob of a copied database, with four at a time, until the signal. Throws
 * what the first of them threw, once none goes on behind its back.
 */
export async function eachBlob(
  copy: CopiedDatabase,
  signal: AbortSignal,
  work: (blob: CheckedBlob) => Promise<void>,
): Promise<void> {
  let after: BlobCursor | null = null
  while (!signal.aborted) {
    const page: CheckedBlob[] = copy.listBlobs(after, blobsAtOnce)
    const queue = page.values()
    const workers = Array.from({ length: workersAtOnce }, async () => {
      for (const blob of queue) if (!signal.aborted) await work(blob)
    })
    const failed = (await Promise.allSettled(workers)).find(({ status }) => status === 'rejected')
    if (failed?.status === 'rejected') throw failed.reason
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
