import { signaturesOf } from '../domain/retention-images.ts'
import type { Queries } from './database.ts'
import { chunksOf } from './sql.ts'

/** An image as its deletion is thought through. */
export interface HeldImage {
  readonly id: number
  readonly digest: string
  readonly subject: string | null
  readonly tags: readonly string[]
  /** Indexes that list it. */
  readonly parents: readonly number[]
  /** Whether the image that it is about is there. */
  readonly subjectId: number | null
}

type Key = { readonly repositoryId: number; readonly ids: readonly number[] }

/** These images of a repository, with what holds each. Those that are gone are absent. */
export async function listHeldImages(
  db: Queries,
  { repositoryId, ids }: Key,
): Promise<HeldImage[]> {
  const images: HeldImage[] = []
  for (const chunk of chunksOf(ids, 500)) {
    const rows = await db
      .selectFrom('manifests as m')
      .leftJoin('manifests as s', (join) =>
        join
          .onRef('s.repository_id', '=', 'm.repository_id')
          .onRef('s.digest', '=', 'm.subject')
          .onRef('s.id', '<>', 'm.id'),
      )
      .select(['m.id', 'm.digest', 'm.subject', 's.id as subjectId'])
      .where('m.id', 'in', chunk)
      .where('m.repository_id', '=', repositoryId)
      .execute()
    const tags = await db
      .selectFrom('tags')
      .select(['name', 'manifest_id as id'])
      .where('manifest_id', 'in', chunk)
      .execute()
    const parents = await db
      .selectFrom('manifest_children')
      .select(['parent_id as parent', 'child_id as id'])
      .where('child_id', 'in', chunk)
      .execute()
    const [tagsById, parentsById] = [groupById(tags), groupById(parents)]
    for (const row of rows) {
      images.push({
        ...row,
        tags: (tagsById.get(row.id) ?? []).map(({ name }) => name),
        parents: (parentsById.get(row.id) ?? []).flatMap(({ parent }) =>
          parent === row.id ? [] : [parent],
        ),
      })
    }
  }
  return images
}

function groupById<T extends { readonly id: number }>(rows: readonly T[]): Map<number, T[]> {
  const groups = new Map<number, T[]>()
  for (const row of rows) {
    const group = groups.get(row.id)
    if (group === undefined) groups.set(row.id, [row])
    else group.push(row)
  }
  return groups
}

/** The images that these hold: their children, their referrers, and their signatures by tag. */
export async function listDependants(
  db: Queries,
  {
    repositoryId,
    images,
  }: { readonly repositoryId: number; readonly images: readonly HeldImage[] },
): Promise<number[]> {
  const ids = new Set<number>()
  const add = (rows: readonly { readonly id: number }[]) => {
    for (const { id } of rows) ids.add(id)
  }
  for (const chunk of chunksOf(images, 200)) {
    const children = db
      .selectFrom('manifest_children')
      .select('child_id as id')
      .where(
        'parent_id',
        'in',
        chunk.map(({ id }) => id),
      )
    const referrers = db
      .selectFrom('manifests')
      .select('id')
      .where('repository_id', '=', repositoryId)
      .where(
        'subject',
        'in',
        chunk.map(({ digest }) => digest),
      )
    add(await children.execute())
    add(await referrers.execute())
  }
  // Of digests that no such tag can speak of there are none.
  for (const chunk of chunksOf(images.flatMap(({ digest }) => signaturesOf(digest)))) {
    const signatures = db
      .selectFrom('tags')
      .select('manifest_id as id')
      .where('repository_id', '=', repositoryId)
      .where('name', 'in', chunk)
    add(await signatures.execute())
  }
  return [...ids]
}

/** The blobs that these images refer to, and how many of the references are theirs. */
export async function countReferences(
  db: Queries,
  ids: readonly number[],
): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (const chunk of chunksOf(ids, 500)) {
    const rows = await db
      .selectFrom('manifest_blobs')
      .select('digest')
      .where('manifest_id', 'in', chunk)
      .execute()
    for (const { digest } of rows) counts.set(digest, (counts.get(digest) ?? 0) + 1)
  }
  return counts
}

/** The ids of images that are named by tag or digest; what is not there is absent. */
export async function findNamedImages(
  db: Queries,
  input: {
    readonly repositoryId: number
    readonly tags: readonly string[]
    readonly digests: readonly string[]
  },
): Promise<{ tagged: number[]; named: number[] }> {
  const { repositoryId, tags, digests } = input
  const tagged: number[] = []
  const named: number[] = []
  for (const chunk of chunksOf(tags, 500)) {
    const rows = await db
      .selectFrom('tags')
      .select('manifest_id as id')
      .where('repository_id', '=', repositoryId)
      .where('name', 'in', chunk)
      .execute()
    tagged.push(...rows.map(({ id }) => id))
  }
  for (const chunk of chunksOf(digests, 500)) {
    const rows = await db
      .selectFrom('manifests')
      .select('id')
      .where('repository_id', '=', repositoryId)
      .where('digest', 'in', chunk)
      .execute()
    named.push(...rows.map(({ id }) => id))
  }
  return { tagged: [...new Set(tagged)], named: [...new Set(named)] }
}
