import type { EntryProblem, FileType, LayerEntry } from './entry.ts'
import { type Before, type Inode, impliedFolder, Node } from './image-node.ts'
import { ArchiveError, type ArchiveLimits } from './limits.ts'

/** As on Linux. */
const maxLinks = 40
const tooManyLinks = 'Its folder is behind too many symlinks.'

export type TreeLimits = Pick<ArchiveLimits, 'maxEntries' | 'maxDepth'>

/** The files of an image, made as a runtime would: layer after layer, in their archives' order. */
export class ImageTree {
  readonly root = new Node(null, '', { inode: impliedFolder, layer: 0, before: undefined })
  readonly #limits: TreeLimits
  #nodes = 0
  #layer = -1
  #touched = new Set<Node>()
  #emptied = new Set<Node>()

  constructor(limits: TreeLimits) {
    this.#limits = limits
  }

  beginLayer(): void {
    this.#layer += 1
    for (const node of this.#touched) node.before = undefined
    for (const node of this.#emptied) node.gone = null
    this.#touched = new Set()
    this.#emptied = new Set()
  }

  /** What the layer made, perhaps taken away again, and folders from which it took something. */
  get touched(): ReadonlySet<Node> {
    return this.#touched
  }

  get emptied(): ReadonlySet<Node> {
    return this.#emptied
  }

  /**
   * Whiteouts come before all other entries: they are about lower layers only. Undefined: done, or
   * there is nothing to take away.
   */
  whiteOut({ path, type }: LayerEntry): EntryProblem | undefined {
    const parts = partsOf(path)
    const name = type === 'opaque' ? undefined : parts.pop()
    const folder = this.#walk(parts, 'find')
    // A symlink that leads to itself: runtimes refuse the layer.
    if (folder === tooManyLinks) return { path, message: tooManyLinks }
    if (!(folder instanceof Node) || folder.children === null) return undefined
    const names = name === undefined ? [...folder.children.keys()] : [name]
    for (const each of names) this.#remove(folder, each)
    return undefined
  }

  /** Undefined: it is in the tree now. */
  add(entry: LayerEntry): EntryProblem | undefined {
    const problem = this.#add(entry)
    return problem === undefined ? undefined : { path: entry.path, message: problem }
  }

  /** What is there, links not followed. */
  find(path: string): Node | undefined {
    let node: Node | undefined = this.root
    for (const part of partsOf(path)) node = node?.children?.get(part)
    return node
  }

  #add(entry: LayerEntry): string | undefined {
    const { path, type } = entry
    if (path === '') return this.#setRoot(entry)
    const parts = partsOf(path)
    const name = parts.pop() ?? ''
    const folder = this.#walk(parts, 'make')
    if (typeof folder === 'string') return folder
    if (folder.depth >= this.#limits.maxDepth) return 'Its folder is too deep.'
    const inode = this.#inodeOf(entry)
    if (typeof inode === 'string') return inode
    const present = folder.children?.get(name)
    if (present?.children && type === 'directory') this.#renew(present, inode)
    else this.#put(folder, name, inode)
    return undefined
  }

  #setRoot(entry: LayerEntry): string | undefined {
    if (entry.type !== 'directory') return 'The root of an image is a folder and nothing else.'
    this.root.inode = { ...entry, type: 'directory', contentLayer: this.#layer }
    return undefined
  }

  /** A message when a hard link leads nowhere. */
  #inodeOf(entry: LayerEntry): Inode | string {
    const { type } = entry
    if (type !== 'hard link') {
      // The object that was read is nobody else's: a copy of each would take as long as the rest.
      return Object.assign(entry, { type: type as FileType, contentLayer: this.#layer })
    }
    const parts = partsOf(entry.linkTarget ?? '')
    const name = parts.pop() ?? ''
    const folder = this.#walk(parts, 'find')
    const target = folder instanceof Node ? folder.children?.get(name) : undefined
    if (!target) return `It is a hard link to ${entry.linkTarget}, which is not there.`
    if (target.children) return `It is a hard link to ${entry.linkTarget}, which is a folder.`
    if (target.inode.type === 'symlink') return target.inode
    return { ...target.inode, linkTarget: target.path }
  }

  /** A folder that is there keeps what is in it. */
  #renew(node: Node, inode: Inode): void {
    if (!this.#touched.has(node)) {
      node.before = { inode: node.inode, children: null }
      this.#touched.add(node)
    }
    node.inode = inode
    node.layer = this.#layer
  }

  #put(folder: Node, name: string, inode: Inode): Node {
    this.#nodes += 1
    // Folders that no layer speaks of count too.
    if (this.#nodes > 2 * this.#limits.maxEntries) {
      throw new ArchiveError('The layers together have too many files and folders.')
    }
    const before = this.#beforeOf(folder, name)
    const node = new Node(folder, name, { inode, layer: this.#layer, before })
    folder.children?.set(name, node)
    this.#touched.add(node)
    return node
  }

  #beforeOf(folder: Node, name: string): Before | undefined {
    const present = folder.children?.get(name)
    if (present && this.#touched.has(present)) {
      return present.before && { ...present.before, children: childrenBefore(present) }
    }
    const former = present ?? folder.gone?.get(name) ?? folder.before?.children?.get(name)
    return former && { inode: former.inode, children: former.children }
  }

  #remove(folder: Node, name: string): void {
    const node = folder.children?.get(name)
    if (node === undefined) return
    folder.children?.delete(name)
    folder.gone ??= new Map()
    folder.gone.set(name, node)
    this.#emptied.add(folder)
  }

  /**
   * The folder that a path leads to, symlinks followed inside the image. A message: it leads
   * nowhere. `make` makes what is not there.
   */
  #walk(parts: readonly string[], mode: 'find' | 'make'): Node | string {
    const left = [...parts].reverse()
    let node = this.root
    let links = 0
    for (let part = left.pop(); part !== undefined; part = left.pop()) {
      const next = part === '..' ? (node.parent ?? node) : this.#step(node, part, mode)
      if (typeof next === 'string') return next
      if (next.inode.type !== 'symlink') {
        node = next
        continue
      }
      links += 1
      if (links > maxLinks) return tooManyLinks
      const target = next.inode.linkTarget ?? ''
      if (target.startsWith('/')) node = this.root
      left.push(...partsOf(target).reverse())
    }
    return node
  }

  /** A folder or a symlink. */
  #step(folder: Node, part: string, mode: 'find' | 'make'): Node | string {
    if (folder.depth >= this.#limits.maxDepth) return 'Its folder is too deep.'
    const next = folder.children?.get(part)
    if (next === undefined) {
      return mode === 'make' ? this.#put(folder, part, impliedFolder) : 'Its folder is not there.'
    }
    if (next.children || next.inode.type === 'symlink') return next
    return `Its folder is none: ${next.path} is a file.`
  }
}

/** What was in a folder before the layer that renewed it. */
function childrenBefore(node: Node): ReadonlyMap<string, Node> | null {
  return node.before?.children ?? null
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.')
}
