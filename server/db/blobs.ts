import { sql } from 'kysely'
import { RegistryError } from '../domain/errors.ts'
import type { Queries } from './database.ts'
import { type LinkKey, upsertLink } from './links.ts'
import { type Params, prepared } from './prepared.ts'
import { refuseOverQuota } from './quotas.ts'
import { ensureRepository, shareRepository } from './repositories.ts'
import { nowMs } from './sql.ts'

interface NewBlob {
  readonly storeId: number
  readonly digest: string
  readonly location: string
  readonly sizeBytes: number
}

const upsert = prepared((db, p: Params<NewBlob>) =>
  db
    .insertInto('blobs')
    .values({
      store_id: p.storeId,
      digest: p.digest,
      location: p.location,
      size_bytes: p.sizeBytes,
      state: sql.lit('live'),
      created_at: nowMs,
    })
    .onConflict((conflict) =>
      // Changes nothing, but locks the row and shows it, also one that was inserted just now.
      conflict
        .columns(['store_id', 'digest'])
        .doUpdateSet((eb) => ({ state: eb.ref('blobs.state') })),
    )
    .returning(['location', 'size_bytes']),
)

/**
 * Makes freshly verified bytes the blob of this digest in their store: even when a row exists, the
 * new location is adopted (pushing again heals) and the old one freed after the grace time.
 */
export async function adoptBlob(trx: Queries, input: NewBlob): Promise<void> {
  const { storeId, digest, location, sizeBytes } = input
  const row = await upsert.find(trx, { storeId, digest, location, sizeBytes })
  if (!row) throw new Error('an INSERT without its row')
  if (row.location === location) return
  await trx
    .updateTable('blobs')
    .set({ location, size_bytes: sizeBytes, state: 'live' })
    .where('store_id', '=', storeId)
    .where('digest', '=', digest)
    .execute()
  await trx
    .insertInto('freed_locations')
    .values({
      store_id: storeId,
      location: row.location,
      since: nowMs,
      size_bytes: row.size_bytes,
    })
    .execute()
}

export interface Mount {
  readonly feedId: number
  readonly repository: string
  readonly sourceRepositoryId: number
  /** The target feed's store: bytes are shared within a store only. */
  readonly storeId: number
  readonly digest: string
  readonly graceMs: number
}

const source = prepared((db, p: Params<LinkKey>) =>
  db
    .selectFrom('links')
    .select('store_id')
    .where('repository_id', '=', p.repositoryId)
    .where('digest', '=', p.digest),
)

// The foreign key's own lock would not hold off clean-up's FOR UPDATE in time.
const sharedLive = prepared((db, p: Params<{ storeId: number; digest: string }>) =>
  db
    .selectFrom('blobs')
    .select('size_bytes as sizeBytes')
    .where('store_id', '=', p.storeId)
    .where('digest', '=', p.digest)
    .where('state', '=', sql.lit('live'))
    .forShare(),
)

/**
 * Gives the repository a blob that another one has in the same store. False: it must be uploaded.
 * Throws QUOTA_EXCEEDED.
 */
export async function mountBlob(trx: Queries, input: Mount): Promise<boolean> {
  const { digest, storeId } = input
  const from = { repositoryId: input.sourceRepositoryId, digest }
  if ((await source.find(trx, from))?.store_id !== storeId) return false
  const repositoryId = await ensureRepository(trx, input.feedId, input.repository)
  const place = await shareRepository(trx, repositoryId)
  const live = await sharedLive.find(trx, { storeId, digest })
  if (!live) throw new RegistryError('BLOB_UNKNOWN')
  if (!(await source.find(trx, from))) throw new RegistryError('BLOB_UNKNOWN')
  const isNew = await upsertLink(trx, { ...input, repositoryId })
  if (isNew) await refuseOverQuota(trx, place, { storeId, digest, ...live })
  return true
}

/** Marks the blob damaged if its row still names the location that was tried. */
export async function markDamaged(
  trx: Queries,
  input: { readonly storeId: number; readonly location: string },
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('blobs')
    .set({ state: 'damaged' })
    .where('store_id', '=', input.storeId)
    .where('location', '=', input.location)
    .where('state', '=', 'live')
    .executeTakeFirstOrThrow()
  return numUpdatedRows > 0n
}

/** Whether a blob's bytes are at this location. */
export async function isLocationNamed(
  db: Queries,
  storeId: number,
  location: string,
): Promise<boolean> {
  const row = await db
    .selectFrom('blobs')
    .select('digest')
    .where('store_id', '=', storeId)
    .where('location', '=', location)
    .executeTakeFirst()
  return row !== undefined
}
