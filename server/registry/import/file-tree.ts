import { RegistryError } from '../../domain/errors.ts'
import type { SourceBlob } from './source.ts'

/** Files by name, in a folder or an archive. */
export interface FileTree extends AsyncDisposable {
  /** For people. */
  readonly title: string
  /** Undefined: there is none. Throws UPSTREAM_FAILED for what is no file, or leads elsewhere. */
  find(name: string): Promise<SourceBlob | undefined>
}

/** All of a small file. Undefined: there is none. Throws UPSTREAM_FAILED for a larger one. */
export async function readSmallFile(
  tree: FileTree,
  name: string,
  maxBytes: number,
): Promise<Buffer | undefined> {
  const found = await tree.find(name)
  if (found === undefined) return undefined
  if (found.sizeBytes > maxBytes) {
    throw new RegistryError(
      'UPSTREAM_FAILED',
      `${name} has ${found.sizeBytes} bytes; at most ${maxBytes} are read.`,
    )
  }
  const pieces: Uint8Array[] = []
  for await (const piece of found.chunks(0, new AbortController().signal)) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** The same as JSON. Throws UPSTREAM_FAILED for what is none. */
export async function readJsonFile(
  tree: FileTree,
  name: string,
  maxBytes: number,
): Promise<unknown> {
  const content = await readSmallFile(tree, name, maxBytes)
  try {
    return content && JSON.parse(content.toString('utf8'))
  } catch (cause) {
    throw new RegistryError('UPSTREAM_FAILED', `${name} of ${tree.title} is not JSON.`, { cause })
  }
}
