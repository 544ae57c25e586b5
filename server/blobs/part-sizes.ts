const mebibyte = 1024 * 1024
/** S3's own limit for all parts but the last. */
export const minPartBytes = 5 * mebibyte
const smallParts = 2560
const partsOfOneSize = 300
const largestBytes = 1024 * mebibyte

/** How large the parts of an upload are. */
export type PartSizes = (index: number) => number

/**
 * Parts grow, so that 5 TiB fit into the 10,000 that S3 takes: 2,560 of 5 MiB (12.5 GiB), 300 of
 * 10 MiB (15 GiB), 300 of 20 MiB and so on, up to 1 GiB. Small ones keep what an upload has in memory small.
 */
export function growingParts(index: number): number {
  const doublings = Math.max(0, Math.floor((index - smallParts) / partsOfOneSize) + 1)
  return Math.min(largestBytes, minPartBytes * 2 ** doublings)
}

/** All alike, as some services demand it (R2): 10,000 of them are the largest blob. */
export function uniformParts(partBytes: number): PartSizes {
  return () => partBytes
}

/** Of what becomes parts again: the service copies it, in so many steps at most. */
const copyBytes = 256 * mebibyte
const mostCopies = 1000

/** Sizes of the parts that the first bytes of an object become; a rest is too little for one. */
export function copySizes(lengthBytes: number, uniformBytes: number | null): number[] {
  if (uniformBytes !== null) return Array(Math.floor(lengthBytes / uniformBytes)).fill(uniformBytes)
  if (lengthBytes < minPartBytes) return []
  const count = Math.min(mostCopies, Math.ceil(lengthBytes / copyBytes))
  const each = Math.floor(lengthBytes / count)
  return [...Array(count - 1).fill(each), lengthBytes - each * (count - 1)]
}

/** S3's own limit. */
const mostParts = 10_000

/** The size of parts that are all alike, where it is known how large the object becomes. */
export function alikeParts(sizeBytes: number, leastBytes: number): number {
  return Math.max(leastBytes, Math.ceil(sizeBytes / mostParts / mebibyte) * mebibyte)
}
