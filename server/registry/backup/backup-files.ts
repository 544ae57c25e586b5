import { createHash, type Hash, randomUUID } from 'node:crypto'
import { type FileHandle, open, readdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { systemCode, unlessMissing } from '../../blobs/file-errors.ts'
import { makeFolder, syncFolder } from '../../blobs/folder.ts'
import type { Digest } from '../../domain/digest.ts'
import { RegistryError } from '../../domain/errors.ts'

/**
 * Where things are in a backup:
 *
 *     <root>/entrepot-backup.json               what this folder is
 *     <root>/blobs/<algorithm>/<aa>/<hex>       bytes by digest, shared by all snapshots
 *     <root>/partial/                           bytes that are being copied
 *     <root>/snapshots/<name>/backup.json       what the snapshot has; written last
 *     <root>/snapshots/<name>/entrepot.db       the database
 *     <root>/snapshots/<name>/files/            the secret files of the data folder
 */
export interface BackupLayout {
  readonly root: string
  readonly marker: string
  readonly blobs: string
  readonly partial: string
  readonly snapshots: string
}

export function layoutOf(root: string): BackupLayout {
  const below = (name: string) => path.join(root, name)
  return {
    ...{ root, marker: below('entrepot-backup.json'), blobs: below('blobs') },
    ...{ partial: below('partial'), snapshots: below('snapshots') },
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

/** Bytes on their way into a backup, hashed as they come. */
export class BlobDraft {
  readonly #file: string
  readonly #handle: FileHandle
  readonly #hash: Hash
  readonly #algorithm: string
  sizeBytes = 0

  private constructor(file: string, handle: FileHandle, algorithm: string) {
    this.#file = file
    this.#handle = handle
    this.#algorithm = algorithm
    this.#hash = createHash(algorithm)
  }

  static async begin(
    { partial }: { readonly partial: string },
    digest: Digest,
  ): Promise<BlobDraft> {
    const file = path.join(partial, randomUUID())
    const [algorithm = ''] = digest.split(':')
    return new BlobDraft(file, await open(file, 'wx', 0o600), algorithm)
  }

  async write(piece: Uint8Array): Promise<void> {
    this.#hash.update(piece)
    for (let at = 0; at < piece.byteLength; ) {
      const { bytesWritten } = await this.#handle.write(piece, at)
      at += bytesWritten
    }
    this.sizeBytes += piece.byteLength
  }

  digest(): string {
    return `${this.#algorithm}:${this.#hash.digest('hex')}`
  }

  /** In its place and its bytes on the disk; its name is with the next `syncBlobs`. */
  async keep(target: { readonly folder: string; readonly file: string }): Promise<void> {
    await this.#handle.sync()
    await this.#handle.close()
    await makeFolder(path.dirname(target.folder))
    await makeFolder(target.folder)
    await rename(this.#file, target.file)
  }

  /** Nobody needs it. */
  async drop(): Promise<void> {
    await this.#handle.close().catch(() => undefined)
    await rm(this.#file, { force: true })
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
