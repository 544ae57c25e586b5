import { sql } from 'kysely'
import type { Queries } from './database.ts'
import { nowMs, nowMsOnce } from './sql.ts'

export interface PurgedUpload {
  readonly id: string
  readonly storeId: number
  readonly location: string
  readonly offsetBytes: number
}

const purged = ['id', 'store_id as storeId', 'location', 'offset_bytes as offsetBytes'] as const

/** Ends an upload for good, its bytes to be removed next. Undefined when it is not open. */
export async function purgeUpload(
  trx: Queries,
  input: { readonly id: string; readonly repositoryId: number },
): Promise<PurgedUpload | undefined> {
  return trx
    .updateTable('uploads')
    .set((eb) => ({ state: 'purging' as const, epoch: eb('epoch', '+', 1) }))
    .where('id', '=', input.id)
    .where('repository_id', '=', input.repositoryId)
    .where('state', '=', 'open')
    .returning(purged)
    .executeTakeFirst()
}

/** Ends the uploads that made no progress for so long, at most `limit` of them. */
export async function purgeIdle(
  trx: Queries,
  input: {
    readonly idleMs: number
    readonly limit: number
    readonly feedId?: number
    readonly repositoryId?: number
  },
): Promise<PurgedUpload[]> {
  let pick = trx
    .selectFrom('uploads')
    .select('uploads.id')
    .where('state', '=', 'open')
    .where('last_progress', '<=', sql<number>`${nowMsOnce} - ${input.idleMs}`)
    .orderBy('last_progress')
    .limit(input.limit)
  if (input.feedId !== undefined) {
    pick = pick
      .innerJoin('repositories', 'repositories.id', 'uploads.repository_id')
      .where('repositories.feed_id', '=', input.feedId)
  }
  if (input.repositoryId !== undefined) {
    pick = pick.where('uploads.repository_id', '=', input.repositoryId)
  }
  const ids = (await pick.execute()).map((row) => row.id)
  if (ids.length === 0) return []
  return trx
    .updateTable('uploads')
    .set((eb) => ({ state: 'purging' as const, epoch: eb('epoch', '+', 1) }))
    .where('id', 'in', ids)
    .where('state', '=', 'open')
    .where('last_progress', '<=', sql<number>`${nowMs} - ${input.idleMs}`)
    .returning(purged)
    .execute()
}

export interface UploadPick {
  readonly limit: number
  /** The id of the last one that was looked at; '' for the first. */
  readonly after: string
}

/** Uploads whose bytes still have to be removed, by id: a crash or an error came in between. */
export async function listPurgingUploads(db: Queries, pick: UploadPick): Promise<PurgedUpload[]> {
  return db
    .selectFrom('uploads')
    .select(purged)
    .where('state', '=', 'purging')
    .where('id', '>', pick.after)
    .orderBy('id')
    .limit(pick.limit)
    .execute()
}

/** Open uploads of a feed that made no progress for so long, by id: what `purgeIdle` would end. */
export async function listIdleUploads(
  db: Queries,
  input: UploadPick & { readonly idleMs: number; readonly feedId: number },
): Promise<PurgedUpload[]> {
  return db
    .selectFrom('uploads')
    .innerJoin('repositories', 'repositories.id', 'uploads.repository_id')
    .select([
      'uploads.id',
      'uploads.store_id as storeId',
      'uploads.location',
      'uploads.offset_bytes as offsetBytes',
    ])
    .where('repositories.feed_id', '=', input.feedId)
    .where('uploads.state', '=', 'open')
    .where('uploads.last_progress', '<=', sql<number>`${nowMsOnce} - ${input.idleMs}`)
    .where('uploads.id', '>', input.after)
    .orderBy('uploads.id')
    .limit(input.limit)
    .execute()
}

/** Forgets purged uploads whose bytes are gone. */
export async function deletePurgedUploads(
  trx: Queries,
  input: { readonly ids: readonly string[] },
): Promise<void> {
  if (input.ids.length === 0) return
  await trx
    .deleteFrom('uploads')
    .where('id', 'in', input.ids)
    .where('state', '=', 'purging')
    .execute()
}
