import { RegistryError } from '../domain/errors.ts'
import { noteCandidates } from './candidates.ts'
import type { Queries } from './database.ts'
import { insertEvent } from './events.ts'
import { forgetFacts } from './manifest-facts.ts'
import {
  findRelatives,
  isUnlisted,
  lockRelatives,
  maxForced,
  type Relatives,
} from './manifest-relatives.ts'
import { lockRepository, relistRepository } from './repositories.ts'
import { chunksOf, nowMs } from './sql.ts'
import { deleteTag, insertTagHistory } from './tags.ts'

export interface ManifestDeletion {
  readonly repositoryId: number
  readonly digest: string
  readonly graceMs: number
  readonly by: string
  readonly address?: string | null
  /** Also while indexes list it: they then wait for it, as sparse ones do. */
  readonly force?: boolean
  /** Tags of signatures that stay without their image. */
  readonly keptSignatures?: readonly string[]
}

/**
 * Deletes a manifest with its tags and those of its signatures. Its children, referrers and signatures
 * become orphans unless a tag or another parent holds them. Undefined when it is not there; IN_USE, naming them, while an index lists it,
 * unless it is forced.
 */
export async function deleteManifest(
  trx: Queries,
  input: ManifestDeletion,
): Promise<{ tags: string[] } | undefined> {
  const repository = await lockRepository(trx, input.repositoryId)
  const relatives = await findRelatives(trx, input)
  if (!relatives) return undefined
  await lockRelatives(trx, input.repositoryId, [{ digest: input.digest, relatives }])
  if (input.force === true) await leaveParents(trx, input, relatives)
  else refuseChild(relatives.parents)
  return removeManifest(trx, input, { relatives, repository })
}

/** The same for one that may go: the repository and all of its relatives are locked. */
export async function removeManifest(
  trx: Queries,
  input: ManifestDeletion,
  locked: {
    readonly relatives: Relatives
    readonly repository: { readonly feedId: number; readonly name: string }
  },
): Promise<{ tags: string[] }> {
  const { relatives, repository } = locked
  const tags = await deleteTags(trx, input, relatives.id)
  const signatures = await deleteSignatures(trx, input, relatives)
  await deleteEdges(trx, relatives.id)
  await releaseLinks(trx, input, relatives.blobs)
  await orphan(trx, input, relatives)
  await trx.deleteFrom('manifest_contents').where('manifest_id', '=', relatives.id).execute()
  await trx.deleteFrom('manifests').where('id', '=', relatives.id).execute()
  await relistRepository(trx, input.repositoryId, { tags: tags.length, manifests: 1 })
  await insertEvent(trx, {
    kind: 'manifest.deleted',
    by: input.by,
    address: input.address ?? null,
    feedId: repository.feedId,
    repository: repository.name,
    detail: {
      digest: input.digest,
      tags,
      ...(relatives.parents.length > 0 && {
        forced: relatives.parents.slice(0, 10).map((parent) => parent.digest),
      }),
    },
  })
  return { tags: [...tags, ...signatures] }
}

function refuseChild(parents: Relatives['parents']) {
  if (parents.length === 0) return
  const usedBy = parents.slice(0, 10).map((parent) => parent.digest)
  throw new RegistryError(
    'IN_USE',
    `The manifest is part of ${usedBy.join(', ')}: delete these indexes first.`,
    { detail: { usedBy } },
  )
}

/** The indexes get their edge back if it is pushed again. */
async function leaveParents(trx: Queries, input: ManifestDeletion, { id, parents }: Relatives) {
  if (parents.length === 0) return
  if (parents.length > maxForced) refuseChild(parents)
  await trx.deleteFrom('manifest_children').where('child_id', '=', id).execute()
  for (const chunk of chunksOf(parents)) {
    const wanted = chunk.map((parent) => ({
      ...{ manifest_id: parent.id, repository_id: input.repositoryId },
      ...{ digest: input.digest, role: 'child' as const },
    }))
    await trx
      .insertInto('wanted')
      .values(wanted)
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }
  await forgetFacts(
    trx,
    parents.map((parent) => parent.id),
  )
}

async function deleteTags(trx: Queries, input: ManifestDeletion, id: number): Promise<string[]> {
  const rows = await trx
    .deleteFrom('tags')
    .where('manifest_id', '=', id)
    .returning('name')
    .execute()
  const tags = rows.map((row) => row.name).sort()
  for (const name of tags) {
    await insertTagHistory(trx, {
      repository_id: input.repositoryId,
      name,
      digest: null,
      previous_digest: input.digest,
      by: input.by,
    })
  }
  return tags
}

/** Those that are gone: tags of cosign's that speak of the image. */
async function deleteSignatures(
  trx: Queries,
  { repositoryId, by, address = null, keptSignatures = [] }: ManifestDeletion,
  { signatures }: Relatives,
): Promise<string[]> {
  const deleted: string[] = []
  for (const tag of signatures) {
    if (keptSignatures.includes(tag)) continue
    if (await deleteTag(trx, { repositoryId, tag, by, address })) deleted.push(tag)
  }
  return deleted
}

async function deleteEdges(trx: Queries, id: number) {
  await trx.deleteFrom('manifest_blobs').where('manifest_id', '=', id).execute()
  await trx.deleteFrom('manifest_children').where('parent_id', '=', id).execute()
  await trx.deleteFrom('wanted').where('manifest_id', '=', id).execute()
}

/** The clock of the links starts now: pulls that have begun still find their layers. */
async function releaseLinks(trx: Queries, input: ManifestDeletion, blobs: readonly string[]) {
  for (const chunk of chunksOf(blobs)) {
    await trx
      .updateTable('links')
      .set({ lease_until: nowMs })
      .where('repository_id', '=', input.repositoryId)
      .where('digest', 'in', chunk)
      .where('lease_until', '<', nowMs)
      .execute()
  }
  await noteCandidates(trx, {
    kind: 'link',
    scopeId: input.repositoryId,
    digests: blobs,
    dueInMs: input.graceMs,
  })
}

/**
 * What nobody holds any more: no tag, no other parent, and no subject that is there. A signature
 * that the index listed too still signs its image: it goes with that one.
 */
async function orphan(trx: Queries, input: ManifestDeletion, { id, dependants }: Relatives) {
  for (const chunk of chunksOf(dependants)) {
    const orphans = await trx
      .updateTable('manifests')
      .set({ orphaned_since: nowMs })
      .where(
        'id',
        'in',
        chunk.map((row) => row.id),
      )
      .where(isUnlisted)
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('manifests as subjects')
              .select('subjects.id')
              .whereRef('subjects.repository_id', '=', 'manifests.repository_id')
              .whereRef('subjects.digest', '=', 'manifests.subject')
              .where('subjects.id', '<>', id),
          ),
        ),
      )
      .returning('digest')
      .execute()
    await noteCandidates(trx, {
      kind: 'manifest',
      scopeId: input.repositoryId,
      digests: orphans.map((row) => row.digest),
      dueInMs: input.graceMs,
    })
  }
}
