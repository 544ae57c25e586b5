import { createHash, type Hash } from 'node:crypto'
import { type Digest, type DigestAlgorithm, formatDigest } from '../domain/digest.ts'

/** The hash of an upload's bytes so far. */
export interface RunningHash {
  readonly algorithm: DigestAlgorithm
  readonly hash: Hash
}

export function startHash(algorithm: DigestAlgorithm): RunningHash {
  return { algorithm, hash: createHash(algorithm) }
}

/** The digest so far; the hash can go on. */
export function digestOf({ algorithm, hash }: RunningHash): Digest {
  return formatDigest(algorithm, hash.copy().digest('hex'))
}

/** The digest of all of it. */
export function digestOfBytes(algorithm: DigestAlgorithm, content: Uint8Array): Digest {
  return formatDigest(algorithm, createHash(algorithm).update(content).digest('hex'))
}

/**
 * Hashes of uploads between two requests, each at the offset that its row vouches for. A cache: an
 * upload that goes on elsewhere, or after a restart, has its bytes read again.
 */
export class HashCache {
  readonly #entries = new Map<string, { offsetBytes: number; running: RunningHash }>()
  readonly #maxEntries: number

  constructor(maxEntries = 10_000) {
    this.#maxEntries = maxEntries
  }

  keep(uploadId: string, offsetBytes: number, running: RunningHash) {
    this.#entries.delete(uploadId)
    this.#entries.set(uploadId, { offsetBytes, running: copyOf(running) })
    if (this.#entries.size <= this.#maxEntries) return
    const [oldest] = this.#entries.keys()
    if (oldest !== undefined) this.#entries.delete(oldest)
  }

  /** The hash at exactly this offset, or undefined. The caller may go on with it. */
  find(uploadId: string, offsetBytes: number, algorithm: DigestAlgorithm): RunningHash | undefined {
    const entry = this.#entries.get(uploadId)
    if (entry?.offsetBytes !== offsetBytes || entry.running.algorithm !== algorithm)
      return undefined
    return copyOf(entry.running)
  }

  forget(uploadId: string) {
    this.#entries.delete(uploadId)
  }
}

/** Goes on by itself. */
export function copyOf({ algorithm, hash }: RunningHash): RunningHash {
  return { algorithm, hash: hash.copy() }
}
