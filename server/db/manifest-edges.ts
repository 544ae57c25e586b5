import type { Queries } from './database.ts'
import type { ManifestBlobRow } from './schema.ts'
import { chunksOf } from './sql.ts'

/** What a manifest refers to, as found in its repository. */
export interface References {
  /** Blobs that get an edge, by digest. */
  readonly blobs: ReadonlyMap<string, ManifestBlobRow['role']>
  readonly children: readonly { readonly id: number; readonly digest: string }[]
  /** Blobs or manifests that are not here yet, by digest. */
  readonly wanted: ReadonlyMap<string, ManifestBlobRow['role']>
}

/** The manifest's edges to blobs and children, and what it still waits for. */
export async function insertEdges(
  trx: Queries,
  manifest: { readonly id: number; readonly repositoryId: number },
  references: References,
) {
  const key = { manifest_id: manifest.id, repository_id: manifest.repositoryId }
  for (const chunk of chunksOf([...references.blobs])) {
    await trx
      .insertInto('manifest_blobs')
      .values(chunk.map(([digest, role]) => ({ ...key, digest, role })))
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }
  for (const chunk of chunksOf(references.children)) {
    await trx
      .insertInto('manifest_children')
      .values(chunk.map((child) => ({ parent_id: manifest.id, child_id: child.id })))
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }
  await trx.deleteFrom('wanted').where('manifest_id', '=', manifest.id).execute()
  for (const chunk of chunksOf([...references.wanted])) {
    await trx
      .insertInto('wanted')
      .values(chunk.map(([digest, role]) => ({ ...key, digest, role })))
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }
}

/**
 * Indexes that have this manifest as a child get their edge: sparse ones that waited for it, and
 * those that came while the repository had its bytes as a blob. The latter keep the blob too.
 */
export async function becomeChild(
  trx: Queries,
  child: { readonly id: number; readonly repositoryId: number; readonly digest: string },
) {
  const waiting = await parentsIn(trx, 'wanted', child)
  const holding = await parentsIn(trx, 'manifest_blobs', child)
  for (const chunk of chunksOf([...waiting, ...holding])) {
    await trx
      .insertInto('manifest_children')
      .values(chunk.map((parent) => ({ parent_id: parent.manifest_id, child_id: child.id })))
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }
  if (waiting.length === 0) return
  await trx
    .deleteFrom('wanted')
    .where('repository_id', '=', child.repositoryId)
    .where('digest', '=', child.digest)
    .where('role', '=', 'child')
    .execute()
}

function parentsIn(
  trx: Queries,
  table: 'wanted' | 'manifest_blobs',
  child: { readonly repositoryId: number; readonly digest: string },
) {
  return trx
    .selectFrom(table)
    .select('manifest_id')
    .where('repository_id', '=', child.repositoryId)
    .where('digest', '=', child.digest)
    .where('role', '=', 'child')
    .execute()
}
