import type { FileNode } from './file-node.ts'
import type { FolderNode } from './folder-node.ts'

export type Node = FileNode | FolderNode

/** What a cut dropped: for the report, and to see that it dropped something at all. */
export interface Losses {
  /** Changes of a file's bytes that were lost whole. */
  changes: number
  /** Names that were not on the disk yet, or still were. */
  entries: number
  /** Files that kept some of their last pages and lost others. */
  torn: number
}

/** A name that was put into a folder, or taken out of it. */
export interface Entry {
  readonly folder: FolderNode
  readonly name: string
  /** Undefined: taken out. */
  readonly node: Node | undefined
  /** The new name of a rename, whose old name this takes out: never lost while this is kept. */
  readonly follows: Entry | undefined
  isDone: boolean
  isDurable: boolean
}

/** Makes an entry durable, and with it what it cannot be without. */
export function settle(entry: Entry): void {
  if (entry.isDurable) return
  if (entry.follows !== undefined) settle(entry.follows)
  for (const earlier of entry.folder.before(entry)) settle(earlier)
  entry.folder.keep(entry)
}
