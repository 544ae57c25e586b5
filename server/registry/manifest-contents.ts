import type { Queries } from '../db/database.ts'
import { findManifestContent } from '../db/manifests.ts'

/** All that is kept, and the largest that is. */
const maxBytes = 32 * 1024 * 1024
const maxEntryBytes = 256 * 1024

/**
 * The bytes of manifests by row id, the most recently used kept in memory. A row's bytes never
 * change and its id is never used again; whether it is there is asked of the database each time.
 */
export class ManifestContents {
  readonly #entries = new Map<number, Uint8Array>()
  #bytes = 0

  async find(db: Queries, id: number): Promise<Uint8Array | undefined> {
    const known = this.#entries.get(id)
    if (known) {
      this.#entries.delete(id)
      this.#entries.set(id, known)
      return known
    }
    const content = await findManifestContent(db, id)
    if (content && content.byteLength <= maxEntryBytes) this.#keep(id, content)
    return content
  }

  #keep(id: number, content: Uint8Array) {
    if (this.#entries.has(id)) return
    this.#entries.set(id, content)
    this.#bytes += content.byteLength
    for (const [oldest, { byteLength }] of this.#entries) {
      if (this.#bytes <= maxBytes) return
      this.#entries.delete(oldest)
      this.#bytes -= byteLength
    }
  }
}
