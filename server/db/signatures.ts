import { signatureSuffixes } from '../domain/retention-images.ts'
import { noteCandidates } from './candidates.ts'
import type { Queries } from './database.ts'
import { type Params, prepared } from './prepared.ts'
import { nowMs } from './sql.ts'
import { deleteTag } from './tags.ts'

interface Signed {
  readonly repositoryId: number
  /** Of the image that is gone. */
  readonly digest: string
  readonly graceMs: number
  readonly by: string
  readonly address?: string | null
  readonly keptSignatures?: readonly string[]
}

const tagged = prepared((db, p: Params<{ repositoryId: number; from: string; to: string }>) =>
  db
    .selectFrom('tags')
    .select(['name', 'manifest_id'])
    .where('repository_id', '=', p.repositoryId)
    .where('name', '>=', p.from)
    .where('name', '<=', p.to),
)

/**
 * Cosign's tags of an image that was just deleted (`sha256-….sig`) go with it; what they pointed at
 * is orphaned unless something else holds it. The repository is locked.
 */
export async function releaseSignatures(trx: Queries, image: Signed): Promise<string[]> {
  const { repositoryId, digest, graceMs, by, address = null, keptSignatures = [] } = image
  if (!digest.startsWith('sha256:')) return []
  const stem = digest.replace(':', '-')
  const names = signatureSuffixes.map((suffix) => stem + suffix)
  // One look into an index, which is all that most deletions cost.
  const rows = await tagged.list(trx, { repositoryId, from: stem, to: `${stem}.sig` })
  const going = rows.filter(({ name }) => names.includes(name) && !keptSignatures.includes(name))
  for (const { name, manifest_id } of going) {
    await deleteTag(trx, { repositoryId, tag: name, by, address })
    await orphan(trx, { id: manifest_id, repositoryId, graceMs })
  }
  return going.map(({ name }) => name)
}

async function orphan(
  trx: Queries,
  manifest: { readonly id: number; readonly repositoryId: number; readonly graceMs: number },
): Promise<void> {
  const { id, repositoryId, graceMs } = manifest
  const row = await trx
    .updateTable('manifests')
    .set({ orphaned_since: nowMs })
    .where('id', '=', id)
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('tags').select('name').where('manifest_id', '=', id))),
    )
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('manifest_children').select('parent_id').where('child_id', '=', id))),
    )
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('manifests as subjects')
            .select('subjects.id')
            .where('subjects.repository_id', '=', repositoryId)
            .whereRef('subjects.digest', '=', 'manifests.subject')
            .where('subjects.id', '<>', id),
        ),
      ),
    )
    .returning('digest')
    .executeTakeFirst()
  if (!row) return
  const due = { kind: 'manifest', scopeId: repositoryId, dueInMs: graceMs } as const
  await noteCandidates(trx, { ...due, digests: [row.digest] })
}
