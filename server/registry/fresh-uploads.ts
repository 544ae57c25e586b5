import type { Db } from '../db/database.ts'
import { claimUpload, findUpload, type UploadRecord } from '../db/uploads.ts'
import type { UploadKey } from './uploads.ts'

/**
 * Uploads that this process has begun and that no request has written to yet. Their first writer
 * need not raise the epoch: nobody holds the one that the row was made with, and each is handed out
 * once (docs/decisions/0005-the-first-writer.md).
 */
export class FreshUploads {
  readonly #entries = new Map<string, { upload: UploadRecord; until: number }>()
  readonly #maxEntries: number
  readonly #maxAgeMs: number

  /** `maxAgeMs`: the row's last progress is that old; purging goes by it. */
  constructor({ maxEntries = 10_000, maxAgeMs = 60_000 } = {}) {
    this.#maxEntries = maxEntries
    this.#maxAgeMs = maxAgeMs
  }

  keep(upload: UploadRecord) {
    this.#entries.set(upload.id, { upload, until: performance.now() + this.#maxAgeMs })
    if (this.#entries.size <= this.#maxEntries) return
    const [oldest] = this.#entries.keys()
    if (oldest !== undefined) this.#entries.delete(oldest)
  }

  /**
   * The upload with an epoch that is the caller's alone: a fresh one as it is, any other with a
   * higher epoch than before. Undefined when there is none.
   */
  async claim(db: Db, key: UploadKey): Promise<UploadRecord | undefined> {
    const fresh = this.take(key)
    // Another process may have gone on with it.
    if (fresh && (await findUpload(db.read, key))?.epoch === fresh.epoch) return fresh
    return db.write(claimUpload, key)
  }

  /** The upload, for the one caller that is to write to it first. Undefined: it must be claimed. */
  take({ id, repositoryId }: UploadKey): UploadRecord | undefined {
    const entry = this.#entries.get(id)
    if (entry === undefined || entry.upload.repositoryId !== repositoryId) return undefined
    this.#entries.delete(id)
    return performance.now() < entry.until ? entry.upload : undefined
  }
}
