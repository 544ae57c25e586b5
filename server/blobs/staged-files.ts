import { type FileHandle, lstat, open, rename } from 'node:fs/promises'
import { RegistryError } from '../domain/errors.ts'
import { systemCode, unlessMissing } from './file-errors.ts'
import { type FileLayout, finishedPath, stagedPath } from './file-layout.ts'

/** Creates the empty staged file. A location that has bytes already is refused (INTERNAL). */
export async function createStaged(layout: FileLayout, location: string): Promise<void> {
  if ((await unlessMissing(lstat(finishedPath(layout, location)))) !== undefined) {
    throw usedTwice()
  }
  try {
    const handle = await open(stagedPath(layout, location), 'wx', 0o600)
    await handle.close()
  } catch (error) {
    throw systemCode(error) === 'EEXIST' ? usedTwice(error) : error
  }
}

/**
 * The staged file, cut off at `offsetBytes`, for writing; the caller closes it. Undefined when it
 * is missing or shorter than that.
 */
export async function openStaged(
  layout: FileLayout,
  location: string,
  offsetBytes: number,
): Promise<FileHandle | undefined> {
  const handle =
    (await unlessMissing(open(stagedPath(layout, location), 'r+'))) ??
    (await stageAgain(layout, location, offsetBytes))
  if (handle === undefined) {
    return undefined
  }
  const sizeBytes = await sizeOf(handle)
  if (sizeBytes < offsetBytes) {
    await handle.close()
    return undefined
  }
  if (sizeBytes > offsetBytes) {
    await orClose(handle, handle.truncate(offsetBytes))
  }
  return handle
}

/** The size of the staged file, whose bytes are on the disk now. Undefined when there is none. */
export async function syncStaged(
  layout: FileLayout,
  location: string,
): Promise<number | undefined> {
  const handle = await unlessMissing(open(stagedPath(layout, location), 'r+'))
  if (handle === undefined) {
    return undefined
  }
  try {
    await handle.sync()
    return (await handle.stat()).size
  } finally {
    await handle.close()
  }
}

/** The size of an open file; closes it on failure. */
export async function sizeOf(handle: FileHandle): Promise<number> {
  const stats = await orClose(handle, handle.stat())
  return stats.size
}

/** A crash came after the rename of `finish` and before its row: back to the uploads. */
async function stageAgain(
  layout: FileLayout,
  location: string,
  offsetBytes: number,
): Promise<FileHandle | undefined> {
  const finished = finishedPath(layout, location)
  const staged = stagedPath(layout, location)
  const stats = await unlessMissing(lstat(finished))
  if (stats === undefined || stats.size < offsetBytes) {
    return undefined
  }
  // Linked: the bytes are somebody else's too, and what is staged is written.
  if (stats.nlink > 1) return undefined
  await rename(finished, staged)
  return open(staged, 'r+')
}

async function orClose<T>(handle: FileHandle, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    await handle.close().catch(() => undefined)
    throw error
  }
}

function usedTwice(cause?: unknown): RegistryError {
  return new RegistryError('INTERNAL', 'A blob location was about to be used twice.', { cause })
}
