import { splitPath } from './archive-path.ts'
import type { EntryProblem, FileChange, ImageEntry, LayerEntry } from './entry.ts'
import { type EntryTable, EntryTableWriter, entryAt } from './entry-table.ts'
import type { Inode, Node } from './image-node.ts'
import { ImageTree, type TreeLimits } from './image-tree.ts'
import type { ArchiveLimits } from './limits.ts'

/** What the layers make of the image, and what each of them did. */
export interface ImageView {
  /** The files of the image, sorted by `comparePaths`, as the tables of the layers are. */
  readonly whole: EntryTable
  readonly layers: readonly LayerView[]
}

export interface LayerView {
  readonly table: EntryTable
  readonly added: number
  readonly changed: number
  readonly deleted: number
  readonly problems: readonly EntryProblem[]
  readonly problemCount: number
}

type ViewLimits = TreeLimits & Pick<ArchiveLimits, 'maxIndexBytes' | 'maxProblems'>

/** A line of a layer's view before it is known what becomes of it. */
interface Line {
  readonly path: string
  readonly inode: Inode
  readonly change: FileChange | null
  /** Undefined: it was deleted. */
  readonly node: Node | undefined
}

/** From the layers' entries in their archives' order; null: a layer that is not here. */
export function viewImage(layers: readonly (EntryTable | null)[], limits: ViewLimits): ImageView {
  const tree = new ImageTree(limits)
  const applied = layers.map((table) => {
    tree.beginLayer()
    const problems = table === null ? [] : applyLayer(tree, table)
    return { lines: linesOf(tree), problems }
  })
  return {
    whole: wholeTable(tree, limits),
    layers: applied.map(({ lines, problems }, layer) => ({
      table: layerTable(tree, lines, { layer, limits }),
      added: countOf(lines, 'added'),
      changed: countOf(lines, 'changed'),
      deleted: countOf(lines, 'deleted'),
      problems: problems.slice(0, limits.maxProblems),
      problemCount: problems.length,
    })),
  }
}

function applyLayer(tree: ImageTree, table: EntryTable): EntryProblem[] {
  const problems: EntryProblem[] = []
  const others: LayerEntry[] = []
  // All else afterwards: a whiteout may stand anywhere in the archive.
  for (let index = 0; index < table.count; index += 1) {
    const entry = entryAt<LayerEntry>(table, index)
    if (!isWhiteout(entry)) {
      others.push(entry)
      continue
    }
    const problem = tree.whiteOut(entry)
    if (problem) problems.push(problem)
  }
  for (const entry of others) {
    const problem = tree.add(entry)
    if (problem) problems.push(problem)
  }
  return problems
}

function isWhiteout({ type }: LayerEntry): boolean {
  return type === 'whiteout' || type === 'opaque'
}

function linesOf(tree: ImageTree): Line[] {
  const lines: Line[] = []
  const shown = new Set<Node>()
  for (const node of tree.touched) {
    if (!node.isAttached) continue
    node.change = changeOf(node)
    shown.add(node)
    lines.push({ path: node.path, inode: node.inode, change: node.change, node })
    if (node.children && node.before?.children) addDeleted(lines, node, node.before.children)
  }
  for (const folder of tree.emptied) {
    if (!folder.isAttached || !folder.gone) continue
    addDeleted(lines, folder, folder.gone)
    addFolders(lines, shown, folder)
  }
  for (const { parent } of [...shown]) addFolders(lines, shown, parent)
  return lines
}

/** Folders that the layer does not speak of, down to what it does speak of. */
function addFolders(lines: Line[], shown: Set<Node>, from: Node | null): void {
  for (let node = from; node?.parent && !shown.has(node); node = node.parent) {
    shown.add(node)
    lines.push({ path: node.path, inode: node.inode, change: null, node })
  }
}

function addDeleted(lines: Line[], folder: Node, former: ReadonlyMap<string, Node>): void {
  for (const [name, { inode }] of former) {
    if (folder.children?.has(name)) continue
    const path = folder.parent === null ? name : `${folder.path}/${name}`
    lines.push({ path, inode, change: 'deleted', node: undefined })
  }
}

function changeOf({ inode, before }: Node): FileChange | null {
  if (before === undefined) return 'added'
  return differencesOf(before.inode, inode).length === 0 ? null : 'changed'
}

type Comparable = Pick<
  Inode,
  'type' | 'sizeBytes' | 'sha256' | 'mode' | 'uid' | 'gid' | 'linkTarget' | 'device'
>

export type Difference = 'type' | 'size' | 'content' | 'mode' | 'owner' | 'link' | 'device'

/** In what two files differ. Times do not count: they change whenever an image is built. */
export function differencesOf(one: Comparable, other: Comparable): Difference[] {
  if (one.type !== other.type) return ['type']
  const found: Difference[] = []
  if (one.sizeBytes !== other.sizeBytes) found.push('size')
  if (one.sha256 !== other.sha256) found.push('content')
  // Of a symlink they mean nothing.
  if (one.type !== 'symlink' && one.mode !== other.mode) found.push('mode')
  if (one.uid !== other.uid || one.gid !== other.gid) found.push('owner')
  if (one.linkTarget !== other.linkTarget) found.push('link')
  if (one.device !== other.device) found.push('device')
  return found
}

function countOf(lines: readonly Line[], change: FileChange): number {
  return lines.reduce((count, line) => count + (line.change === change ? 1 : 0), 0)
}

function wholeTable({ root }: ImageTree, limits: ViewLimits): EntryTable {
  const places: Place[] = []
  const folders = [{ node: root, path: '' }]
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const [name, node] of folder.node.children ?? []) {
      const path = folder.path === '' ? name : `${folder.path}/${name}`
      const { inode, layer, change } = node
      places.push({ path, inode, layer, change, hidden: false })
      if (node.children) folders.push({ node, path })
    }
  }
  return sortedTable(places, limits)
}

function layerTable(
  tree: ImageTree,
  lines: readonly Line[],
  { layer, limits }: { readonly layer: number; readonly limits: ViewLimits },
): EntryTable {
  const places = lines.map(({ path, inode, change, node }) => {
    const hidden = node ? isHidden(node, layer) : tree.find(path) !== undefined
    return { path, inode, layer, change, hidden }
  })
  return sortedTable(places, limits)
}

/** A folder that a higher layer has again is still the same one. */
function isHidden(node: Node, layer: number): boolean {
  return !node.isAttached || (node.layer !== layer && node.children === null)
}

interface Place extends Pick<ImageEntry, 'path' | 'layer' | 'change' | 'hidden'> {
  readonly inode: Inode
}

function sortedTable(places: readonly Place[], { maxIndexBytes }: ViewLimits): EntryTable {
  // As `comparePaths`, without cutting each path again and again: no path has a NUL.
  const keyed = places.map((place) => {
    const { folder, name } = splitPath(place.path)
    return { key: `${folder}\0${name}`, place }
  })
  keyed.sort((a, b) => (a.key < b.key ? -1 : 1))
  const writer = new EntryTableWriter(maxIndexBytes)
  for (const { place } of keyed) writer.add(place.path, factsOf(place))
  return writer.finish()
}

/** Field by field: it is done for every file, and copying objects would take most of the time. */
function factsOf({ inode, layer, change, hidden }: Place): Omit<ImageEntry, 'path'> {
  return {
    type: inode.type,
    sizeBytes: inode.sizeBytes,
    mode: inode.mode,
    uid: inode.uid,
    gid: inode.gid,
    mtime: inode.mtime,
    linkTarget: inode.linkTarget,
    device: inode.device,
    sparse: inode.sparse,
    sha256: inode.sha256,
    contentLayer: inode.contentLayer,
    offsetBytes: inode.offsetBytes,
    layer,
    change,
    hidden,
  }
}
