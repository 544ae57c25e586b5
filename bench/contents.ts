import { createHash, randomBytes } from 'node:crypto'

/** Bytes to push: never pushed before, and hashed before the clock runs. */
export interface Content {
  readonly digest: string
  readonly sizeBytes: number
  readonly pieces: () => Iterable<Buffer>
}

const pieceBytes = 1 << 20
const piece = randomBytes(pieceBytes)

/** The first bytes make it new; the rest repeats, so that a gigabyte needs a megabyte of memory. */
export function newContent(sizeBytes: number): Content {
  const first = randomBytes(Math.min(64, sizeBytes))
  function* pieces() {
    yield first
    for (let left = sizeBytes - first.byteLength; left > 0; left -= pieceBytes) {
      yield left >= pieceBytes ? piece : piece.subarray(0, left)
    }
  }
  const hash = createHash('sha256')
  for (const bytes of pieces()) hash.update(bytes)
  return { digest: `sha256:${hash.digest('hex')}`, sizeBytes, pieces }
}
