import { sql } from 'kysely'
import type { Queries } from './database.ts'
import { selectReferencedBlobs } from './manifest-references.ts'
import { type Params, prepared } from './prepared.ts'
import { chunksOf } from './sql.ts'

/** What is looked up of a manifest once it is there, and kept: its platforms and whole size. */
export interface ManifestFacts {
  readonly id: number
  /** `linux/amd64,linux/arm64/v8`; empty: none is known. */
  readonly platforms: string
}

const unexamined = prepared((db, p: Params<{ after: number; count: number }>) =>
  db
    .selectFrom('manifests')
    .select('id')
    .where('examined', '=', sql.lit(0))
    .where('id', '>', p.after)
    .orderBy('id')
    .limit(p.count),
)

/** Manifests whose facts are not known, the oldest first, with a greater id than `after`. */
export async function listUnexamined(
  db: Queries,
  page: { readonly after: number; readonly count: number },
): Promise<number[]> {
  return (await unexamined.list(db, page)).map(({ id }) => id)
}

const configBlob = prepared((db, p: Params<{ id: number }>) =>
  selectReferencedBlobs(db)
    .select(['blobs.store_id as storeId', 'blobs.location', 'blobs.size_bytes as sizeBytes'])
    .where('manifest_blobs.manifest_id', '=', p.id)
    .where('manifest_blobs.role', '=', sql.lit('config'))
    .where('blobs.state', '=', sql.lit('live')),
)

/** Where the manifest's config is; undefined when it has none, or it is damaged. */
export function findConfigBlob(
  db: Queries,
  id: number,
): Promise<
  { readonly storeId: number; readonly location: string; readonly sizeBytes: number } | undefined
> {
  return configBlob.find(db, { id })
}

const record = prepared((db, p: Params<ManifestFacts>) =>
  db
    .updateTable('manifests')
    .set({ examined: sql.lit(1), platforms: p.platforms })
    .where('id', '=', p.id),
)

/**
 * Bytes of a manifest and all below it, each digest once. Four levels are more than anybody has.
 * The joins are written crosswise because SQLite keeps their order then: it cannot know how short
 * the tree is, and would go through all references of all manifests.
 */
const measure = prepared((db, p: Params<{ id: number }>) =>
  db
    .updateTable('manifests')
    .set({
      total_bytes: sql<number>`(
        with recursive tree (id, depth) as (
          select cast(${p.id} as bigint), 0
          union
          select c.child_id, tree.depth + 1 from tree
          cross join manifest_children c where c.parent_id = tree.id and tree.depth < 4),
        parts (digest, size_bytes) as (
          select m.digest, m.size_bytes from tree cross join manifests m where m.id = tree.id
          union
          select b.digest, b.size_bytes from tree
          cross join manifest_blobs e cross join links l cross join blobs b
          where e.manifest_id = tree.id
            and l.repository_id = e.repository_id and l.digest = e.digest
            and b.store_id = l.store_id and b.digest = l.digest)
        select cast(sum(size_bytes) as bigint) from parts)`,
    })
    .where('id', '=', p.id),
)

/**
 * Keeps facts, and measures. First all are marked: whoever adds something below one of them
 * meanwhile waits for this, or this for them, and then sees it.
 */
export async function recordFacts(
  trx: Queries,
  input: { readonly facts: readonly ManifestFacts[] },
): Promise<void> {
  const facts = [...input.facts].sort((a, b) => a.id - b.id)
  for (const each of facts) await record.run(trx, each)
  for (const { id } of facts) await measure.run(trx, { id })
}

/** What is below these changed: they, and the indexes that list them, are looked at again. */
export async function forgetFacts(trx: Queries, ids: readonly number[]): Promise<void> {
  for (const chunk of chunksOf(ids)) {
    const parents = await trx
      .selectFrom('manifest_children')
      .select('parent_id')
      .where('child_id', 'in', chunk)
      .execute()
    await unmark(trx, [...chunk, ...parents.map((row) => row.parent_id)])
  }
}

async function unmark(trx: Queries, ids: readonly number[]): Promise<void> {
  for (const chunk of chunksOf([...new Set(ids)].sort((a, b) => a - b))) {
    await trx.updateTable('manifests').set({ examined: 0 }).where('id', 'in', chunk).execute()
  }
}

export interface KnownFacts {
  readonly id: number
  readonly examined: 0 | 1
  readonly platforms: string | null
  readonly totalBytes: number | null
}

/** What is known of these manifests; those that are gone are left out. */
export async function listFacts(db: Queries, ids: readonly number[]): Promise<KnownFacts[]> {
  const found: KnownFacts[] = []
  for (const chunk of chunksOf(ids)) {
    const rows = await db
      .selectFrom('manifests')
      .select(['id', 'examined', 'platforms', 'total_bytes as totalBytes'])
      .where('id', 'in', chunk)
      .execute()
    found.push(...rows)
  }
  return found
}
