import { sql } from 'kysely'
import type { Queries } from './database.ts'

export interface SearchPick {
  readonly feedId: number
  /** Repositories after this name, this many of them. */
  readonly after: string
  readonly count: number
  /** The beginning of a tag; null: none is looked for. */
  readonly tag: string | null
  /** The beginning of a whole digest; null: none is looked for. */
  readonly digest: string | null
  /** How many of each repository. */
  readonly limit: number
}

/** A listed repository with what is found in it. */
export interface SearchedRepository {
  readonly id: number
  readonly name: string
  readonly tags: readonly string[]
  readonly digests: readonly string[]
}

/**
 * The next repositories of a feed, each with the tags and digests that begin so: one seek into an
 * index for each repository and kind.
 */
export async function searchRepositories(
  db: Queries,
  { feedId, after, count, tag, digest, limit }: SearchPick,
): Promise<SearchedRepository[]> {
  const found = await db
    .selectFrom('repositories')
    .select(['id', 'name'])
    .select([
      tag === null
        ? sql<string | null>`null`.as('tags')
        : sql<string | null>`(select string_agg(hit.name, ',') from (
            select name from tags where tags.repository_id = repositories.id
            and tags.name >= ${tag} and tags.name < ${endOf(tag)}
            order by tags.name limit ${limit}) as hit)`.as('tags'),
      digest === null
        ? sql<string | null>`null`.as('digests')
        : sql<string | null>`(select string_agg(hit.digest, ',') from (
            select digest from manifests where manifests.repository_id = repositories.id
            and manifests.digest >= ${digest} and manifests.digest < ${endOf(digest)}
            order by manifests.digest limit ${limit}) as hit)`.as('digests'),
    ])
    .where('feed_id', '=', feedId)
    .where('listed', '=', sql.lit(1))
    .where('name', '>', after)
    .orderBy('name')
    .limit(count)
    .execute()
  return found.map((row) => ({ ...row, tags: listOf(row.tags), digests: listOf(row.digests) }))
}

/** Neither tags nor digests have a comma. */
function listOf(text: string | null): readonly string[] {
  return text === null ? [] : text.split(',')
}

/** Tags and digests are ASCII: what begins so comes before this. */
function endOf(beginning: string): string {
  return `${beginning}\u007f`
}
