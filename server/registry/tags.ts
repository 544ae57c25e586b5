import type { Db } from '../db/database.ts'
import { findRepository } from '../db/repositories.ts'
import { deleteTag, listTags } from '../db/tags.ts'
import { RegistryError } from '../domain/errors.ts'
import type { RepositoryName, Tag } from '../domain/reference.ts'
import type { Feed } from './feeds.ts'

/** A part of a list: at most `count` entries after `after` ('' for the first). */
export interface Page {
  readonly after: string
  readonly count: number
}

/** A page's entries; `next` is what the following page goes on after, null at the end. */
export interface Listed<T> {
  readonly items: readonly T[]
  readonly next: string | null
}

/** Cuts a list that was read one entry longer than asked for. */
export function cut<T>(rows: readonly T[], count: number, keyOf: (row: T) => string): Listed<T> {
  const items = rows.slice(0, count)
  const last = items.at(-1)
  return { items, next: rows.length > count && last !== undefined ? keyOf(last) : null }
}

/** The repository's tags in byte order. Throws NAME_UNKNOWN while it has no manifest. */
export async function pageTags(
  { db }: { db: Db },
  target: { readonly feed: Feed; readonly repository: RepositoryName },
  page: Page,
): Promise<Listed<string>> {
  const row = await findRepository(db.read, target.feed.id, target.repository)
  if (row?.listed !== 1) {
    throw new RegistryError(
      'NAME_UNKNOWN',
      `There is no repository ${target.feed.key}/${target.repository}.`,
    )
  }
  const { after, count } = page
  const rows = await listTags(db.read, { repositoryId: row.id, after, count: count + 1 })
  return cut(rows, count, (tag) => tag)
}

/** Removes a tag; the manifest stays. Throws UNSUPPORTED unless the feed allows it, or MANIFEST_UNKNOWN. */
export async function removeTag(
  { db }: { db: Db },
  target: {
    readonly feed: Feed
    readonly repository: RepositoryName
    readonly tag: Tag
    readonly by: string
    readonly address?: string
  },
): Promise<void> {
  const { feed, repository, tag, by, address = null } = target
  if (!feed.tagDeletion) {
    throw new RegistryError(
      'UNSUPPORTED',
      `Tags of ${feed.key} cannot be deleted this way: delete the manifest by its digest, or switch on the registry's tag deletion.`,
      { headers: { allow: 'GET, HEAD, PUT' } },
    )
  }
  const row = await findRepository(db.read, feed.id, repository)
  if (row && (await db.write(deleteTag, { repositoryId: row.id, tag, by, address }))) return
  throw new RegistryError('MANIFEST_UNKNOWN', `${feed.key}/${repository} has no tag "${tag}".`, {
    detail: { tag },
  })
}
