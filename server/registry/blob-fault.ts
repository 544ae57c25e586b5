import { createHash } from 'node:crypto'
import type { BlobStore } from '../blobs/blob-store.ts'
import type { CheckedBlob } from '../db/blob-checks.ts'

/** How fast, and how far, bytes are read. */
export type ReadOn = (pieces: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>

/**
 * What is wrong with the bytes that the store has of a blob; undefined: nothing. Where `readOn` ends
 * before they do, they seem to be others.
 */
export async function findBlobFault(
  store: BlobStore,
  { location, sizeBytes, digest }: CheckedBlob,
  readOn: ReadOn,
): Promise<string | undefined> {
  await using reader = await store.open(location)
  if (reader === undefined) return 'its bytes are missing'
  if (reader.sizeBytes !== sizeBytes) {
    return `it has ${reader.sizeBytes} bytes instead of ${sizeBytes}`
  }
  const [algorithm = ''] = digest.split(':')
  const hash = createHash(algorithm)
  if (sizeBytes > 0) {
    for await (const piece of readOn(reader.read(0, sizeBytes - 1))) hash.update(piece)
  }
  const found = `${algorithm}:${hash.digest('hex')}`
  return found === digest ? undefined : `its bytes are others, with the digest ${found}`
}
