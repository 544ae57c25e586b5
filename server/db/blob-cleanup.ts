import { type CandidateCursor, listDueCandidates, settleCandidates } from './candidates.ts'
import type { Queries } from './database.ts'
import { hasRowLocks, nowMs } from './sql.ts'

export interface BlobCleanup {
  readonly storeId: number
  readonly limit: number
  readonly after: CandidateCursor | null
}

export interface BlobCleanupOutcome {
  /** Candidates that were read; fewer than `limit` at the end. */
  readonly looked: number
  readonly removed: readonly RemovedBlob[]
  readonly last: CandidateCursor | null
}

export interface RemovedBlob {
  readonly digest: string
  readonly location: string
  readonly sizeBytes: number
}

/**
 * Takes blobs that no repository links any more. Their bytes are freed a grace time later, so that
 * readers finish; a push that comes now uploads anew, to a new location.
 */
export async function cleanBlobs(trx: Queries, input: BlobCleanup): Promise<BlobCleanupOutcome> {
  const { storeId } = input
  const read = await listDueCandidates(trx, { ...input, kind: 'blob', scopeId: storeId })
  const removed = await lockUnlinked(trx, storeId, digestsOf(read))
  if (removed.length > 0) {
    await trx
      .deleteFrom('blobs')
      .where('store_id', '=', storeId)
      .where('digest', 'in', digestsOf(removed))
      .execute()
    const since = nowMs
    await trx
      .insertInto('freed_locations')
      .values(
        removed.map(({ location, sizeBytes }) => ({
          ...{ store_id: storeId, location, since, size_bytes: sizeBytes },
        })),
      )
      .execute()
  }
  await settleCandidates(trx, { kind: 'blob', scopeId: storeId, read, kept: [] })
  return { looked: read.length, removed, last: read.at(-1) ?? null }
}

/** What `cleanBlobs` would take now: judged without locks, nothing is changed. */
export async function previewBlobs(db: Queries, input: BlobCleanup): Promise<BlobCleanupOutcome> {
  const read = await listDueCandidates(db, { ...input, kind: 'blob', scopeId: input.storeId })
  const removed = await listUnlinked(db, input.storeId, digestsOf(read))
  return { looked: read.length, removed, last: read.at(-1) ?? null }
}

function digestsOf(rows: readonly { readonly digest: string }[]): string[] {
  return [...new Set(rows.map(({ digest }) => digest))].sort()
}

async function listUnlinked(
  db: Queries,
  storeId: number,
  digests: readonly string[],
): Promise<RemovedBlob[]> {
  if (digests.length === 0) return []
  return db
    .selectFrom('blobs')
    .select(['digest', 'location', 'size_bytes as sizeBytes'])
    .where('store_id', '=', storeId)
    .where('digest', 'in', digests)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('links')
            .select('links.digest')
            .whereRef('links.store_id', '=', 'blobs.store_id')
            .whereRef('links.digest', '=', 'blobs.digest'),
        ),
      ),
    )
    .orderBy('digest')
    .execute()
}

async function lockUnlinked(
  trx: Queries,
  storeId: number,
  digests: readonly string[],
): Promise<RemovedBlob[]> {
  const seen = await listUnlinked(trx, storeId, digests)
  if (seen.length === 0 || !hasRowLocks(trx)) return seen
  await trx
    .selectFrom('blobs')
    .select('digest')
    .where('store_id', '=', storeId)
    .where('digest', 'in', digestsOf(seen))
    .orderBy('digest')
    .forUpdate()
    .execute()
  // A mount or a commit that held the row has ended: what it linked is seen now.
  return listUnlinked(trx, storeId, digestsOf(seen))
}
