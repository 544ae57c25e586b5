import { randomUUID } from 'node:crypto'
import { open, readdir, rename } from 'node:fs/promises'
import path from 'node:path'
import { systemCode, unlessMissing } from '../../blobs/file-errors.ts'
import { syncFolder } from '../../blobs/folder.ts'
import type { Digest } from '../../domain/digest.ts'
import { RegistryError } from '../../domain/errors.ts'

/**
 * What a folder of backups has of its own, besides what every target has (target.ts):
 *
 *     <root>/blobs/<algorithm>/<aa>/<hex>       bytes by digest
 *     <root>/partial/                           bytes that are being copied
 *     <root>/snapshots/<name>.partial/          a snapshot that is being made, or removed
 */
export interface BackupLayout {
  readonly root: string
  readonly blobs: string
  readonly partial: string
  readonly snapshots: string
}

export function layoutOf(root: string): BackupLayout {
  const below = (name: string) => path.join(root, name)
  return {
    ...{ root, blobs: below('blobs'), partial: below('partial') },
    snapshots: below('snapshots'),
  }
}

/** The folder of blobs whose digests begin so, and the file of one in it. */
export function blobPath(layout: BackupLayout, digest: Digest): { folder: string; file: string } {
  const [algorithm = '', hex = ''] = digest.split(':')
  const folder = path.join(layout.blobs, algorithm, hex.slice(0, 2))
  return { folder, file: path.join(folder, hex) }
}

/** Names of the entries, sorted; none where there is no such folder. */
export async function listNames(folder: string): Promise<string[]> {
  return ((await unlessMissing(readdir(folder))) ?? []).sort()
}

/** Writes a small file whole or not at all, on the disk when this returns. */
export async function writeWhole(file: string, text: string): Promise<void> {
  const draft = `${file}.${randomUUID()}`
  await using handle = await open(draft, 'wx', 0o600)
  await handle.writeFile(text)
  await handle.sync()
  await rename(draft, file)
  await syncFolder(path.dirname(file))
}

/** Undefined for what is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Every name of a blob is on the disk, also of those that a run copied which was cut off. */
export async function syncBlobs(layout: BackupLayout): Promise<void> {
  for (const algorithm of await listNames(layout.blobs)) {
    const folder = path.join(layout.blobs, algorithm)
    for (const shard of await listNames(folder)) await syncFolder(path.join(folder, shard))
    await syncFolder(folder)
  }
  await syncFolder(layout.blobs)
  await syncFolder(layout.root)
}

/** Errors of the file system in words that name the folder. */
export async function atTarget<T>(root: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const code = error instanceof RegistryError ? undefined : systemCode(error)
    if (code === undefined) throw error
    const full = code === 'ENOSPC' || code === 'EDQUOT'
    throw new RegistryError(
      full ? 'STORAGE_FULL' : 'UNAVAILABLE',
      full
        ? `The folder ${root} has no room left (${code}): make room, and run the same command again: it goes on.`
        : `The folder ${root} cannot be used (${code}): ${(error as Error).message}.`,
      { cause: error },
    )
  }
}
