import path from 'node:path'
import type { Random } from '../support/random.ts'
import { type Entry, type Losses, type Node, settle } from './disk-node.ts'
import { FileNode } from './file-node.ts'
import { FolderNode } from './folder-node.ts'

/** An operation under way: it may have reached the disk already. */
export interface Step {
  /** It succeeded. */
  end(): void
  /** It failed: nothing has changed. */
  fail(): void
}

/** What a cut leaves: contents by path, null for a folder. */
export interface CutImage {
  readonly files: ReadonlyMap<string, Buffer | null>
  readonly losses: Losses
}

const nothing: Step = { end: () => undefined, fail: () => undefined }

/**
 * A disk below one folder, as POSIX promises it: what was fsynced is there (a file's bytes and,
 * for a name, the folder that holds it); the rest may be there, in part and in any order. A
 * rename alone is whole: a file that has lost its old name has its new one.
 */
export class DiskModel {
  readonly #root: string
  readonly #top = new FolderNode()

  constructor(root: string) {
    this.#root = root
  }

  /** What is on the disk for certain from the start. */
  add(file: string, content: Buffer | null): void {
    const node = content === null ? new FolderNode() : new FileNode(content)
    const entry = this.#entry(file, node)
    if (entry === undefined) throw new Error(`no folder for ${file}`)
    entry.folder.begin(entry)
    entry.folder.end(entry)
    settle(entry)
  }

  find(file: string): Node | undefined {
    let node: Node = this.#top
    for (const name of this.#segments(file)) {
      const next: Node | undefined = node.kind === 'folder' ? node.now.get(name) : undefined
      if (next === undefined) return undefined
      node = next
    }
    return node
  }

  create(file: string): Step {
    return this.find(file) === undefined ? this.#put(file, new FileNode()) : nothing
  }

  makeFolder(folder: string): Step {
    return this.find(folder) === undefined ? this.#put(folder, new FolderNode()) : nothing
  }

  unlink(file: string): Step {
    return this.find(file) === undefined ? nothing : this.#put(file, undefined)
  }

  rename(from: string, to: string): Step {
    const node = this.find(from)
    const added = node && this.#entry(to, node)
    if (added === undefined) return nothing
    const removed = this.#entry(from, undefined, added)
    return removed === undefined ? nothing : stepOf([added, removed])
  }

  /** What would be there after losing power now. */
  cut(random: Random): CutImage {
    const files = new Map<string, Buffer | null>()
    const losses: Losses = { changes: 0, entries: 0, torn: 0 }
    const kept = new Map<Entry, boolean>()
    const visit = (folder: FolderNode, at: string) => {
      for (const [name, node] of folder.afterCut({ random, losses, kept })) {
        const file = path.join(at, name)
        files.set(file, node.kind === 'file' ? node.afterCut(random, losses) : null)
        if (node.kind === 'folder') visit(node, file)
      }
    }
    visit(this.#top, '')
    return { files, losses }
  }

  /** What a program sees now. */
  now(): ReadonlyMap<string, Buffer | null> {
    const files = new Map<string, Buffer | null>()
    const visit = (folder: FolderNode, at: string) => {
      for (const [name, node] of folder.now) {
        const file = path.join(at, name)
        files.set(file, node.kind === 'file' ? node.now : null)
        if (node.kind === 'folder') visit(node, file)
      }
    }
    visit(this.#top, '')
    return files
  }

  #put(file: string, node: Node | undefined): Step {
    const entry = this.#entry(file, node)
    return entry === undefined ? nothing : stepOf([entry])
  }

  #entry(file: string, node: Node | undefined, follows?: Entry): Entry | undefined {
    const folder = this.find(path.dirname(file))
    if (folder?.kind !== 'folder') return undefined
    const name = path.basename(file)
    return { folder, name, node, follows, isDone: false, isDurable: false }
  }

  #segments(file: string): string[] {
    const relative = path.relative(this.#root, file)
    if (relative.startsWith('..')) throw new Error(`${file} is outside of ${this.#root}`)
    return relative.split(path.sep).filter((segment) => segment !== '')
  }
}

function stepOf(entries: readonly Entry[]): Step {
  for (const entry of entries) entry.folder.begin(entry)
  return {
    end: () => {
      for (const entry of entries) entry.folder.end(entry)
    },
    fail: () => {
      for (const entry of entries) entry.folder.forget(entry)
    },
  }
}
