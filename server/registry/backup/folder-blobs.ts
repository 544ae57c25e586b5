import { randomUUID } from 'node:crypto'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { unlessMissing } from '../../blobs/file-errors.ts'
import { makeFolder } from '../../blobs/folder.ts'
import type { Digest } from '../../domain/digest.ts'
import { eachOf } from '../at-once.ts'
import { atTarget } from './backup-files.ts'
import type { BlobDraft, CopyTarget } from './target.ts'

const looksAtOnce = 4

/** Where in a folder blobs are. */
export interface BlobFolder {
  /** For messages. */
  readonly root: string
  /** A folder for bytes that are being copied; on the same disk. */
  readonly partial: string
  place(digest: Digest): BlobPlace
}

export interface BlobPlace {
  readonly folder: string
  readonly file: string
}

/** Blobs that are files. Their names are on the disk once their folders are synced. */
export function openFolderBlobs({ root, partial, place }: BlobFolder): CopyTarget {
  return {
    async findSizes(digests) {
      const sizes = new Map<string, number>()
      await eachOf(digests, looksAtOnce, async (digest) => {
        const found = await atTarget(root, () => unlessMissing(stat(place(digest).file)))
        if (found?.isFile() === true) sizes.set(digest, found.size)
      })
      return sizes
    },
    begin: (digest) =>
      atTarget(root, async () => {
        const file = path.join(partial, randomUUID())
        return new FileDraft({ root, file, target: place(digest) }, await open(file, 'wx', 0o600))
      }),
  }
}

interface Draft {
  readonly root: string
  readonly file: string
  readonly target: BlobPlace
}

class FileDraft implements BlobDraft {
  readonly #draft: Draft
  readonly #handle: FileHandle

  constructor(draft: Draft, handle: FileHandle) {
    this.#draft = draft
    this.#handle = handle
  }

  write(piece: Uint8Array): Promise<void> {
    return atTarget(this.#draft.root, async () => {
      for (let at = 0; at < piece.byteLength; ) {
        const { bytesWritten } = await this.#handle.write(piece, at)
        at += bytesWritten
      }
    })
  }

  /** In its place and its bytes on the disk; its name is with the next sync of its folder. */
  keep(): Promise<void> {
    const { root, file, target } = this.#draft
    return atTarget(root, async () => {
      await this.#handle.sync()
      await this.#handle.close()
      await makeFolder(path.dirname(target.folder))
      await makeFolder(target.folder)
      await rename(file, target.file)
    })
  }

  async drop(): Promise<void> {
    await this.#handle.close().catch(() => undefined)
    await rm(this.#draft.file, { force: true })
  }
}
