import { splitPath } from './archive-path.ts'

/** What an entry's name means (OCI image-spec, layer.md "Whiteouts"). */
export type Whiteout =
  | { readonly kind: 'entry' | 'whiteout' | 'opaque'; readonly path: string }
  /** Of AUFS's own accounts, which are no files of the image. */
  | { readonly kind: 'ignored' }
  | { readonly problem: string }

const prefix = '.wh.'
const metaPrefix = '.wh..wh.'

export function parseWhiteout(path: string): Whiteout {
  const { folder, name } = splitPath(path)
  const parents = folder.split('/')
  if (name === '.wh..wh..opq' && !parents.some(isReserved)) return { kind: 'opaque', path: folder }
  if ([...parents, name].some((part) => part.startsWith(metaPrefix))) return { kind: 'ignored' }
  if (parents.some(isReserved)) {
    return { problem: 'It stands in a folder whose name, .wh.…, marks what is deleted.' }
  }
  if (!isReserved(name)) return { kind: 'entry', path }
  const deleted = name.slice(prefix.length)
  if (deleted === '' || deleted === '.' || deleted === '..') {
    return { problem: 'It deletes nothing that has a name.' }
  }
  return { kind: 'whiteout', path: folder === '' ? deleted : `${folder}/${deleted}` }
}

function isReserved(part: string): boolean {
  return part.startsWith(prefix)
}
