import { setTimeout as sleep } from 'node:timers/promises'
import type { Db } from '../../db/database.ts'
import { bytesOfTable } from '../../domain/archive/entry-table.ts'
import type { ImageComparison } from '../../domain/archive/image-comparison.ts'
import type { ImageView } from '../../domain/archive/image-view.ts'
import type { DamageLog } from '../blobs.ts'
import type { ManifestContents } from '../manifest-contents.ts'
import type { Stores } from '../stores.ts'
import {
  type Answer,
  cannotRead,
  missingLayer,
  type Outcome,
  type StillReading,
} from './answers.ts'
import type { FileLimits } from './file-limits.ts'
import {
  findImageLayers,
  type ImageLayer,
  type ImageLayers,
  type ImageTarget,
} from './image-layers.ts'
import { LayerIndexes, type LayerReading } from './layer-indexes.ts'
import { type Key, Outcomes } from './outcomes.ts'
import type { LayerIndex, Packing } from './thread-messages.ts'
import { type NewWork, WorkQueue } from './work-queue.ts'

export interface ImageFilesDeps {
  readonly db: Db
  readonly stores: Stores
  readonly manifestContents: ManifestContents
  readonly log: DamageLog
  readonly limits: FileLimits
}

/** The files of an image. */
export interface ReadImage {
  readonly key: string
  /** The lowest first; `view.layers` has what each of them did. */
  readonly layers: readonly ReadLayer[]
  readonly view: ImageView
}

export interface ReadLayer extends ImageLayer {
  readonly packing: Packing
  /** What its archive has, what is not shown too. */
  readonly entries: number
  readonly problems: LayerIndex['problems']
  readonly problemCount: number
}

export interface ComparedImages {
  readonly comparison: ImageComparison
  readonly before: ReadImage
  readonly after: ReadImage
}

/** Who asks, and for what. */
export interface FilesRequest {
  readonly target: ImageTarget
  /** Whose turn it takes. */
  readonly caller: string
}

/** The files of images: reads layers when somebody asks, and keeps what it read for a while. */
export class ImageFiles implements AsyncDisposable {
  readonly deps: ImageFilesDeps
  readonly queue: WorkQueue
  readonly outcomes: Outcomes
  readonly #layers: LayerIndexes

  constructor(deps: ImageFilesDeps) {
    const { maxKeptBytes: maxBytes, maxKeptIdleMs: idleMs } = deps.limits
    this.deps = deps
    this.queue = new WorkQueue(deps.limits)
    this.outcomes = new Outcomes({ maxBytes, idleMs })
    this.#layers = new LayerIndexes({ ...deps, outcomes: this.outcomes })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.queue[Symbol.asyncDispose]()
    this.outcomes[Symbol.dispose]()
  }

  /** Throws MANIFEST_UNKNOWN, INVALID_FIELDS for an index, TOOMANYREQUESTS. */
  async read({ target, caller }: FilesRequest): Promise<Answer<ReadImage>> {
    const { maxLayers } = this.deps.limits
    const image = await findImageLayers(this.deps, target, maxLayers)
    const { count, layers, missing } = image
    if (missing !== null) return missingLayer(missing)
    if (count > maxLayers) {
      const message = `The image has ${count} layers; files are shown of at most ${maxLayers}.`
      return cannotRead(null, message)
    }
    const key: Key<ReadImage> = `image ${image.key}`
    const known = this.outcomes.find(key)
    if (known) return known
    return this.wait({
      key,
      caller,
      totalBytes: layers.reduce((sum, { isAbsent, size }) => sum + (isAbsent ? 0 : size), 0),
      run: (thread, addBytes) => this.#read({ target, thread, addBytes }, image),
    })
  }

  /** As `read`, of two images. */
  async compare(before: FilesRequest, after: FilesRequest): Promise<Answer<ComparedImages>> {
    const one = await this.read(before)
    const other = await this.read(after)
    if (one.state === 'unreadable') return one
    if (other.state === 'unreadable') return other
    if (one.state === 'indexing' || other.state === 'indexing') return sumOf(one, other)
    const key: Key<ImageComparison> = `comparison ${one.key} ${other.key}`
    const input = { before: one.view.whole, after: other.view.whole }
    const found =
      this.outcomes.find(key) ??
      (await this.wait({
        key,
        caller: after.caller,
        totalBytes: 0,
        run: (thread) =>
          this.outcomes.make(key, null, async () => {
            const value = await thread.run('compare', { input })
            return { value, bytes: bytesOfTable(value.table) }
          }),
      }))
    if (found.state !== 'ready') return found
    return { state: 'ready', comparison: found, before: one, after: other }
  }

  /** What comes of the work, or how far it is when that takes long. */
  async wait<T extends object>(work: NewWork<Outcome<T>>): Promise<Answer<T>> {
    const begun = this.queue.start(work)
    const stop = new AbortController()
    const timer = sleep(this.deps.limits.patienceMs, undefined, { signal: stop.signal, ref: false })
    const done = await Promise.race([begun.done, timer.catch(() => undefined)]).finally(() => {
      stop.abort()
    })
    if (done !== undefined) return done
    const { doneBytes, totalBytes } = begun
    return { state: 'indexing', doneBytes, totalBytes, waiting: this.queue.placeOf(work.key) }
  }

  async #read(reading: LayerReading, { key, layers }: ImageLayers): Promise<Outcome<ReadImage>> {
    const indexes: (LayerIndex | null)[] = []
    for (const layer of layers) {
      const found = layer.isAbsent ? null : await this.#layers.find(reading, layer)
      if (found?.state === 'unreadable') return found
      indexes.push(found)
      const tooMuch = tooMuchOf(indexes, this.deps.limits)
      if (tooMuch !== undefined) return cannotRead(null, tooMuch)
    }
    return this.outcomes.make<ReadImage>(`image ${key}`, null, async () => {
      const tables = indexes.map((index) => index?.table ?? null)
      const view = await reading.thread.run('view', { input: { layers: tables } })
      const value = { key, view, layers: layers.map((layer, at) => readLayer(layer, indexes[at])) }
      const bytes = view.layers.reduce((sum, { table }) => sum + bytesOfTable(table), 0)
      return { value, bytes: bytes + bytesOfTable(view.whole) }
    })
  }
}

/** Entries that are not shown. */
export function problemCountOf({ layers, view }: ReadImage): number {
  return [...layers, ...view.layers].reduce((sum, { problemCount }) => sum + problemCount, 0)
}

function readLayer(layer: ImageLayer, index: LayerIndex | null | undefined): ReadLayer {
  const { packing = 'none', problems = [], problemCount = 0 } = index ?? {}
  return { ...layer, packing, problems, problemCount, entries: index?.table.count ?? 0 }
}

function tooMuchOf(
  indexes: readonly (LayerIndex | null)[],
  limits: FileLimits,
): string | undefined {
  const sum = (of: (index: LayerIndex) => number) =>
    indexes.reduce((total, index) => total + (index ? of(index) : 0), 0)
  if (sum(({ table }) => table.count) > limits.maxEntries) {
    return `Its layers together have more than ${limits.maxEntries} entries, which is the limit.`
  }
  if (sum(({ table }) => bytesOfTable(table)) > limits.maxIndexBytes) {
    return `The list of its files takes more than ${limits.maxIndexBytes} bytes, which is the limit.`
  }
  return undefined
}

/** Of two images that are read, or one of them. */
function sumOf(...answers: readonly Answer<ReadImage>[]): StillReading {
  const sum = { state: 'indexing' as const, doneBytes: 0, totalBytes: 0, waiting: 0 }
  for (const answer of answers) {
    if (answer.state !== 'indexing') continue
    sum.doneBytes += answer.doneBytes
    sum.totalBytes += answer.totalBytes
    sum.waiting = Math.max(sum.waiting, answer.waiting)
  }
  return sum
}
