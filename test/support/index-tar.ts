import { createHash } from 'node:crypto'
import type { EntryProblem, LayerEntry } from '../../server/domain/archive/entry.ts'
import { type EntryTable, EntryTableWriter } from '../../server/domain/archive/entry-table.ts'
import { type ArchiveLimits, archiveLimits } from '../../server/domain/archive/limits.ts'
import { TarReader } from '../../server/domain/archive/tar-reader.ts'

export interface IndexedTar {
  readonly table: EntryTable
  readonly entries: readonly LayerEntry[]
  readonly problems: readonly EntryProblem[]
}

/** A plain archive as its reader sees it, in pieces of this size. */
export function indexTar(
  tar: Uint8Array,
  limits: ArchiveLimits = archiveLimits,
  pieceBytes = 64 * 1024,
): IndexedTar {
  const entries: LayerEntry[] = []
  const problems: EntryProblem[] = []
  let hash = createHash('sha256')
  const reader = new TarReader(limits, {
    entry: (entry) => {
      entries.push(entry)
      hash = createHash('sha256')
    },
    content: (piece) => {
      hash.update(piece)
    },
    contentEnd: () => {
      const last = entries.pop()
      if (last) entries.push({ ...last, sha256: hash.digest('hex') })
    },
    problem: (problem) => {
      problems.push(problem)
    },
  })
  for (let at = 0; at < tar.length && !reader.isDone; at += pieceBytes) {
    reader.push(tar.subarray(at, at + pieceBytes))
  }
  reader.end()
  const writer = new EntryTableWriter(limits.maxIndexBytes)
  for (const entry of entries) writer.add(entry.path, entry)
  return { table: writer.finish(), entries, problems }
}
