import { sql } from 'kysely'
import {
  type Candidate,
  type CandidateCursor,
  type KeptCandidate,
  listDueCandidates,
  noteCandidates,
  settleCandidates,
} from './candidates.ts'
import type { Queries } from './database.ts'
import { lockRepository } from './repositories.ts'
import { hasRowLocks, nowMs } from './sql.ts'

export interface LinkCleanup {
  readonly repositoryId: number
  readonly graceMs: number
  readonly limit: number
  readonly after: CandidateCursor | null
}

export interface LinkCleanupOutcome {
  /** Candidates that were read; fewer than `limit` at the end. */
  readonly looked: number
  /** Digests of the links that went, or would go. */
  readonly removed: readonly string[]
  /** The last candidate that was read. */
  readonly last: CandidateCursor | null
}

interface Judged {
  readonly digest: string
  readonly storeId: number
  /** Null: it goes; a time: not before that. */
  readonly due: number | null
}

/**
 * Takes links that no manifest of the repository refers to, once they have been so, without a
 * lease, for the whole grace time. Throws NAME_UNKNOWN when the repository is gone.
 */
export async function cleanLinks(trx: Queries, input: LinkCleanup): Promise<LinkCleanupOutcome> {
  const { repositoryId } = input
  await lockRepository(trx, repositoryId)
  const read = await listDueCandidates(trx, { ...input, kind: 'link', scopeId: repositoryId })
  const digests = digestsOf(read)
  await lockLinks(trx, repositoryId, digests)
  const judged = await judge(trx, input, digests)
  const going = judged.filter(({ due }) => due === null)
  await deleteUnused(trx, repositoryId, going)
  const kept = judged.flatMap(({ digest, due }): KeptCandidate[] =>
    due === null ? [] : [{ digest, due }],
  )
  await settleCandidates(trx, { kind: 'link', scopeId: repositoryId, read, kept })
  return outcomeOf(read, going)
}

/** What `cleanLinks` would take now: judged without locks, nothing is changed. */
export async function previewLinks(db: Queries, input: LinkCleanup): Promise<LinkCleanupOutcome> {
  const scope = { ...input, kind: 'link', scopeId: input.repositoryId } as const
  const read = await listDueCandidates(db, scope)
  const judged = await judge(db, input, digestsOf(read))
  return outcomeOf(
    read,
    judged.filter(({ due }) => due === null),
  )
}

function digestsOf(read: readonly Candidate[]): string[] {
  return [...new Set(read.map(({ digest }) => digest))].sort()
}

function outcomeOf(read: readonly Candidate[], going: readonly Judged[]): LinkCleanupOutcome {
  const last = read.at(-1) ?? null
  return { looked: read.length, removed: going.map(({ digest }) => digest), last }
}

/** Blobs before links, each by digest. HEAD and keep-alive renew leases without the repository. */
async function lockLinks(trx: Queries, repositoryId: number, digests: readonly string[]) {
  if (digests.length === 0 || !hasRowLocks(trx)) return
  const links = trx
    .selectFrom('links')
    .select(['store_id', 'digest'])
    .where('repository_id', '=', repositoryId)
    .where('digest', 'in', digests)
    .orderBy('digest')
  const rows = await links.execute()
  for (const storeId of [...new Set(rows.map((row) => row.store_id))].sort((a, b) => a - b)) {
    const inStore = rows.filter((row) => row.store_id === storeId).map((row) => row.digest)
    await trx
      .selectFrom('blobs')
      .select('digest')
      .where('store_id', '=', storeId)
      .where('digest', 'in', inStore)
      .orderBy('digest')
      .forNoKeyUpdate()
      .execute()
  }
  await links.forUpdate().execute()
}

/** Of those that are there and unused: whether they go. */
async function judge(
  db: Queries,
  { repositoryId, graceMs }: LinkCleanup,
  digests: readonly string[],
): Promise<Judged[]> {
  if (digests.length === 0) return []
  const rows = await db
    .selectFrom('links')
    .select(['digest', 'store_id as storeId', 'lease_until as leaseUntil'])
    .select(sql<number>`${nowMs}`.as('now'))
    .where('repository_id', '=', repositoryId)
    .where('digest', 'in', digests)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('manifest_blobs')
            .select('manifest_id')
            .whereRef('manifest_blobs.repository_id', '=', 'links.repository_id')
            .whereRef('manifest_blobs.digest', '=', 'links.digest'),
        ),
      ),
    )
    .orderBy('digest')
    .execute()
  return rows.map(({ digest, storeId, leaseUntil, now }) => ({
    digest,
    storeId,
    due: leaseUntil + graceMs < now ? null : leaseUntil + graceMs,
  }))
}

async function deleteUnused(trx: Queries, repositoryId: number, going: readonly Judged[]) {
  if (going.length === 0) return
  const digests = going.map(({ digest }) => digest)
  await trx
    .deleteFrom('links')
    .where('repository_id', '=', repositoryId)
    .where('digest', 'in', digests)
    .execute()
  for (const storeId of new Set(going.map((each) => each.storeId))) {
    const inStore = going.filter((each) => each.storeId === storeId)
    await noteCandidates(trx, {
      kind: 'blob',
      scopeId: storeId,
      digests: inStore.map(({ digest }) => digest),
      dueInMs: 0,
    })
  }
}
