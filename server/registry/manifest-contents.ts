import type { Queries } from '../db/database.ts'
import { findWholeManifest } from '../db/manifests.ts'

/** All that is kept, and the largest that is. */
const maxBytes = 32 * 1024 * 1024
const maxEntryBytes = 256 * 1024
/** What an entry takes beside its content. */
const overheadBytes = 500

/** A manifest as it was pushed. */
export interface ManifestContent {
  /** Of the row. */
  readonly id: number
  readonly digest: string
  readonly mediaType: string
  readonly sizeBytes: number
  /**
   * A string of one character a byte (latin1), which Node sends together with the reply's head in
   * one piece.
   */
  readonly content: string
}

/**
 * Manifests by row id, the most recently used kept in memory. A row's content never changes and its
 * id is never used again; whether it is there is asked of the database each time.
 */
export class ManifestContents {
  readonly #entries = new Map<number, ManifestContent>()
  #bytes = 0

  /** Undefined when it is not in memory. */
  findKnown(id: number): ManifestContent | undefined {
    const known = this.#entries.get(id)
    if (known) {
      this.#entries.delete(id)
      this.#entries.set(id, known)
    }
    return known
  }

  /** Undefined when the manifest was deleted meanwhile. */
  async find(db: Queries, id: number): Promise<ManifestContent | undefined> {
    const row = await findWholeManifest(db, id)
    if (!row) return undefined
    const { digest, mediaType } = row
    const { buffer, byteOffset, byteLength } = row.content
    const content = Buffer.from(buffer, byteOffset, byteLength).toString('latin1')
    const manifest = { id, digest, mediaType, sizeBytes: byteLength, content }
    if (byteLength <= maxEntryBytes) this.#keep(id, manifest)
    return manifest
  }

  #keep(id: number, manifest: ManifestContent) {
    if (this.#entries.has(id)) return
    this.#entries.set(id, manifest)
    this.#bytes += manifest.sizeBytes + overheadBytes
    for (const [oldest, { sizeBytes }] of this.#entries) {
      if (this.#bytes <= maxBytes) return
      this.#entries.delete(oldest)
      this.#bytes -= sizeBytes + overheadBytes
    }
  }
}
