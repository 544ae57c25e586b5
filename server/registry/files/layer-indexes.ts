import type { Db } from '../../db/database.ts'
import { bytesOfTable } from '../../domain/archive/entry-table.ts'
import type { Digest } from '../../domain/digest.ts'
import { isRefusal } from '../../domain/errors.ts'
import { type DamageLog, openBlob } from '../blobs.ts'
import type { Stores } from '../stores.ts'
import { missingLayer, type Outcome } from './answers.ts'
import type { ImageLayer, ImageTarget } from './image-layers.ts'
import type { Key, Outcomes } from './outcomes.ts'
import type { ReadingThread } from './reading-thread.ts'
import type { LayerIndex } from './thread-messages.ts'

export interface LayerIndexesDeps {
  readonly db: Db
  readonly stores: Stores
  readonly log: DamageLog
  readonly outcomes: Outcomes
}

/** For whom a layer is read, and with what. */
export interface LayerReading {
  readonly target: ImageTarget
  readonly thread: ReadingThread
  addBytes(bytes: number): void
}

/** What is in layers, each read once however many images have it. */
export class LayerIndexes {
  readonly #deps: LayerIndexesDeps
  readonly #underWay = new Map<Digest, Promise<Outcome<LayerIndex>>>()

  constructor(deps: LayerIndexesDeps) {
    this.#deps = deps
  }

  /** From memory, from another image's reading that is under way, or from the store. */
  async find(reading: LayerReading, layer: ImageLayer): Promise<Outcome<LayerIndex>> {
    const { digest, size } = layer
    const known = this.#deps.outcomes.find(keyOf(digest)) ?? this.#underWay.get(digest)
    if (known !== undefined) {
      const outcome = await known
      reading.addBytes(size)
      return outcome
    }
    const indexing = this.#index(reading, digest)
    this.#underWay.set(digest, indexing)
    try {
      return await indexing
    } finally {
      this.#underWay.delete(digest)
    }
  }

  async #index({ target, thread, addBytes }: LayerReading, digest: Digest) {
    try {
      await using reader = await openBlob(this.#deps, { ...target, digest })
      const stored = reader.read(0, reader.sizeBytes - 1)
      const input = { storedBytes: reader.sizeBytes }
      return await this.#deps.outcomes.make(keyOf(digest), digest, async () => {
        const value = await thread.run('index', { input, stored, onStoredBytes: addBytes })
        return { value, bytes: bytesOfTable(value.table) }
      })
    } catch (error) {
      if (isRefusal(error, 'BLOB_UNKNOWN')) return missingLayer(digest)
      throw error
    }
  }
}

function keyOf(digest: Digest): Key<LayerIndex> {
  return `layer ${digest}`
}
