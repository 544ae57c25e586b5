import type { z } from 'zod'
import type { FileComparison, FileEntry, FileList } from '../../../contract/image-files.ts'
import { splitPath } from '../../domain/archive/archive-path.ts'
import type { ImageEntry } from '../../domain/archive/entry.ts'
import {
  type EntryTable,
  entryAt,
  findEntry,
  firstAfter,
  firstInFolder,
  pathAt,
} from '../../domain/archive/entry-table.ts'
import type { FileDifference } from '../../domain/archive/image-comparison.ts'
import { RegistryError } from '../../domain/errors.ts'
import { searchTable } from '../../registry/files/file-search.ts'
import {
  type ComparedImages,
  problemCountOf,
  type ReadImage,
} from '../../registry/files/image-files.ts'
import type { Call } from './call.ts'
import { pathOf } from './file-request.ts'
import { pageOf } from './pages.ts'

interface Page {
  readonly after?: string | undefined
  readonly count?: number | undefined
}

interface ListQuery extends Page {
  readonly path?: string | undefined
  readonly search?: string | undefined
}

const maxProblems = 100

/** One page of a folder, or of what a search finds. */
export async function pageOfFiles(
  image: ReadImage,
  table: EntryTable,
  query: ListQuery,
  call: Call,
): Promise<z.input<typeof FileList>> {
  const path = pathOf(query.path)
  const folder = path === '' ? undefined : getFolder(table, path)
  const { after, count } = pageOf(query)
  const found =
    query.search === undefined
      ? inFolder(table, { path, after, count: count + 1 })
      : await searchTable(table, { text: query.search, below: path, after, count: count + 1 })
  const entries = found.slice(0, count).map((index) => shownEntry(image, entryAt(table, index)))
  const last = entries.at(-1)
  if (found.length > count && last) {
    call.goesOnAfter(query.search === undefined ? last.name : last.path)
  }
  return {
    state: 'ready',
    layers: shownLayers(image),
    folder: folder && query.search === undefined ? shownEntry(image, folder) : null,
    entries,
    problems: shownProblems(image),
    problemCount: problemCountOf(image),
  }
}

/** The numbers of a folder's entries after a name. */
function inFolder(
  table: EntryTable,
  page: { readonly path: string; readonly after: string | undefined; readonly count: number },
): number[] {
  const { path, after = '', count } = page
  const first = firstInFolder(table, path, after)
  const found: number[] = []
  for (let index = first; index < table.count && found.length < count; index += 1) {
    if (splitPath(pathAt(table, index)).folder !== path) break
    found.push(index)
  }
  return found
}

function getFolder(table: EntryTable, path: string): ImageEntry {
  const index = findEntry(table, path)
  const folder = index < 0 ? undefined : entryAt<ImageEntry>(table, index)
  if (folder?.type === 'directory') return folder
  const what = folder === undefined ? 'There is no folder' : 'It is no folder:'
  throw new RegistryError('NOT_FOUND', `${what} "${path}".`)
}

/** One page of what two images differ in. */
export function pageOfDifferences(
  compared: ComparedImages,
  query: Page,
  call: Call,
): z.input<typeof FileComparison> {
  const { table, added, removed, changed } = compared.comparison
  const problemCount = problemCountOf(compared.before) + problemCountOf(compared.after)
  const { after, count } = pageOf(query)
  const first = after === undefined ? 0 : firstAfter(table, after)
  const end = Math.min(table.count, first + count)
  const differences = Array.from({ length: Math.max(0, end - first) }, (_, at) => {
    const found = entryAt<FileDifference>(table, first + at)
    return {
      ...found,
      differs: [...found.differs],
      before: found.before && shownEntry(compared.before, found.before),
      after: found.after && shownEntry(compared.after, found.after),
    }
  })
  const last = differences.at(-1)
  if (end < table.count && last) call.goesOnAfter(last.path)
  return { state: 'ready', added, removed, changed, differences, problemCount }
}

/** As the contract has it. */
export function shownEntry({ layers }: ReadImage, entry: ImageEntry): FileEntry {
  const { path, type, sizeBytes, mode, uid, gid, linkTarget, device, sparse, sha256 } = entry
  return {
    ...{ path, type, sizeBytes, mode, uid, gid, linkTarget, device, sparse, sha256 },
    name: splitPath(path).name,
    modified: timeOf(entry.mtime),
    layer: layers[entry.layer]?.digest ?? '',
    change: entry.change,
    hidden: entry.hidden,
  }
}

/** Archives may claim times that no calendar has. */
function timeOf(seconds: number | null): string | null {
  const date = new Date(seconds === null ? Number.NaN : Math.trunc(seconds) * 1000)
  const year = date.getUTCFullYear()
  return year >= 0 && year <= 9999 ? date.toISOString() : null
}

function shownLayers({ layers, view }: ReadImage) {
  return layers.map(({ digest, size, entries, isAbsent }, at) => {
    const { added = 0, changed = 0, deleted = 0 } = view.layers[at] ?? {}
    return { digest, sizeBytes: size, entries, added, changed, deleted, absent: isAbsent }
  })
}

function shownProblems({ layers, view }: ReadImage) {
  const problems = layers.flatMap(({ digest, problems: ofArchive }, at) =>
    [...ofArchive, ...(view.layers[at]?.problems ?? [])].map((problem) => ({
      layer: digest,
      ...problem,
    })),
  )
  return problems.slice(0, maxProblems)
}
