import { comparePaths, splitPath } from './archive-path.ts'
import { ArchiveError } from './limits.ts'

/**
 * Many entries in a few pieces of shared memory: threads hand them over without a copy, and a page
 * of them is found without reading the others. Each has a path and facts, which are JSON.
 */
export interface EntryTable {
  readonly count: number
  readonly paths: Uint8Array
  readonly pathEnds: Uint32Array
  readonly facts: Uint8Array
  readonly factEnds: Uint32Array
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** Takes entries in any order and keeps it. `add` throws ArchiveError beyond `maxBytes`. */
export class EntryTableWriter {
  readonly #maxBytes: number
  readonly #paths = new ByteHeap()
  readonly #facts = new ByteHeap()
  readonly #pathEnds: number[] = []
  readonly #factEnds: number[] = []

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** `facts` is all but the path. */
  add(path: string, facts: object): void {
    this.#paths.add(path)
    this.#facts.add(JSON.stringify(facts))
    this.#pathEnds.push(this.#paths.length)
    this.#factEnds.push(this.#facts.length)
    if (this.#paths.length + this.#facts.length > this.#maxBytes) {
      throw new ArchiveError(
        `The list of its files takes more than ${this.#maxBytes} bytes, which is the limit.`,
      )
    }
  }

  finish(): EntryTable {
    return {
      count: this.#pathEnds.length,
      paths: this.#paths.share(),
      pathEnds: shareNumbers(this.#pathEnds),
      facts: this.#facts.share(),
      factEnds: shareNumbers(this.#factEnds),
    }
  }
}

export function bytesOfTable(table: EntryTable): number {
  return table.paths.length + table.facts.length + 8 * table.count
}

export function pathAt({ paths, pathEnds }: EntryTable, index: number): string {
  return textAt(paths, pathEnds, index)
}

/** What was added, as it was. */
export function entryAt<T>(table: EntryTable, index: number): T {
  const facts = JSON.parse(textAt(table.facts, table.factEnds, index)) as object
  return Object.assign(facts, { path: pathAt(table, index) }) as T
}

/** In a table sorted by `comparePaths`: -1 if there is none. */
export function findEntry(table: EntryTable, path: string): number {
  const index = firstFrom(table, (other) => comparePaths(other, path) >= 0)
  return index < table.count && pathAt(table, index) === path ? index : -1
}

/** There also: the first entry in the folder whose name comes after this one. */
export function firstInFolder(table: EntryTable, folder: string, afterName: string): number {
  return firstFrom(table, (path) => {
    const other = splitPath(path)
    if (other.folder !== folder) return other.folder > folder
    return other.name > afterName
  })
}

/** There also: the first entry after this path. */
export function firstAfter(table: EntryTable, path: string): number {
  return firstFrom(table, (other) => comparePaths(other, path) > 0)
}

/** The entry whose path has this byte. */
export function entryOfByte({ pathEnds, count }: EntryTable, byte: number): number {
  return search(count, (index) => (pathEnds[index] ?? 0) > byte)
}

function firstFrom(table: EntryTable, isFrom: (path: string) => boolean): number {
  return search(table.count, (index) => isFrom(pathAt(table, index)))
}

/** The first index for which it holds, and for all behind it. */
function search(count: number, holds: (index: number) => boolean): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (holds(middle)) high = middle
    else low = middle + 1
  }
  return low
}

function textAt(bytes: Uint8Array, ends: Uint32Array, index: number): string {
  return decoder.decode(bytes.subarray(index === 0 ? 0 : ends[index - 1], ends[index]))
}

function shareNumbers(numbers: readonly number[]): Uint32Array {
  const shared = new Uint32Array(new SharedArrayBuffer(4 * numbers.length))
  shared.set(numbers)
  return shared
}

/** Texts one after another, in memory that doubles. */
class ByteHeap {
  #bytes = new Uint8Array(64 * 1024)
  length = 0

  add(text: string): void {
    const neededBytes = this.length + 3 * text.length
    if (neededBytes > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(neededBytes, 2 * this.#bytes.length))
      larger.set(this.#bytes.subarray(0, this.length))
      this.#bytes = larger
    }
    this.length += encoder.encodeInto(text, this.#bytes.subarray(this.length)).written
  }

  share(): Uint8Array {
    const shared = new Uint8Array(new SharedArrayBuffer(this.length))
    shared.set(this.#bytes.subarray(0, this.length))
    return shared
  }
}
