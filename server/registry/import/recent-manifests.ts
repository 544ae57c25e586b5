import type { Digest } from '../../domain/digest.ts'
import type { StoredManifest } from './target.ts'

/** Manifests that were under way last, so many bytes of them. */
export class RecentManifests {
  readonly #maxBytes: number
  readonly #entries = new Map<Digest, StoredManifest>()
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  find(digest: Digest): StoredManifest | undefined {
    return this.#entries.get(digest)
  }

  keep(digest: Digest, manifest: StoredManifest): void {
    if (this.#entries.has(digest)) return
    this.#entries.set(digest, manifest)
    this.#bytes += manifest.content.byteLength
    for (const [oldest, { content }] of this.#entries) {
      if (this.#bytes <= this.#maxBytes) return
      this.#entries.delete(oldest)
      this.#bytes -= content.byteLength
    }
  }
}
