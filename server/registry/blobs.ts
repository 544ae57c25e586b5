import type { BlobReader } from '../blobs/blob-store.ts'
import { markDamaged, mountBlob } from '../db/blobs.ts'
import type { Db } from '../db/database.ts'
import {
  deleteLink,
  findLinkedBlob,
  findPromise,
  listMountSources,
  type MountSource,
  promiseBlob,
} from '../db/links.ts'
import { findRepository } from '../db/repositories.ts'
import type { Digest } from '../domain/digest.ts'
import { isRefusal, RegistryError } from '../domain/errors.ts'
import type { RepositoryName } from '../domain/reference.ts'
import type { Subject } from '../domain/rule.ts'
import { type Feed, subjectOf } from './feeds.ts'
import type { Settings } from './settings.ts'
import type { Stores } from './stores.ts'

export interface BlobTarget {
  readonly feed: Feed
  readonly repository: RepositoryName
  readonly digest: Digest
}

/** What damage is told to: operators have to hear of it. */
export interface DamageLog {
  error(facts: object, message: string): void
}

/**
 * The blob's size. A caller who may push relies on the answer, so it is promised for the grace
 * time. Throws BLOB_UNKNOWN.
 */
export async function headBlob(
  { db, settings }: { db: Db; settings: Settings },
  target: BlobTarget,
  mayPush: boolean,
): Promise<{ sizeBytes: number }> {
  const key = await keyOf(db, target)
  const graceMs = settings.graceMs()
  const blob = key && (await findPromise(db.read, key, graceMs))
  if (!blob) throw unknownBlob(target)
  if (mayPush && !blob.fresh && !(await db.write(promiseBlob, { ...key, graceMs }))) {
    throw unknownBlob(target)
  }
  return { sizeBytes: blob.sizeBytes }
}

/** The same for whom nothing is promised: undefined instead of BLOB_UNKNOWN. */
export async function findStoredSize(
  { db }: { db: Db },
  target: BlobTarget,
): Promise<{ readonly sizeBytes: number } | undefined> {
  const key = await keyOf(db, target)
  return key && findLinkedBlob(db.read, key)
}

/** A blob's bytes, and where they are. */
export interface OpenBlob {
  readonly reader: BlobReader
  readonly storeId: number
  readonly location: string
}

/**
 * Opens the blob's bytes. Missing or short ones mark it damaged, so that the next push mends it,
 * and are BLOB_UNKNOWN; a store that cannot be reached is UNAVAILABLE.
 */
export async function openBlobAt(
  { db, stores, log }: { db: Db; stores: Stores; log: DamageLog },
  target: BlobTarget,
): Promise<OpenBlob> {
  const key = await keyOf(db, target)
  for (let attempt = 0; key && attempt < 3; attempt += 1) {
    const blob = await findLinkedBlob(db.read, key)
    if (!blob) break
    const content = { digest: target.digest, sizeBytes: blob.sizeBytes }
    const reader = await stores.get(blob.storeId).open(blob.location, content)
    if (reader?.sizeBytes === blob.sizeBytes) return { reader, ...blob }
    const foundBytes = reader?.sizeBytes ?? null
    await reader?.[Symbol.asyncDispose]()
    // No row changed: it was healed meanwhile, under another location.
    if (!(await db.write(markDamaged, { storeId: blob.storeId, location: blob.location }))) continue
    log.error(
      { digest: target.digest, ...blob, foundBytes },
      'A blob is damaged: its bytes are missing or short. Push the image again to mend it.',
    )
  }
  throw unknownBlob(target)
}

/** The same, for whom it does not matter where they are. */
export async function openBlob(
  deps: Parameters<typeof openBlobAt>[0],
  target: BlobTarget,
): Promise<BlobReader> {
  return (await openBlobAt(deps, target)).reader
}

export interface MountRequest extends BlobTarget {
  /** The repository that `from=` names; null: any that the caller may pull. */
  readonly from: { readonly feed: Feed; readonly repository: RepositoryName } | null
  readonly mayPull: (source: Subject) => boolean
}

/** Gives the repository a blob that another has. False: it has to be uploaded. */
export async function mount(
  { db, settings }: { db: Db; settings: Settings },
  request: MountRequest,
): Promise<boolean> {
  for (const source of await findSources(db, request)) {
    const mounted = await tryMount(db, {
      feedId: request.feed.id,
      repository: request.repository,
      sourceRepositoryId: source.repositoryId,
      storeId: request.feed.storeId,
      digest: request.digest,
      graceMs: settings.graceMs(),
    })
    if (mounted) return true
  }
  return false
}

/** Rights first: how long a refusal takes must not depend on what is there. */
async function findSources(db: Db, request: MountRequest): Promise<MountSource[]> {
  const { from, feed, digest, mayPull } = request
  if (from === null) {
    const all = await listMountSources(db.read, { storeId: feed.storeId, digest, limit: 50 })
    return all.filter(mayPull)
  }
  if (!mayPull(subjectOf(from.feed, from.repository))) return []
  const source = await findRepository(db.read, from.feed.id, from.repository)
  if (!source) return []
  return [{ repositoryId: source.id, ...subjectOf(from.feed), repository: from.repository }]
}

async function tryMount(db: Db, input: Parameters<typeof mountBlob>[1]): Promise<boolean> {
  try {
    return await db.write(mountBlob, input)
  } catch (error) {
    // The source lost it in between: the transaction is undone, the client uploads.
    if (isRefusal(error, 'BLOB_UNKNOWN')) return false
    throw error
  }
}

/** Takes the blob from the repository. Throws BLOB_UNKNOWN, or IN_USE naming its manifests. */
export async function deleteBlob(
  { db }: { db: Db },
  target: BlobTarget & { readonly by: string; readonly address?: string },
): Promise<void> {
  const { by, address = null } = target
  const key = await keyOf(db, target)
  if (!key || !(await db.write(deleteLink, { ...key, by, address }))) throw unknownBlob(target)
}

async function keyOf(db: Db, { feed, repository, digest }: BlobTarget) {
  const row = await findRepository(db.read, feed.id, repository)
  return row && { repositoryId: row.id, digest }
}

function unknownBlob({ feed, repository, digest }: BlobTarget): RegistryError {
  return new RegistryError('BLOB_UNKNOWN', `${digest} is not in ${feed.key}/${repository}.`, {
    detail: { digest },
  })
}
