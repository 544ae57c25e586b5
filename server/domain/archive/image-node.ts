import type { FileChange, FileType, LayerEntry } from './entry.ts'

/** What a file is, whichever name it has: hard links share it. */
export interface Inode extends Omit<LayerEntry, 'path' | 'type'> {
  readonly type: FileType
  readonly contentLayer: number
}

/** A name in the image, as the layers so far have made it. */
export class Node {
  readonly parent: Node | null
  readonly name: string
  inode: Inode
  /** The layer that made it so. */
  layer: number
  /** What that layer did here. */
  change: FileChange | null = null
  readonly depth: number
  /** Of a folder. */
  children: Map<string, Node> | null
  /** What was here before this layer; undefined: nothing. */
  before: Before | undefined
  /** What was in this folder before this layer and is taken away, by name. */
  gone: Map<string, Node> | null = null

  constructor(parent: Node | null, name: string, made: Made) {
    this.parent = parent
    this.name = name
    this.depth = parent === null ? 0 : parent.depth + 1
    this.inode = made.inode
    this.layer = made.layer
    this.before = made.before
    this.children = made.inode.type === 'directory' ? new Map() : null
  }

  get path(): string {
    const parts: string[] = []
    for (let node: Node = this; node.parent !== null; node = node.parent) parts.push(node.name)
    return parts.reverse().join('/')
  }

  /** Whether it still is in the image. */
  get isAttached(): boolean {
    for (let node: Node = this; node.parent !== null; node = node.parent) {
      if (node.parent.children?.get(node.name) !== node) return false
    }
    return true
  }
}

interface Made {
  readonly inode: Inode
  readonly layer: number
  readonly before: Before | undefined
}

export interface Before {
  readonly inode: Inode
  readonly children: ReadonlyMap<string, Node> | null
}

/** A folder that no layer speaks of: something is in it. */
export const impliedFolder: Inode = {
  type: 'directory',
  sizeBytes: 0,
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtime: null,
  linkTarget: null,
  device: null,
  sparse: false,
  offsetBytes: 0,
  sha256: null,
  contentLayer: 0,
}
