import { sql } from 'kysely'
import { adoptBlob } from './blobs.ts'
import type { Queries } from './database.ts'
import { promiseBlob, upsertLink } from './links.ts'
import { type Params, prepared } from './prepared.ts'
import { refuseOverQuota } from './quotas.ts'
import { ensureRepository, shareRepository } from './repositories.ts'
import { nowMs } from './sql.ts'

export interface UploadRecord {
  readonly id: string
  readonly repositoryId: number
  readonly storeId: number
  readonly location: string
  readonly epoch: number
  /** Bytes that are on the disk for certain. */
  readonly offsetBytes: number
  readonly digestSoFar: string | null
  readonly algorithm: 'sha256' | 'sha512'
  readonly startedAt: number
}

const columns = [
  'id',
  'repository_id as repositoryId',
  'store_id as storeId',
  'location',
  'epoch',
  'offset_bytes as offsetBytes',
  'digest_so_far as digestSoFar',
  'algorithm',
  'started_at as startedAt',
] as const

const openUpload = prepared((db, p: Params<{ id: string; repositoryId: number }>) =>
  db
    .selectFrom('uploads')
    .select(columns)
    .where('id', '=', p.id)
    .where('repository_id', '=', p.repositoryId)
    .where('state', '=', sql.lit('open')),
)

export async function findUpload(
  db: Queries,
  key: { readonly id: string; readonly repositoryId: number },
): Promise<UploadRecord | undefined> {
  return openUpload.find(db, key)
}

/** The one that has come farthest of those that somebody has open in the repository. */
export async function findUploadBy(
  db: Queries,
  key: { readonly repositoryId: number; readonly by: string },
): Promise<UploadRecord | undefined> {
  return db
    .selectFrom('uploads')
    .select(columns)
    .where('repository_id', '=', key.repositoryId)
    .where('started_by', '=', key.by)
    .where('state', '=', 'open')
    .orderBy('offset_bytes', 'desc')
    .limit(1)
    .executeTakeFirst()
}

export interface NewUpload {
  readonly id: string
  readonly feedId: number
  readonly repository: string
  readonly storeId: number
  readonly location: string
  readonly algorithm: 'sha256' | 'sha512'
  readonly by: string
}

const newUpload = prepared(
  (db, p: Params<Omit<NewUpload, 'feedId' | 'repository'> & { repositoryId: number }>) =>
    db
      .insertInto('uploads')
      .values({
        id: p.id,
        repository_id: p.repositoryId,
        store_id: p.storeId,
        location: p.location,
        state: sql.lit('open'),
        epoch: sql.lit(0),
        offset_bytes: sql.lit(0),
        digest_so_far: sql.lit(null),
        algorithm: p.algorithm,
        started_at: nowMs,
        last_progress: nowMs,
        started_by: p.by,
      })
      .returning(columns),
)

/** The row is the intent: it commits before the staged file is created. NAME_UNKNOWN: no feed. */
export async function insertUpload(trx: Queries, input: NewUpload): Promise<UploadRecord> {
  const repositoryId = await ensureRepository(trx, input.feedId, input.repository)
  const made = await newUpload.find(trx, { ...input, repositoryId })
  if (!made) throw new Error('an INSERT without its row')
  return made
}

const claim = prepared((db, p: Params<{ id: string; repositoryId: number }>) =>
  db
    .updateTable('uploads')
    .set((eb) => ({ epoch: eb('epoch', '+', sql.lit(1)), last_progress: nowMs }))
    .where('id', '=', p.id)
    .where('repository_id', '=', p.repositoryId)
    .where('state', '=', sql.lit('open'))
    .returning(columns),
)

/** Makes the caller the upload's one writer: whoever held an older epoch can commit no more. */
export async function claimUpload(
  trx: Queries,
  input: { readonly id: string; readonly repositoryId: number },
): Promise<UploadRecord | undefined> {
  return claim.find(trx, input)
}

export interface Holder {
  readonly id: string
  readonly epoch: number
}

interface Progress extends Holder {
  readonly offsetBytes: number
  readonly digestSoFar: string
}

const advance = prepared((db, p: Params<Progress>) =>
  db
    .updateTable('uploads')
    .set({ offset_bytes: p.offsetBytes, digest_so_far: p.digestSoFar, last_progress: nowMs })
    .where('id', '=', p.id)
    .where('epoch', '=', p.epoch)
    .where('state', '=', sql.lit('open')),
)

/** Vouches for bytes that are on the disk. False: the upload has another writer, or is gone. */
export async function advanceUpload(trx: Queries, input: Progress): Promise<boolean> {
  return (await advance.run(trx, input)) > 0
}

/**
 * A second, empty upload beside one that the caller holds: same repository, store and leases.
 * Undefined: the upload has another writer, or is gone.
 */
export async function forkUpload(
  trx: Queries,
  input: Holder & { readonly forkId: string },
): Promise<UploadRecord | undefined> {
  // The update keeps others from ending the upload in between.
  const from = await trx
    .updateTable('uploads')
    .set({ last_progress: nowMs })
    .where('id', '=', input.id)
    .where('epoch', '=', input.epoch)
    .where('state', '=', 'open')
    .returning(['repository_id', 'store_id', 'algorithm', 'started_at', 'started_by'])
    .executeTakeFirst()
  if (!from) return undefined
  const { forkId } = input
  const fresh = { state: 'open' as const, epoch: 0, offset_bytes: 0, digest_so_far: null }
  return trx
    .insertInto('uploads')
    .values({ ...from, ...fresh, id: forkId, location: forkId, last_progress: nowMs })
    .returning(columns)
    .executeTakeFirstOrThrow()
}

export interface CommitUpload extends Holder {
  readonly repositoryId: number
  readonly storeId: number
  readonly location: string
  readonly digest: string
  readonly sizeBytes: number
  readonly graceMs: number
}

const end = prepared((db, p: Params<Holder>) =>
  db
    .deleteFrom('uploads')
    .where('id', '=', p.id)
    .where('epoch', '=', p.epoch)
    .where('state', '=', sql.lit('open')),
)

/**
 * Makes verified, durable bytes a blob of the repository and ends the upload. `present`: the
 * upload was ended by another request, and the repository has the blob (renewed as by HEAD). Throws
 * QUOTA_EXCEEDED, and then all is as it was before.
 */
export async function commitUpload(
  trx: Queries,
  input: CommitUpload,
): Promise<'committed' | 'present' | 'unknown'> {
  const place = await shareRepository(trx, input.repositoryId)
  const ended = await end.run(trx, input)
  if (ended === 0) return (await promiseBlob(trx, input)) ? 'present' : 'unknown'
  await adoptBlob(trx, input)
  if (await upsertLink(trx, input)) await refuseOverQuota(trx, place, input)
  return 'committed'
}
