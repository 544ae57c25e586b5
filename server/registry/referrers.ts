import type { Db } from '../db/database.ts'
import { findAnnotations, listReferrers, type Referrer } from '../db/manifests.ts'
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

export interface AnnotatedReferrer extends Referrer {
  /** JSON object or null. */
  readonly annotations: string | null
}

/** Clients cap such answers at 4 MiB; annotations can be as long as a manifest. */
const maxPageBytes = 3 * 1024 * 1024
/** What a descriptor takes beside its annotations, at the most. */
const descriptorBytes = 700
/** Read at a time, without annotations. */
const batchSize = 100

/**
 * Manifests that have the subject, by digest. Empty, never an error, for a subject or repository
 * that is not there (OCI distribution-spec, "Listing Referrers"). A page holds what fits an
 * answer: 3 MiB, or one referrer that is larger. Nothing else of the annotations is read.
 */
export async function pageReferrers(
  { db }: { db: Db },
  query: ReferrersQuery,
  page: Page,
): Promise<Listed<AnnotatedReferrer>> {
  const row = await findRepository(db.read, query.feed.id, query.repository)
  if (!row) return { items: [], next: null }
  const rows = await readWithin(db, { ...query, repositoryId: row.id }, page)
  const { items, next } = cut(rows, Math.min(page.count, fitting(rows)), ({ digest }) => digest)
  return { items: await annotate(db, row.id, items), next }
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
export function fitting(rows: readonly Referrer[]): number {
  let bytes = 0
  const over = rows.findIndex((row) => {
    bytes += descriptorBytes + row.annotationsBytes
    return bytes > maxPageBytes
  })
  return over < 0 ? rows.length : Math.max(1, over)
}

/** One row after the other. What was deleted meanwhile is left out. */
async function annotate(
  db: Db,
  repositoryId: number,
  referrers: readonly Referrer[],
): Promise<AnnotatedReferrer[]> {
  const annotated: AnnotatedReferrer[] = []
  for (const referrer of referrers) {
    const { digest, annotationsBytes } = referrer
    const annotations =
      annotationsBytes === 0 ? null : await findAnnotations(db.read, { repositoryId, digest })
    if (annotations !== undefined) annotated.push({ ...referrer, annotations })
  }
  return annotated
}
