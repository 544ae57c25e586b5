import { sql } from 'kysely'
import type { Queries } from './database.ts'
import { forgetFacts } from './manifest-facts.ts'
import { type Params, prepared } from './prepared.ts'
import { preparedList } from './prepared-lists.ts'
import type { ManifestBlobRow } from './schema.ts'

/** What a manifest refers to, as found in its repository. */
export interface References {
  /** Blobs that get an edge, by digest. */
  readonly blobs: ReadonlyMap<string, ManifestBlobRow['role']>
  readonly children: readonly { readonly id: number; readonly digest: string }[]
  /** Blobs or manifests that are not here yet, by digest. */
  readonly wanted: ReadonlyMap<string, ManifestBlobRow['role']>
}

interface Edge {
  readonly id: number
  readonly repositoryId: number
}

interface Target {
  readonly digest: string
  readonly role: ManifestBlobRow['role']
}

const insertBlobs = preparedList((db, p: Params<Edge>, items: readonly Params<Target>[]) =>
  db
    .insertInto('manifest_blobs')
    .values(items.map((item) => rowOf(p, item)))
    .onConflict((conflict) => conflict.doNothing()),
)

const insertWanted = preparedList((db, p: Params<Edge>, items: readonly Params<Target>[]) =>
  db
    .insertInto('wanted')
    .values(items.map((item) => rowOf(p, item)))
    .onConflict((conflict) => conflict.doNothing()),
)

function rowOf(p: Params<Edge>, item: Params<Target>) {
  return {
    manifest_id: p.id,
    repository_id: p.repositoryId,
    digest: item.digest,
    role: item.role,
  }
}

const insertChildren = preparedList(
  (db, _: Params<object>, items: readonly Params<{ parentId: number; childId: number }>[]) =>
    db
      .insertInto('manifest_children')
      .values(items.map((item) => ({ parent_id: item.parentId, child_id: item.childId })))
      .onConflict((conflict) => conflict.doNothing()),
)

const dropWanted = prepared((db, p: Params<{ id: number }>) =>
  db.deleteFrom('wanted').where('manifest_id', '=', p.id),
)

/** The manifest's edges to blobs and children, and what it still waits for. */
export async function insertEdges(trx: Queries, manifest: Edge, references: References) {
  const { id, repositoryId } = manifest
  const key = { id, repositoryId }
  await insertBlobs.run(trx, key, targetsOf(references.blobs))
  const children = references.children.map((child) => ({ parentId: id, childId: child.id }))
  await insertChildren.run(trx, {}, children)
  await dropWanted.run(trx, { id })
  await insertWanted.run(trx, key, targetsOf(references.wanted))
}

function targetsOf(targets: ReadonlyMap<string, ManifestBlobRow['role']>): Target[] {
  return [...targets].map(([digest, role]) => ({ digest, role }))
}

interface Child extends Edge {
  readonly digest: string
}

const dropWantedChild = prepared((db, p: Params<Omit<Child, 'id'>>) =>
  db
    .deleteFrom('wanted')
    .where('repository_id', '=', p.repositoryId)
    .where('digest', '=', p.digest)
    .where('role', '=', sql.lit('child')),
)

/**
 * Indexes that have this manifest as a child get their edge: sparse ones that waited for it, and
 * those that came while the repository had its bytes as a blob. The latter keep the blob too.
 */
export async function becomeChild(trx: Queries, child: Child) {
  const waiting = await waitingParents.list(trx, child)
  const holding = await holdingParents.list(trx, child)
  const edges = [...waiting, ...holding].map((parent) => ({
    parentId: parent.manifest_id,
    childId: child.id,
  }))
  await insertChildren.run(trx, {}, edges)
  if (waiting.length === 0) return
  await dropWantedChild.run(trx, child)
  await forgetFacts(
    trx,
    waiting.map((parent) => parent.manifest_id),
  )
}

const waitingParents = prepared((db, p: Params<Omit<Child, 'id'>>) => parentsIn(db, 'wanted', p))
const holdingParents = prepared((db, p: Params<Omit<Child, 'id'>>) =>
  parentsIn(db, 'manifest_blobs', p),
)

function parentsIn(
  db: Queries,
  table: 'wanted' | 'manifest_blobs',
  child: Params<Omit<Child, 'id'>>,
) {
  return db
    .selectFrom(table)
    .select('manifest_id')
    .where('repository_id', '=', child.repositoryId)
    .where('digest', '=', child.digest)
    .where('role', '=', sql.lit('child'))
}
