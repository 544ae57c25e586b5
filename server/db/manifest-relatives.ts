import type { ExpressionBuilder } from 'kysely'
import type { Queries } from './database.ts'
import type { Schema } from './schema.ts'
import { listSignatures } from './signatures.ts'
import { chunksOf } from './sql.ts'

interface Relative {
  readonly id: number
  readonly digest: string
}

/** What the deletion of a manifest touches. */
export interface Relatives {
  readonly id: number
  /** Indexes that list it; all of them only for a deletion that is forced. */
  readonly parents: readonly Relative[]
  readonly blobs: readonly string[]
  /** Children, referrers and signatures. */
  readonly dependants: readonly Relative[]
  /** Tags of cosign's that speak of it. */
  readonly signatures: readonly string[]
}

/** No tag points at it and no index lists it: so when it becomes an orphan, and still when it is judged. */
export function isUnlisted({
  and,
  not,
  exists,
  selectFrom,
}: ExpressionBuilder<Schema, 'manifests'>) {
  return and([
    not(exists(selectFrom('tags').select('name').whereRef('manifest_id', '=', 'manifests.id'))),
    not(
      exists(
        selectFrom('manifest_children')
          .select('parent_id')
          .whereRef('child_id', '=', 'manifests.id'),
      ),
    ),
  ])
}

/** Indexes that one deletion may leave with a hole. */
export const maxForced = 1000

/** Undefined: it is not there. The repository is locked. */
export async function findRelatives(
  trx: Queries,
  {
    repositoryId,
    digest,
    force = false,
  }: { readonly repositoryId: number; readonly digest: string; readonly force?: boolean },
): Promise<Relatives | undefined> {
  const self = await trx
    .selectFrom('manifests')
    .select('id')
    .where('repository_id', '=', repositoryId)
    .where('digest', '=', digest)
    .executeTakeFirst()
  if (!self) return undefined
  const blobs = await trx
    .selectFrom('manifest_blobs')
    .select('digest')
    .where('manifest_id', '=', self.id)
    .execute()
  const children = await trx
    .selectFrom('manifest_children')
    .innerJoin('manifests', 'manifests.id', 'manifest_children.child_id')
    .select(['manifests.id', 'manifests.digest'])
    .where('manifest_children.parent_id', '=', self.id)
    .execute()
  const referrers = await trx
    .selectFrom('manifests')
    .select(['id', 'digest'])
    .where('repository_id', '=', repositoryId)
    .where('subject', '=', digest)
    .execute()
  const parents = await trx
    .selectFrom('manifest_children')
    .innerJoin('manifests', 'manifests.id', 'manifest_children.parent_id')
    .select(['manifests.id', 'manifests.digest'])
    .where('manifest_children.child_id', '=', self.id)
    .limit(force ? maxForced + 1 : 10)
    .execute()
  const signatures = (await listSignatures(trx, { repositoryId, digest })).filter(
    (row) => row.id !== self.id,
  )
  return {
    id: self.id,
    parents: parents.filter((row) => row.id !== self.id),
    blobs: blobs.map((row) => row.digest).sort(),
    dependants: [...children, ...referrers, ...signatures].filter((row) => row.id !== self.id),
    signatures: signatures.map(({ tag }) => tag),
  }
}

/**
 * Locks what the deletion of these manifests touches: links first, then manifests, each in the
 * order of their digests, since HEAD takes no repository lock.
 */
export async function lockRelatives(
  trx: Queries,
  repositoryId: number,
  manifests: readonly { readonly digest: string; readonly relatives: Relatives }[],
): Promise<void> {
  const blobs = manifests.flatMap(({ relatives }) => relatives.blobs)
  for (const chunk of chunksOf([...new Set(blobs)].sort())) {
    await trx
      .selectFrom('links')
      .select('digest')
      .where('repository_id', '=', repositoryId)
      .where('digest', 'in', chunk)
      .orderBy('digest')
      .forNoKeyUpdate()
      .execute()
  }
  const digests = manifests.flatMap(({ digest, relatives }) => [
    digest,
    ...relatives.dependants.map((row) => row.digest),
    ...relatives.parents.map((row) => row.digest),
  ])
  for (const chunk of chunksOf([...new Set(digests)].sort())) {
    await trx
      .selectFrom('manifests')
      .select('id')
      .where('repository_id', '=', repositoryId)
      .where('digest', 'in', chunk)
      .orderBy('digest')
      .forNoKeyUpdate()
      .execute()
  }
}

/** The image that another one is about; undefined: none that is there. */
export async function findSubject(
  db: Queries,
  { id, repositoryId }: { readonly id: number; readonly repositoryId: number },
): Promise<string | undefined> {
  const row = await db
    .selectFrom('manifests')
    .innerJoin('manifests as subjects', (join) =>
      join
        .onRef('subjects.repository_id', '=', 'manifests.repository_id')
        .onRef('subjects.digest', '=', 'manifests.subject'),
    )
    .select('subjects.digest')
    .where('manifests.id', '=', id)
    .where('subjects.repository_id', '=', repositoryId)
    .whereRef('subjects.id', '<>', 'manifests.id')
    .executeTakeFirst()
  return row?.digest
}
