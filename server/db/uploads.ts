import { sql } from 'kysely'
import { adoptBlob } from './blobs.ts'
import type { Queries } from './database.ts'
import { promiseBlob, shareRepository, upsertLink } from './links.ts'
import { type Params, prepared } from './prepared.ts'
import { ensureRepository } from './repositories.ts'
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

export interface NewUpload {
  readonly id: string
  readonly feedId: number
  readonly repository: string
  readonly storeId: number
  readonly location: string
  readonly algorithm: 'sha256' | 'sha512'
  readonly by: string
}

/** The row is the intent: it commits before the staged file is created. NAME_UNKNOWN: no feed. */
export async function insertUpload(trx: Queries, input: NewUpload): Promise<UploadRecord> {
  const repositoryId = await ensureRepository(trx, input.feedId, input.repository)
  return trx
    .insertInto('uploads')
    .values({
      id: input.id,
      repository_id: repositoryId,
      store_id: input.storeId,
      location: input.location,
      state: 'open',
      epoch: 0,
      offset_bytes: 0,
      digest_so_far: null,
      algorithm: input.algorithm,
      started_at: nowMs,
      last_progress: nowMs,
      started_by: input.by,
    })
    .returning(columns)
    .executeTakeFirstOrThrow()
}

/** Makes the caller the upload's one writer: whoever held an older epoch can commit no more. */
export async function claimUpload(
  trx: Queries,
  input: { readonly id: string; readonly repositoryId: number },
): Promise<UploadRecord | undefined> {
  return trx
    .updateTable('uploads')
    .set((eb) => ({ epoch: eb('epoch', '+', 1), last_progress: nowMs }))
    .where('id', '=', input.id)
    .where('repository_id', '=', input.repositoryId)
    .where('state', '=', 'open')
    .returning(columns)
    .executeTakeFirst()
}

export interface Holder {
  readonly id: string
  readonly epoch: number
}

/** Vouches for bytes that are on the disk. False: the upload has another writer, or is gone. */
export async function advanceUpload(
  trx: Queries,
  input: Holder & { readonly offsetBytes: number; readonly digestSoFar: string },
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('uploads')
    .set({
      offset_bytes: input.offsetBytes,
      digest_so_far: input.digestSoFar,
      last_progress: nowMs,
    })
    .where('id', '=', input.id)
    .where('epoch', '=', input.epoch)
    .where('state', '=', 'open')
    .executeTakeFirstOrThrow()
  return numUpdatedRows > 0n
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

/**
 * Makes verified, durable bytes a blob of the repository and ends the upload. `present`: the
 * upload was ended by another request, and the repository has the blob (renewed as by HEAD).
 */
export async function commitUpload(
  trx: Queries,
  input: CommitUpload,
): Promise<'committed' | 'present' | 'unknown'> {
  await shareRepository(trx, input.repositoryId)
  const { numDeletedRows } = await trx
    .deleteFrom('uploads')
    .where('id', '=', input.id)
    .where('epoch', '=', input.epoch)
    .where('state', '=', 'open')
    .executeTakeFirstOrThrow()
  if (numDeletedRows === 0n) return (await promiseBlob(trx, input)) ? 'present' : 'unknown'
  await adoptBlob(trx, input)
  await upsertLink(trx, input)
  return 'committed'
}
