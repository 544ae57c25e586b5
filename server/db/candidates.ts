import { sql } from 'kysely'
import type { Queries } from './database.ts'
import { fromNow } from './lease.ts'
import { type Params, prepared } from './prepared.ts'
import { chunksOf, nowMsOnce } from './sql.ts'

export type CandidateKind = 'link' | 'manifest' | 'blob'

interface Candidates {
  readonly kind: CandidateKind
  /** Repository for links and manifests, store for blobs. */
  readonly scopeId: number
  readonly digests: readonly string[]
  /** When clean-up may look at them, from now. */
  readonly dueInMs: number
}

type NewCandidate = Omit<Candidates, 'digests'> & { readonly digest: string }

const insertOne = prepared((db, p: Params<NewCandidate>) =>
  db
    .insertInto('candidates')
    .values({ kind: p.kind, scope_id: p.scopeId, digest: p.digest, due: fromNow(p.dueInMs) }),
)

/** Tells clean-up what to look at, in the transaction that gives the reason. Append-only. */
export async function noteCandidates(trx: Queries, candidates: Candidates): Promise<void> {
  const { kind, scopeId, digests, dueInMs } = candidates
  const [digest, ...others] = digests
  if (digest !== undefined && others.length === 0) {
    await insertOne.run(trx, { kind, scopeId, digest, dueInMs })
    return
  }
  for (const chunk of chunksOf(digests)) {
    const due = fromNow(dueInMs)
    const values = chunk.map((digest) => ({ kind, scope_id: scopeId, digest, due }))
    await trx.insertInto('candidates').values(values).execute()
  }
}

/** Something that clean-up has to look at. */
export interface Candidate {
  readonly id: number
  readonly digest: string
  readonly due: number
}

/** Where to go on in a list that goes by `due`, then by `id`. */
export type CandidateCursor = Pick<Candidate, 'id' | 'due'>

export interface CandidatePick {
  readonly kind: CandidateKind
  readonly scopeId: number
  readonly limit: number
  /** Those that were looked at in this run and stay. */
  readonly after: CandidateCursor | null
}

interface Scope {
  readonly kind: CandidateKind
  readonly scopeId: number
  readonly limit: number
}

const firstDue = prepared((db, p: Params<Scope>) => dueIn(db, p))
const nextDue = prepared((db, p: Params<Scope & CandidateCursor>) =>
  dueIn(db, p).where(sql<boolean>`(due, id) > (${p.due}, ${p.id})`),
)

function dueIn(db: Queries, p: Params<Scope>) {
  return db
    .selectFrom('candidates')
    .select(['id', 'digest', 'due'])
    .where('kind', '=', p.kind)
    .where('scope_id', '=', p.scopeId)
    .where('due', '<', nowMsOnce)
    .orderBy('due')
    .orderBy('id')
    .limit(p.limit)
}

/** What is due of one repository or store, the longest due first. */
export async function listDueCandidates(db: Queries, pick: CandidatePick): Promise<Candidate[]> {
  const { kind, scopeId, limit, after } = pick
  const scope = { kind, scopeId, limit }
  return after === null ? firstDue.list(db, scope) : nextDue.list(db, { ...scope, ...after })
}

const nextScope = prepared((db, p: Params<{ kind: CandidateKind; after: number }>) =>
  db
    .selectFrom('candidates')
    .select('scope_id as scopeId')
    .where('kind', '=', p.kind)
    .where('scope_id', '>', p.after)
    .orderBy('scope_id')
    .limit(sql.lit(1)),
)

/** The next repository or store of which clean-up was told something, due or not. */
export async function findNextScope(
  db: Queries,
  input: { readonly kind: CandidateKind; readonly after: number },
): Promise<number | undefined> {
  return (await nextScope.find(db, input))?.scopeId
}

/** Looked at again when the lease is over for the whole grace time. */
export interface KeptCandidate {
  readonly digest: string
  readonly due: number
}

/** Forgets exactly what was read, and notes again what is only not due yet. */
export async function settleCandidates(
  trx: Queries,
  input: {
    readonly kind: CandidateKind
    readonly scopeId: number
    readonly read: readonly Candidate[]
    readonly kept: readonly KeptCandidate[]
  },
): Promise<void> {
  const { kind, scopeId, read, kept } = input
  for (const chunk of chunksOf(kept)) {
    const values = chunk.map((each) => ({ kind, scope_id: scopeId, ...each }))
    await trx.insertInto('candidates').values(values).execute()
  }
  for (const chunk of chunksOf(read)) {
    const ids = chunk.map(({ id }) => id)
    await trx.deleteFrom('candidates').where('id', 'in', ids).execute()
  }
}

/** Forgets up to `limit` candidates of a repository that is gone; how many. */
export async function forgetScope(
  trx: Queries,
  input: { readonly repositoryId: number; readonly limit: number },
): Promise<number> {
  const repository = await trx
    .selectFrom('repositories')
    .select('id')
    .where('id', '=', input.repositoryId)
    .executeTakeFirst()
  if (repository !== undefined) return 0
  const rows = await trx
    .selectFrom('candidates')
    .select('id')
    .where('kind', 'in', ['link', 'manifest'])
    .where('scope_id', '=', input.repositoryId)
    .limit(input.limit)
    .execute()
  const ids = rows.map(({ id }) => id)
  if (ids.length > 0) await trx.deleteFrom('candidates').where('id', 'in', ids).execute()
  return ids.length
}
