import type { Db } from '../db/database.ts'
import { listReferrers, type Referrer } from '../db/manifests.ts'
import { findRepository } from '../db/repositories.ts'
import type { Digest } from '../domain/digest.ts'
import type { RepositoryName } from '../domain/reference.ts'
import type { Feed } from './feeds.ts'
import { cut, type Listed, type Page } from './tags.ts'

export interface ReferrersQuery {
  readonly feed: Feed
  readonly repository: RepositoryName
  readonly subject: Digest
  readonly artifactType: string | null
}

/** Clients cap such answers at 4 MiB; annotations can be as long as a manifest. */
const maxPageBytes = 3 * 1024 * 1024
/** What a descriptor takes beside its annotations, at the most. */
const descriptorBytes = 700
/** Read at a time: each may carry 4 MiB. */
const batchSize = 20

/**
 * Manifests that have the subject, by digest. Empty, never an error, for a subject or repository
 * that is not there (OCI distribution-spec, "Listing Referrers").
 */
export async function pageReferrers(
  { db }: { db: Db },
  query: ReferrersQuery,
  page: Page,
): Promise<Listed<Referrer>> {
  const row = await findRepository(db.read, query.feed.id, query.repository)
  if (!row) return { items: [], next: null }
  const rows = await readWithin(db, { ...query, repositoryId: row.id }, page)
  return cut(rows, Math.min(page.count, fitting(rows)), (referrer) => referrer.digest)
}

/** Reads on in small batches until there is one more than asked for, or than fits. */
async function readWithin(
  db: Db,
  query: ReferrersQuery & { readonly repositoryId: number },
  { after, count }: Page,
): Promise<Referrer[]> {
  const { repositoryId, subject, artifactType } = query
  const rows: Referrer[] = []
  for (;;) {
    const batch = await listReferrers(db.read, {
      repositoryId,
      subject,
      artifactType,
      after: rows.at(-1)?.digest ?? after,
      count: Math.min(batchSize, count + 1 - rows.length),
    })
    rows.push(...batch)
    if (batch.length < batchSize || rows.length > count || fitting(rows) < rows.length) return rows
  }
}

/** How many of them fit one answer; at least one. */
function fitting(rows: readonly Referrer[]): number {
  let bytes = 0
  const over = rows.findIndex((row) => {
    bytes += descriptorBytes + Buffer.byteLength(row.annotations ?? '')
    return bytes > maxPageBytes
  })
  return over < 0 ? rows.length : Math.max(1, over)
}
