import { createHash, type Hash } from 'node:crypto'
import type { EntryProblem, LayerEntry } from '../../domain/archive/entry.ts'
import { EntryTableWriter } from '../../domain/archive/entry-table.ts'
import { compareImages } from '../../domain/archive/image-comparison.ts'
import { viewImage } from '../../domain/archive/image-view.ts'
import { ArchiveError, type ArchiveLimits } from '../../domain/archive/limits.ts'
import { type TarListener, TarReader } from '../../domain/archive/tar-reader.ts'
import type { JobKind, Jobs, LayerIndex } from './thread-messages.ts'
import { type Unpacked, unpack } from './unpack.ts'

/** What a job works with. */
export interface Bench {
  readonly limits: ArchiveLimits
  /** The stored layer; asking for a piece waits for it. */
  readonly stored: Iterable<Uint8Array>
  /** Sends a piece out; waits while too many are under way. */
  send(piece: Uint8Array): void
}

type Work = {
  readonly [K in JobKind]: (
    input: Jobs[K]['input'],
    bench: Bench,
  ) => Jobs[K]['output'] | Promise<Jobs[K]['output']>
}

export const work: Work = {
  index: indexLayer,
  view: ({ layers }, { limits }) => viewImage(layers, limits),
  compare: ({ before, after }, { limits }) => compareImages(before, after, limits),
  read: readPart,
}

async function indexLayer({ storedBytes }: Jobs['index']['input'], bench: Bench) {
  const { limits, stored } = bench
  const indexer = new Indexer(limits)
  const reader = new TarReader(limits, indexer)
  const unpacked = unpack(stored)
  for await (const piece of within(unpacked, storedBytes, limits)) {
    reader.push(piece)
    if (reader.isDone) break
  }
  reader.end()
  return indexer.finish(unpacked.packing)
}

/** Throws ArchiveError when what is small turns out to be very large. */
async function* within({ pieces }: Unpacked, storedBytes: number, limits: ArchiveLimits) {
  let bytes = 0
  for await (const piece of pieces) {
    bytes += piece.length
    if (bytes > limits.ratioFreeBytes && bytes > limits.maxRatio * storedBytes) {
      throw new ArchiveError(
        `It unpacks to more than ${limits.maxRatio} times its ${storedBytes} bytes, which is the limit.`,
      )
    }
    yield piece
  }
}

class Indexer implements TarListener {
  readonly #maxProblems: number
  readonly #table: EntryTableWriter
  readonly #problems: EntryProblem[] = []
  #problemCount = 0
  #open: { readonly entry: LayerEntry; readonly hash: Hash } | undefined

  constructor({ maxIndexBytes, maxProblems }: ArchiveLimits) {
    this.#table = new EntryTableWriter(maxIndexBytes)
    this.#maxProblems = maxProblems
  }

  entry(entry: LayerEntry): void {
    if (entry.type === 'file' && !entry.sparse) {
      this.#open = { entry, hash: createHash('sha256') }
    } else {
      this.#add(entry)
    }
  }

  content(piece: Uint8Array): void {
    this.#open?.hash.update(piece)
  }

  contentEnd(): void {
    if (this.#open === undefined) return
    const { entry, hash } = this.#open
    this.#open = undefined
    this.#add(entry, hash.digest('hex'))
  }

  #add({ path, ...facts }: LayerEntry, sha256: string | null = null): void {
    this.#table.add(path, { ...facts, sha256 })
  }

  problem(problem: EntryProblem): void {
    this.#problemCount += 1
    if (this.#problems.length < this.#maxProblems) this.#problems.push(problem)
  }

  finish(packing: LayerIndex['packing']): LayerIndex {
    return {
      table: this.#table.finish(),
      packing,
      problems: this.#problems,
      problemCount: this.#problemCount,
    }
  }
}

async function readPart(part: Jobs['read']['input'], { limits, stored, send }: Bench) {
  const { storedBytes, offsetBytes, lengthBytes } = part
  const endBytes = offsetBytes + lengthBytes
  const unpacked = unpack(stored)
  const { packing } = unpacked
  let at = 0
  for await (const piece of within(unpacked, storedBytes, limits)) {
    const from = Math.max(0, offsetBytes - at)
    const wanted = piece.subarray(from, Math.max(from, endBytes - at))
    at += piece.length
    if (wanted.length > 0) send(wanted)
    if (at >= endBytes) return { packing }
  }
  throw new ArchiveError('It is cut off: it ends in the middle of the file.')
}
