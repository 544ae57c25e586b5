import type { Stats } from 'node:fs'
import { link, lstat, open, stat, unlink } from 'node:fs/promises'
import path from 'node:path'
import { RegistryError } from '../domain/errors.ts'
import { systemCode, unlessMissing } from './file-errors.ts'

/** What a file system says that has no links, or allows this one to nobody. */
const refusals: Readonly<Record<string, string>> = {
  EXDEV: 'it is on another file system than the store.',
  EPERM:
    'the operating system allows no link to it (another owner, or a file system without links).',
  EACCES: 'the operating system allows no link to it.',
  ENOENT: 'it has gone meanwhile.',
  EMLINK: 'it has as many links as the file system allows.',
  ENOSYS: 'the file system has no links.',
  EOPNOTSUPP: 'the file system has no links.',
}

/**
 * Why a file must not become one of the store's in `folder`, by a second name; null: it may. Whoever
 * owns a file, or may write it, could change it under the store.
 */
export async function whyNotLinked(file: string, folder: string): Promise<string | null> {
  const [own, theirs] = [await stat(folder), await unlessMissing(lstat(file))]
  return theirs === undefined ? (refusals.ENOENT ?? '') : faultOf(theirs, own)
}

/**
 * Gives a file a second name, its bytes on the disk; the entry is the caller's to make durable. The
 * file is never written or shortened through it. Throws UNSUPPORTED where there can be no link.
 */
export async function linkFile(file: string, place: string): Promise<void> {
  try {
    await link(file, place)
  } catch (cause) {
    const refusal = refusals[systemCode(cause) ?? '']
    if (refusal === undefined) throw cause
    throw new RegistryError('UNSUPPORTED', refusal, { cause })
  }
  // What was looked at before may have been another file: this one cannot be swapped any more.
  const fault = faultOf(await lstat(place), await stat(path.dirname(place)))
  if (fault !== null) {
    await unlink(place)
    throw new RegistryError('UNSUPPORTED', fault)
  }
  const handle = await open(place, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function faultOf(theirs: Stats, own: Stats): string | null {
  if (!theirs.isFile()) return 'it is no plain file.'
  if (theirs.dev !== own.dev) return refusals.EXDEV ?? ''
  if (theirs.uid !== own.uid) {
    return `its owner is the user ${theirs.uid}, and the store's is ${own.uid}: chown the folder first to have it linked.`
  }
  if ((theirs.mode & 0o022) !== 0) return 'others may write it: chmod go-w the folder first.'
  return (theirs.mode & 0o400) === 0 ? 'its owner may not read it.' : null
}
