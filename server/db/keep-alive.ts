import { sql } from 'kysely'
import type { Queries } from './database.ts'
import { fromNow, maxPromiseMs } from './lease.ts'
import { type Params, prepared } from './prepared.ts'
import { chunksOf, nowMs, nowMsOnce } from './sql.ts'
import type { Holder } from './uploads.ts'

/** Leases that were held when the upload began, of which half is spent, promised within a day. */
function selectStale(db: Queries, table: 'links' | 'manifests', p: Params<StaleLeases>) {
  return db
    .selectFrom(table)
    .select('digest')
    .where('repository_id', '=', p.repositoryId)
    .where('lease_until', '>=', p.leasedSince)
    .where('lease_until', '<', sql<number>`${nowMsOnce} + ${p.halfGraceMs}`)
    .where('promised_at', '>', sql<number>`${nowMsOnce} - ${sql.lit(maxPromiseMs)}`)
}

const staleLinks = prepared((db, p: Params<StaleLeases>) =>
  selectStale(db, 'links', p).orderBy('digest').forNoKeyUpdate(),
)
const staleManifests = prepared((db, p: Params<StaleLeases>) =>
  selectStale(db, 'manifests', p).orderBy('digest').forNoKeyUpdate(),
)
const anyStaleLink = prepared((db, p: Params<StaleLeases>) =>
  selectStale(db, 'links', p).limit(sql.lit(1)),
)
const anyStaleManifest = prepared((db, p: Params<StaleLeases>) =>
  selectStale(db, 'manifests', p).limit(sql.lit(1)),
)

interface StaleLeases {
  readonly repositoryId: number
  /** `started_at - grace`: what was leased when the upload began. */
  readonly leasedSince: number
  readonly halfGraceMs: number
}

export interface KeepAlive extends Holder {
  readonly repositoryId: number
  readonly startedAt: number
  readonly graceMs: number
}

/**
 * Renews the leases of the repository that were held when the upload began, so that an hour-long
 * layer does not cost the ones before it. False: the upload has another writer, or is gone.
 */
export async function keepUploadAlive(trx: Queries, input: KeepAlive): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('uploads')
    .set({ last_progress: nowMs })
    .where('id', '=', input.id)
    .where('epoch', '=', input.epoch)
    .where('state', '=', 'open')
    .executeTakeFirstOrThrow()
  if (numUpdatedRows === 0n) return false
  const stale = staleLeases(input)
  // Exactly the rows that were locked are updated: a condition on time would lock others.
  const lease = { lease_until: fromNow(input.graceMs) }
  const links = (await staleLinks.list(trx, stale)).map((row) => row.digest)
  for (const digests of chunksOf(links)) {
    await trx
      .updateTable('links')
      .set(lease)
      .where('repository_id', '=', input.repositoryId)
      .where('digest', 'in', digests)
      .execute()
  }
  const manifests = (await staleManifests.list(trx, stale)).map((row) => row.digest)
  for (const digests of chunksOf(manifests)) {
    await trx
      .updateTable('manifests')
      .set(lease)
      .where('repository_id', '=', input.repositoryId)
      .where('digest', 'in', digests)
      .execute()
  }
  return true
}

/** Whether keep-alive would renew anything: a read, so that a short upload writes nothing for it. */
export async function needsKeepAlive(db: Queries, input: KeepAlive): Promise<boolean> {
  const stale = staleLeases(input)
  return (
    (await anyStaleLink.find(db, stale)) !== undefined ||
    (await anyStaleManifest.find(db, stale)) !== undefined
  )
}

function staleLeases(input: KeepAlive): StaleLeases {
  return {
    repositoryId: input.repositoryId,
    leasedSince: input.startedAt - input.graceMs,
    halfGraceMs: Math.floor(input.graceMs / 2),
  }
}
