import { deactivateApiKey, insertApiKey, rotateApiKey, updateApiKey } from './api-key-changes.ts'
import { deleteOldRequests, recordApiKeyUses } from './api-key-requests.ts'
import { beatBackup, beginBackup, endBackup } from './backups.ts'
import { markLive } from './blob-checks.ts'
import { cleanBlobs } from './blob-cleanup.ts'
import { markDamaged, mountBlob } from './blobs.ts'
import { noteTagCheck } from './cached-content.ts'
import { forgetScope } from './candidates.ts'
import { insertConnectedFeed, updateConnectedFeed } from './connected-feeds.ts'
import { deleteConnector, insertConnector, updateConnector } from './connectors.ts'
import type { Queries } from './database.ts'
import {
  deleteDirectory,
  insertDirectory,
  orderDirectories,
  updateDirectory,
} from './directories.ts'
import {
  admitDirectoryUser,
  confirmDirectoryUser,
  setDirectoryToken,
  suspendDirectoryUser,
} from './directory-users.ts'
import { pruneEvents } from './events.ts'
import { deleteFeedContent } from './feed-content.ts'
import { deleteFeedGroup, insertFeedGroup, updateFeedGroup } from './feed-groups.ts'
import { moveLink } from './feed-moves.ts'
import { insertFeed, retireFeed, updateFeed } from './feeds.ts'
import { forgetFormerStore, noteRemains } from './former-stores.ts'
import { forgetFreedLocations } from './freed-locations.ts'
import { deleteGroup, insertGroup, updateGroup } from './groups.ts'
import { beatRun, claimRun, endRun, expireClaims, releaseRun } from './job-claims.ts'
import { pruneRuns } from './job-log.ts'
import { cancelRun, ensureDeletionRun, requestRun } from './job-runs.ts'
import { ensureJobs, queueScheduledRun, updateJob } from './jobs.ts'
import { keepUploadAlive } from './keep-alive.ts'
import { cleanLinks } from './link-cleanup.ts'
import { deleteLink, promiseBlob } from './links.ts'
import { recordLogins } from './logins.ts'
import { deleteManifest } from './manifest-deletion.ts'
import { recordFacts } from './manifest-facts.ts'
import { cacheManifest, putManifest } from './manifest-push.ts'
import { promiseManifest } from './manifests.ts'
import { cleanOrphans } from './orphan-cleanup.ts'
import { deletePermission, insertPermission } from './permissions.ts'
import { prunePulls, recordPulls } from './pulls.ts'
import { recoverAdministrator } from './recovery.ts'
import { deleteRefreshToken, insertRefreshToken } from './refresh-tokens.ts'
import { deleteRepositoryContent, retireRepository } from './repository-deletion.ts'
import { updateRepository } from './repository-settings.ts'
import { removeJudgedImage, removeJudgedTag } from './retention-removal.ts'
import {
  deleteRetentionRule,
  insertRetentionRule,
  orderRetentionRules,
  updateRetentionRule,
} from './retention-rules.ts'
import { importSecurity, recordExport } from './security-import.ts'
import {
  deleteEndedSessions,
  deleteSessions,
  insertSession,
  signOutEverywhere,
  touchSessions,
} from './sessions.ts'
import { changeSetting, claimServerId, setSetting } from './settings.ts'
import { foldSizes } from './size-folding.ts'
import {
  claimStaging,
  deleteStaging,
  insertStaging,
  recordStaging,
  reserveParts,
} from './stagings.ts'
import { claimStoreMarker, ensureStore, placeStore, saveStore, setFeedStore } from './stores.ts'
import { forgetStrays, noteStrays, takeStrays } from './stray-locations.ts'
import { createTag, deleteTag } from './tags.ts'
import { deleteTask, insertTask, updateTask } from './tasks.ts'
import { deletePurgedUploads, purgeIdle, purgeUpload } from './upload-purge.ts'
import { advanceUpload, claimUpload, commitUpload, forkUpload, insertUpload } from './uploads.ts'
import { createUser, deleteUser, updateUser } from './user-changes.ts'
import { ensureAdministrator, insertUser, setPassword, setUserActive } from './users.ts'

/** `(transaction, plain data) → plain data`, waiting for nothing but the database. */
export type Write = (trx: Queries, input: never) => Promise<unknown>
export type WriteInput<W extends Write> = Parameters<W>[1]
export type WriteOutput<W extends Write> = Awaited<ReturnType<W>>

/** Every write, under its function's name: how the writer thread finds it. */
export const writes: Readonly<Record<string, Write>> = {
  admitDirectoryUser,
  advanceUpload,
  beatBackup,
  beatRun,
  beginBackup,
  cacheManifest,
  cancelRun,
  changeSetting,
  claimRun,
  claimServerId,
  claimStaging,
  claimUpload,
  cleanBlobs,
  cleanLinks,
  cleanOrphans,
  commitUpload,
  confirmDirectoryUser,
  createTag,
  createUser,
  deactivateApiKey,
  deleteConnector,
  deleteDirectory,
  deleteEndedSessions,
  deleteFeedContent,
  deleteFeedGroup,
  deleteGroup,
  deleteLink,
  deleteManifest,
  deleteOldRequests,
  deletePermission,
  deletePurgedUploads,
  deleteRefreshToken,
  deleteRepositoryContent,
  deleteRetentionRule,
  deleteSessions,
  deleteStaging,
  deleteTag,
  deleteTask,
  deleteUser,
  endBackup,
  endRun,
  ensureAdministrator,
  ensureDeletionRun,
  ensureJobs,
  ensureStore,
  expireClaims,
  forgetFreedLocations,
  forgetScope,
  forgetStrays,
  foldSizes,
  forkUpload,
  importSecurity,
  insertApiKey,
  insertConnector,
  insertDirectory,
  insertConnectedFeed,
  insertFeed,
  insertFeedGroup,
  insertGroup,
  insertPermission,
  insertRefreshToken,
  insertRetentionRule,
  insertSession,
  insertStaging,
  insertTask,
  insertUpload,
  insertUser,
  keepUploadAlive,
  markDamaged,
  markLive,
  mountBlob,
  moveLink,
  noteRemains,
  noteStrays,
  orderDirectories,
  orderRetentionRules,
  promiseBlob,
  promiseManifest,
  placeStore,
  pruneEvents,
  prunePulls,
  pruneRuns,
  purgeIdle,
  purgeUpload,
  putManifest,
  queueScheduledRun,
  recordExport,
  recordApiKeyUses,
  recordFacts,
  recordLogins,
  recordPulls,
  recordStaging,
  recoverAdministrator,
  releaseRun,
  requestRun,
  reserveParts,
  removeJudgedImage,
  removeJudgedTag,
  retireFeed,
  retireRepository,
  rotateApiKey,
  setDirectoryToken,
  saveStore,
  setFeedStore,
  setPassword,
  setSetting,
  claimStoreMarker,
  forgetFormerStore,
  setUserActive,
  signOutEverywhere,
  noteTagCheck,
  touchSessions,
  suspendDirectoryUser,
  takeStrays,
  updateApiKey,
  updateConnector,
  updateDirectory,
  updateConnectedFeed,
  updateFeed,
  updateFeedGroup,
  updateGroup,
  updateJob,
  updateRepository,
  updateRetentionRule,
  updateTask,
  updateUser,
}

/** Writes and the module that exports them as `writes`, for a thread to import. */
export interface WriteTable {
  readonly module: string
  readonly writes: Readonly<Record<string, Write>>
}

/** Its module by the name that it has when built, too (vite.server.config.ts). */
export const serverWrites: WriteTable = {
  module: new URL(import.meta.url.endsWith('.ts') ? 'writes.ts' : 'writes.js', import.meta.url)
    .href,
  writes,
}

/** The name under which a write is listed. Throws when it is not: it could not be found again. */
export function nameOf(write: Write, table: WriteTable): string {
  if (table.writes[write.name] !== write) {
    throw new Error(`The write "${write.name}" is not listed in writes.ts.`)
  }
  return write.name
}
