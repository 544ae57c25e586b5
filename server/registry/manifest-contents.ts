import type { Queries } from '../db/database.ts'
import { findManifestContent } from '../db/manifests.ts'

/** All that is kept, and the largest that is. */
const maxBytes = 32 * 1024 * 1024
const maxEntryBytes = 256 * 1024

/**
 * The bytes of manifests by row id, the most recently used kept in memory. A row's bytes never
 * change and its id is never used again; whether it is there is asked of the database each time.
 * They come as a string of one character a byte (latin1), which Node sends together with the
 * reply's head in one piece.
 */
export class ManifestContents {
  readonly #entries = new Map<number, string>()
  #bytes = 0

  async find(db: Queries, id: number): Promise<string | undefined> {
    const known = this.#entries.get(id)
    if (known) {
      this.#entries.delete(id)
      this.#entries.set(id, known)
      return known
    }
    const bytes = await findManifestContent(db, id)
    if (!bytes) return undefined
    const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
    if (content.length <= maxEntryBytes) this.#keep(id, content)
    return content
  }

  #keep(id: number, content: string) {
    if (this.#entries.has(id)) return
    this.#entries.set(id, content)
    this.#bytes += content.length
    for (const [oldest, { length }] of this.#entries) {
      if (this.#bytes <= maxBytes) return
      this.#entries.delete(oldest)
      this.#bytes -= length
    }
  }
}
