import { comparePaths } from './archive-path.ts'
import type { ImageEntry } from './entry.ts'
import { type EntryTable, EntryTableWriter, entryAt } from './entry-table.ts'
import { type Difference, differencesOf } from './image-view.ts'

/** One path at which two images differ. */
export interface FileDifference {
  readonly path: string
  readonly change: 'added' | 'removed' | 'changed'
  readonly before: ImageEntry | null
  readonly after: ImageEntry | null
  readonly differs: readonly Difference[]
}

export interface ImageComparison {
  /** Of `FileDifference`s, sorted by `comparePaths`. */
  readonly table: EntryTable
  readonly added: number
  readonly removed: number
  readonly changed: number
}

/** Of two images' whole tables. Throws ArchiveError when there are too many differences to keep. */
export function compareImages(
  before: EntryTable,
  after: EntryTable,
  { maxIndexBytes }: { readonly maxIndexBytes: number },
): ImageComparison {
  const writer = new EntryTableWriter(maxIndexBytes)
  const counts = { added: 0, removed: 0, changed: 0 }
  for (const pair of pairsOf(before, after)) {
    const difference = differenceOf(pair)
    if (difference === undefined) continue
    counts[difference.change] += 1
    const { path, ...facts } = difference
    writer.add(path, facts)
  }
  return { table: writer.finish(), ...counts }
}

interface Pair {
  readonly one: ImageEntry | null
  readonly other: ImageEntry | null
}

function* pairsOf(before: EntryTable, after: EntryTable): Generator<Pair> {
  const left = cursorOn(before)
  const right = cursorOn(after)
  while (left.entry || right.entry) {
    const order = orderOf(left.entry, right.entry)
    yield { one: order <= 0 ? left.entry : null, other: order >= 0 ? right.entry : null }
    if (order <= 0) left.next()
    if (order >= 0) right.next()
  }
}

function orderOf(one: ImageEntry | null, other: ImageEntry | null): number {
  if (one === null) return 1
  if (other === null) return -1
  return comparePaths(one.path, other.path)
}

function cursorOn(table: EntryTable) {
  let index = 0
  const read = () => (index < table.count ? entryAt<ImageEntry>(table, index) : null)
  return {
    entry: read(),
    next() {
      index += 1
      this.entry = read()
    },
  }
}

function differenceOf({ one, other }: Pair): FileDifference | undefined {
  const path = (one ?? other)?.path ?? ''
  if (one === null) return { path, change: 'added', before: null, after: other, differs: [] }
  if (other === null) return { path, change: 'removed', before: one, after: null, differs: [] }
  const differs = differencesOf(one, other)
  if (differs.length === 0) return undefined
  return { path, change: 'changed', before: one, after: other, differs }
}
