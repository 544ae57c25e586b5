import { sql } from 'kysely'
import {
  type Candidate,
  type CandidateCursor,
  type KeptCandidate,
  listDueCandidates,
  settleCandidates,
} from './candidates.ts'
import type { Queries } from './database.ts'
import { removeManifest } from './manifest-deletion.ts'
import { findRelatives, isUnlisted, lockRelatives, type Relatives } from './manifest-relatives.ts'
import { lockRepository } from './repositories.ts'
import { nowMs } from './sql.ts'

export interface OrphanCleanup {
  readonly repositoryId: number
  readonly graceMs: number
  readonly limit: number
  readonly after: CandidateCursor | null
  readonly by: string
}

export interface OrphanCleanupOutcome {
  /** Candidates that were read; fewer than `limit` at the end. */
  readonly looked: number
  readonly removed: readonly string[]
  readonly last: CandidateCursor | null
}

/** Null: there is nothing to do about it; `due`: not before that. */
type Verdict = 'goes' | { readonly due: number } | null

/**
 * Deletes manifests that have been orphans, without a lease, for the whole grace time. All that
 * they touch is locked first, for the whole batch in one order. Throws NAME_UNKNOWN when the
 * repository is gone.
 */
export async function cleanOrphans(
  trx: Queries,
  input: OrphanCleanup,
): Promise<OrphanCleanupOutcome> {
  const { repositoryId } = input
  const repository = await lockRepository(trx, repositoryId)
  const read = await listDueCandidates(trx, { ...input, kind: 'manifest', scopeId: repositoryId })
  const found: { digest: string; relatives: Relatives }[] = []
  for (const digest of digestsOf(read)) {
    const relatives = await findRelatives(trx, { repositoryId, digest })
    if (relatives) found.push({ digest, relatives })
  }
  await lockRelatives(trx, repositoryId, found)
  const removed: string[] = []
  const kept: KeptCandidate[] = []
  for (const { digest, relatives } of found) {
    const verdict = await judge(trx, input, digest)
    if (verdict === 'goes') {
      await removeManifest(trx, { ...input, digest }, { relatives, repository })
      removed.push(digest)
    } else if (verdict) kept.push({ digest, due: verdict.due })
  }
  await settleCandidates(trx, { kind: 'manifest', scopeId: repositoryId, read, kept })
  return { looked: read.length, removed, last: read.at(-1) ?? null }
}

/** What `cleanOrphans` would take now: judged without locks, nothing is changed. */
export async function previewOrphans(
  db: Queries,
  input: Omit<OrphanCleanup, 'by'>,
): Promise<OrphanCleanupOutcome> {
  const scope = { ...input, kind: 'manifest', scopeId: input.repositoryId } as const
  const read = await listDueCandidates(db, scope)
  const removed: string[] = []
  for (const digest of digestsOf(read)) {
    if ((await judge(db, input, digest)) === 'goes') removed.push(digest)
  }
  return { looked: read.length, removed, last: read.at(-1) ?? null }
}

function digestsOf(read: readonly Candidate[]): string[] {
  return [...new Set(read.map(({ digest }) => digest))].sort()
}

async function judge(
  db: Queries,
  { repositoryId, graceMs }: Omit<OrphanCleanup, 'by'>,
  digest: string,
): Promise<Verdict> {
  const row = await db
    .selectFrom('manifests')
    .select(['orphaned_since as orphanedSince', 'lease_until as leaseUntil'])
    .select(sql<number>`${nowMs}`.as('now'))
    .where('repository_id', '=', repositoryId)
    .where('digest', '=', digest)
    .where(isUnlisted)
    .executeTakeFirst()
  if (row === undefined || row.orphanedSince === null) return null
  const due = Math.max(row.orphanedSince, row.leaseUntil) + graceMs
  return due < row.now ? 'goes' : { due }
}
