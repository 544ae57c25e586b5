const mebibyte = 1024 * 1024
const firstBytes = 8 * mebibyte
const smallParts = 1600
const partsOfOneSize = 600
const largestBytes = 1024 * mebibyte

/** How large the parts of an upload are. */
export type PartSizes = (index: number) => number

/**
 * Parts grow, so that 5 TiB fit into the 10,000 that S3 takes: 1,600 of 8 MiB (12.5 GiB), 600 of 16 MiB
 * (21 GiB), 600 of 32 MiB and so on, up to 1 GiB.
 */
export function growingParts(index: number): number {
  const doublings = Math.max(0, Math.floor((index - smallParts) / partsOfOneSize) + 1)
  return Math.min(largestBytes, firstBytes * 2 ** doublings)
}

/** All alike, as some services demand it (R2): 10,000 of them are the largest blob. */
export function uniformParts(partBytes: number): PartSizes {
  return () => partBytes
}

/** S3's own limit for all parts but the last. */
export const minPartBytes = 5 * mebibyte
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
