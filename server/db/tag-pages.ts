import { sql } from 'kysely'
import { versionKey } from '../domain/version-key.ts'
import type { Queries } from './database.ts'
import { textSearch } from './key-page.ts'
import { inSpan, type Key, type Span } from './keyset.ts'

export type TagSort = 'name' | 'version' | 'pushed'

/** A tag with the manifest that it names. */
export interface TagRecord {
  readonly name: string
  readonly manifestId: number
  readonly digest: string
  readonly mediaType: string
  readonly artifactType: string | null
  readonly examined: 0 | 1
  readonly platforms: string | null
  readonly totalBytes: number | null
  readonly createdAt: number
  readonly updatedAt: number
  readonly updatedBy: string
  readonly pulls: number | null
  readonly lastPulledAt: number | null
}

export interface TagPick {
  readonly repositoryId: number
  readonly sort: TagSort
  readonly span: Span
  readonly limit: number
  /** A part of the name, in either case; null: all. */
  readonly search: string | null
  /** One platform of the image; null: all. */
  readonly platform: string | null
}

const columnOf = {
  name: 'tags.name',
  version: 'tags.version_key',
  pushed: 'tags.updated_at',
} as const

/** Where a tag stands in a list that is sorted so. */
export function tagKey(sort: TagSort, tag: { name: string; updatedAt: number }): Key {
  const { name, updatedAt } = tag
  const values = { name, version: versionKey(name), pushed: updatedAt }
  return { value: values[sort], name }
}

/** Tags of a span, in its order. */
export async function listTagRecords(db: Queries, pick: TagPick): Promise<TagRecord[]> {
  const { repositoryId, sort, span, limit, search, platform } = pick
  const direction = span.desc ? 'desc' : 'asc'
  let query = db
    .selectFrom('tags')
    .innerJoin('manifests', 'manifests.id', 'tags.manifest_id')
    .leftJoin('manifest_pulls', 'manifest_pulls.manifest_id', 'tags.manifest_id')
    .select([
      'tags.name',
      'tags.manifest_id as manifestId',
      'manifests.digest',
      'manifests.media_type as mediaType',
      'manifests.artifact_type as artifactType',
      'manifests.examined',
      'manifests.platforms',
      'manifests.total_bytes as totalBytes',
      'tags.created_at as createdAt',
      'tags.updated_at as updatedAt',
      'tags.updated_by as updatedBy',
      'manifest_pulls.pulls',
      'manifest_pulls.last_pulled_at as lastPulledAt',
    ])
    .where('tags.repository_id', '=', repositoryId)
    .where(inSpan({ value: columnOf[sort], name: 'tags.name' }, span))
  if (search !== null) query = query.where(textSearch(['tags.name'], search))
  if (platform !== null) {
    query = query.where(
      sql<boolean>`',' || coalesce(manifests.platforms, '') || ',' like ${`%,${likeText(platform)},%`} escape '\\'`,
    )
  }
  if (sort !== 'name') query = query.orderBy(columnOf[sort], direction)
  return await query.orderBy('tags.name', direction).limit(limit).execute()
}

/** The tag that is `size` further; undefined: the list ends before it. */
export async function findTagAhead(
  db: Queries,
  pick: Pick<TagPick, 'repositoryId' | 'sort' | 'span'>,
  size: number,
): Promise<Key | undefined> {
  const { repositoryId, sort, span } = pick
  const direction = span.desc ? 'desc' : 'asc'
  let query = db
    .selectFrom('tags')
    .select(['tags.name', 'tags.updated_at as updatedAt'])
    .where('tags.repository_id', '=', repositoryId)
    .where(inSpan({ value: columnOf[sort], name: 'tags.name' }, span))
  if (sort !== 'name') query = query.orderBy(columnOf[sort], direction)
  const row = await query
    .orderBy('tags.name', direction)
    .limit(1)
    .offset(size - 1)
    .executeTakeFirst()
  return row && tagKey(sort, row)
}

/** What `like` would take for a pattern stands for itself. */
function likeText(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&')
}

export interface TagMoveRecord {
  readonly id: number
  readonly at: number
  readonly by: string
  readonly digest: string | null
  readonly previousDigest: string | null
  readonly previousId: number | null
}

/** Where a tag pointed, the newest first, before the row `before`. */
export async function listTagMoves(
  db: Queries,
  page: {
    readonly repositoryId: number
    readonly tag: string
    readonly before: number | null
    readonly count: number
  },
): Promise<TagMoveRecord[]> {
  let query = db
    .selectFrom('tag_history')
    .leftJoin('manifests as previous', (join) =>
      join
        .onRef('previous.repository_id', '=', 'tag_history.repository_id')
        .onRef('previous.digest', '=', 'tag_history.previous_digest'),
    )
    .select([
      'tag_history.id',
      'tag_history.at',
      'tag_history.by',
      'tag_history.digest',
      'tag_history.previous_digest as previousDigest',
      'previous.id as previousId',
    ])
    .where('tag_history.repository_id', '=', page.repositoryId)
    .where('tag_history.name', '=', page.tag)
  if (page.before !== null) query = query.where('tag_history.id', '<', page.before)
  return await query.orderBy('tag_history.id', 'desc').limit(page.count).execute()
}
