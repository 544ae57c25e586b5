import { deactivateApiKey, insertApiKey } from './api-keys.ts'
import { markDamaged, mountBlob } from './blobs.ts'
import type { Queries } from './database.ts'
import { deleteFeedContent } from './feed-content.ts'
import { insertFeed, retireFeed, updateFeed } from './feeds.ts'
import { keepUploadAlive } from './keep-alive.ts'
import { deleteLink, promiseBlob } from './links.ts'
import { deleteManifest } from './manifest-deletion.ts'
import { putManifest } from './manifest-push.ts'
import { promiseManifest } from './manifests.ts'
import { deleteRefreshToken, insertRefreshToken } from './refresh-tokens.ts'
import { setSetting } from './settings.ts'
import { ensureStore, setStoreMarker } from './stores.ts'
import { createTag, deleteTag } from './tags.ts'
import { deletePurgedUploads, purgeIdle, purgeUpload } from './upload-purge.ts'
import { advanceUpload, claimUpload, commitUpload, forkUpload, insertUpload } from './uploads.ts'
import { ensureAdministrator, insertUser, setPassword, setUserActive } from './users.ts'

/** `(transaction, plain data) → plain data`, waiting for nothing but the database. */
export type Write = (trx: Queries, input: never) => Promise<unknown>
export type WriteInput<W extends Write> = Parameters<W>[1]
export type WriteOutput<W extends Write> = Awaited<ReturnType<W>>

/** Every write, under its function's name: how the writer thread finds it. */
export const writes: Readonly<Record<string, Write>> = {
  advanceUpload,
  claimUpload,
  commitUpload,
  createTag,
  deactivateApiKey,
  deleteFeedContent,
  deleteLink,
  deleteManifest,
  deletePurgedUploads,
  deleteRefreshToken,
  deleteTag,
  ensureAdministrator,
  ensureStore,
  forkUpload,
  insertApiKey,
  insertFeed,
  insertRefreshToken,
  insertUpload,
  insertUser,
  keepUploadAlive,
  markDamaged,
  mountBlob,
  promiseBlob,
  promiseManifest,
  purgeIdle,
  purgeUpload,
  putManifest,
  retireFeed,
  setPassword,
  setSetting,
  setStoreMarker,
  setUserActive,
  updateFeed,
}

/** Writes and the module that exports them as `writes`, for a thread to import. */
export interface WriteTable {
  readonly module: string
  readonly writes: Readonly<Record<string, Write>>
}

export const serverWrites: WriteTable = { module: import.meta.url, writes }

/** The name under which a write is listed. Throws when it is not: it could not be found again. */
export function nameOf(write: Write, table: WriteTable): string {
  if (table.writes[write.name] !== write) {
    throw new Error(`The write "${write.name}" is not listed in writes.ts.`)
  }
  return write.name
}
