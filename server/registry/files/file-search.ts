import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  type EntryTable,
  entryOfByte,
  firstAfter,
  pathAt,
} from '../../domain/archive/entry-table.ts'

export interface FileSearch {
  /** A part of a path; ASCII letters in either case. */
  readonly text: string
  /** In this folder; empty: everywhere. */
  readonly below: string
  /** A path; undefined: from the beginning. */
  readonly after: string | undefined
  readonly count: number
}

/** Looked at in one turn of the event loop: about a millisecond. */
const windowBytes = 512 * 1024

/** Where the next matching entries are in the table, at most `count`. */
export async function searchTable(table: EntryTable, search: FileSearch): Promise<number[]> {
  const needle = fold(Buffer.from(search.text))
  const prefix = search.below === '' ? '' : `${search.below}/`
  const found: number[] = []
  let from = search.after === undefined ? 0 : firstAfter(table, search.after)
  while (from < table.count && found.length < search.count) {
    const to = windowEnd(table, from)
    for (const index of matchesIn(table, { from, to, needle })) {
      if (!pathAt(table, index).startsWith(prefix)) continue
      found.push(index)
      if (found.length === search.count) break
    }
    from = to
    await nextTurn()
  }
  return found
}

function windowEnd(table: EntryTable, from: number): number {
  return Math.max(from + 1, entryOfByte(table, startOf(table, from) + windowBytes))
}

function* matchesIn(
  table: EntryTable,
  window: { readonly from: number; readonly to: number; readonly needle: Buffer },
): Generator<number> {
  const { from, to, needle } = window
  const start = startOf(table, from)
  const folded = fold(Buffer.from(table.paths.subarray(start, startOf(table, to))))
  for (let at = folded.indexOf(needle); at >= 0; ) {
    const index = entryOfByte(table, start + at)
    const end = startOf(table, index + 1) - start
    // What begins in one path and ends in the next is in none.
    const isInside = at + needle.length <= end
    if (isInside) yield index
    at = folded.indexOf(needle, isInside ? end : at + 1)
  }
}

/** Where the entry's path begins. */
function startOf({ pathEnds }: EntryTable, index: number): number {
  return index === 0 ? 0 : (pathEnds[index - 1] ?? 0)
}

function fold(bytes: Buffer): Buffer {
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0
    if (byte >= 0x41 && byte <= 0x5a) bytes[at] = byte + 0x20
  }
  return bytes
}
