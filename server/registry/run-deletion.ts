import type { Db } from '../db/database.ts'
import { listImageRows, listParents } from '../db/image-queries.ts'
import { deleteManifest } from '../db/manifest-deletion.ts'
import { deleteTag } from '../db/tags.ts'
import { isRefusal } from '../domain/errors.ts'
import { type Deletion, maxRelatives, type Refused } from './deletions.ts'
import type { ImageTarget } from './image-details.ts'

export interface DeletionResult {
  readonly tags: readonly string[]
  /** Tags that stay, as they point elsewhere by now. */
  readonly moved: readonly string[]
  readonly images: readonly string[]
  readonly refused: readonly Refused[]
  readonly missing: readonly string[]
}

interface DeletionDeps {
  readonly db: Db
  readonly graceMs: number
  readonly by: string
  readonly address: string | null
}

/** Deletes tags, then images, indexes before what they list; each is a transaction of its own. */
export async function runDeletion(
  deps: DeletionDeps,
  target: ImageTarget,
  asked: Deletion,
): Promise<DeletionResult> {
  const { db, by, address, graceMs } = deps
  const { repositoryId } = target
  const done = { ...(await deleteTags(deps, target, asked)), images: [] as string[] }
  const refused: Refused[] = []
  for (const digest of await inOrder(db, target, asked.images)) {
    const input = { repositoryId, digest, graceMs, by, address, force: asked.force }
    try {
      const deleted = await db.write(deleteManifest, input)
      if (deleted === undefined) done.missing.push(digest)
      else {
        done.images.push(digest)
        done.tags.push(...deleted.tags)
      }
    } catch (error) {
      if (!isRefusal(error, 'IN_USE')) throw error
      const { usedBy } = error.detail as { readonly usedBy: readonly string[] }
      refused.push({ digest, usedBy })
    }
  }
  return { ...done, refused }
}

async function deleteTags(
  { db, by, address }: DeletionDeps,
  { repositoryId }: ImageTarget,
  asked: Deletion,
): Promise<{ tags: string[]; missing: string[]; moved: string[] }> {
  const done = { tags: [] as string[], missing: [] as string[], moved: [] as string[] }
  const pointing = new Map(Object.entries(asked.pointing))
  for (const tag of new Set(asked.tags)) {
    const input = { repositoryId, tag, digest: pointing.get(tag) ?? null, by, address }
    try {
      const isDeleted = await db.write(deleteTag, input)
      ;(isDeleted ? done.tags : done.missing).push(tag)
    } catch (error) {
      if (!isRefusal(error, 'CONFLICT')) throw error
      done.moved.push(tag)
    }
  }
  return done
}

/** Whatever lists another one of them comes before it. */
async function inOrder(
  db: Db,
  { repositoryId }: ImageTarget,
  digests: readonly string[],
): Promise<string[]> {
  const rows = await listImageRows(db.read, { repositoryId, digests: [...new Set(digests)] })
  const byDigest = new Map(rows.map((row) => [row.digest, row]))
  const parentsOf = new Map<string, readonly string[]>()
  for (const { id, digest } of rows) {
    const parents = await listParents(db.read, id, maxRelatives)
    parentsOf.set(
      digest,
      parents.map((parent) => parent.digest).filter((each) => byDigest.has(each)),
    )
  }
  const ordered = new Set<string>()
  const add = (digest: string) => {
    if (ordered.has(digest)) return
    for (const parent of parentsOf.get(digest) ?? []) add(parent)
    ordered.add(digest)
  }
  for (const digest of digests) add(digest)
  return [...ordered]
}
