import type { Queries } from './database.ts'
import { fromNow } from './lease.ts'
import { type Params, prepared } from './prepared.ts'
import { chunksOf } from './sql.ts'

interface Candidates {
  readonly kind: 'link' | 'manifest' | 'blob'
  /** Repository for links and manifests, store for blobs. */
  readonly scopeId: number
  readonly digests: readonly string[]
  /** When clean-up may look at them, from now. */
  readonly dueInMs: number
}

type Candidate = Omit<Candidates, 'digests'> & { readonly digest: string }

const insertOne = prepared((db, p: Params<Candidate>) =>
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
