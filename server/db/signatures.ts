import { signaturesOf } from '../domain/retention-images.ts'
import type { Queries } from './database.ts'
import { type Params, prepared } from './prepared.ts'

const tagged = prepared((db, p: Params<{ repositoryId: number; from: string; to: string }>) =>
  db
    .selectFrom('tags')
    .innerJoin('manifests', 'manifests.id', 'tags.manifest_id')
    .select(['tags.name as tag', 'manifests.id', 'manifests.digest'])
    .where('tags.repository_id', '=', p.repositoryId)
    .where('tags.name', '>=', p.from)
    .where('tags.name', '<=', p.to),
)

/**
 * Cosign's tags of an image (`sha256-….sig`), which go with it, and what they point at. One look into
 * an index, which is all that most deletions cost.
 */
export async function listSignatures(
  db: Queries,
  { repositoryId, digest }: { readonly repositoryId: number; readonly digest: string },
): Promise<{ tag: string; id: number; digest: string }[]> {
  const names = signaturesOf(digest)
  const [from] = names
  if (from === undefined) return []
  const rows = await tagged.list(db, { repositoryId, from, to: `${from}.sig` })
  return rows.filter(({ tag }) => names.includes(tag))
}
