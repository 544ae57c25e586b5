import type { ArchiveLimits } from './limits.ts'

/** A path inside an image, `a/b`; or why there is none that can be shown. */
export type ArchivePath =
  | { readonly ok: true; readonly path: string }
  | { readonly ok: false; readonly shown: string; readonly problem: string }

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const lenient = new TextDecoder('utf-8', { ignoreBOM: true })
const shownBytes = 200

/** From the root, as every runtime takes it: an absolute path is one from the image's root. */
export function parseArchivePath(bytes: Uint8Array, limits: ArchiveLimits): ArchivePath {
  const refuse = (problem: string): ArchivePath => {
    const shown = lenient.decode(bytes.subarray(0, shownBytes)).replace(/\p{Cc}/gu, '\ufffd')
    return { ok: false, shown, problem }
  }
  if (bytes.length > limits.maxPathBytes) {
    return refuse(`Its path is longer than ${limits.maxPathBytes} bytes.`)
  }
  const text = decodeStrictly(bytes)
  if (text === undefined) return refuse('Its path is not valid UTF-8.')
  if (text.includes('\0')) return refuse('There is a NUL in its path.')
  const parts = text.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) return refuse('Its path leads out of its folder (..).')
  if (parts.length > limits.maxDepth) {
    return refuse(`Its path has more than ${limits.maxDepth} parts.`)
  }
  return { ok: true, path: parts.join('/') }
}

/** Undefined: it is not UTF-8. */
export function decodeStrictly(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes)
  } catch {
    return undefined
  }
}

/** As far as it can be shown: of a link's target nothing depends on what it was. */
export function decodeLeniently(bytes: Uint8Array): string {
  return lenient.decode(bytes)
}

/** Folder and name; the folder of what stands in the root is empty. */
export function splitPath(path: string): { readonly folder: string; readonly name: string } {
  const slash = path.lastIndexOf('/')
  return { folder: slash < 0 ? '' : path.slice(0, slash), name: path.slice(slash + 1) }
}

/** By folder, then by name: what stands in one folder stands together. */
export function comparePaths(a: string, b: string): number {
  const [one, other] = [splitPath(a), splitPath(b)]
  if (one.folder !== other.folder) return one.folder < other.folder ? -1 : 1
  if (one.name === other.name) return 0
  return one.name < other.name ? -1 : 1
}
