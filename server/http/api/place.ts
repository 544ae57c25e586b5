import { findRepository } from '../../db/repositories.ts'
import { isRefusal, parseField, RegistryError, refuseField } from '../../domain/errors.ts'
import { parseReference, parseRepositoryName, type Reference } from '../../domain/reference.ts'
import { findFeed } from '../../registry/feeds.ts'
import type { ImageTarget } from '../../registry/image-details.ts'
import type { ApiDeps } from './deps.ts'
import { unknownRepository } from './need.ts'

/**
 * The repository that a request names, which the caller was found to have a right to. Throws
 * NAME_UNKNOWN for one without a manifest, INVALID_FIELDS for what cannot be a repository's name.
 */
export async function getPlace(
  { db }: Pick<ApiDeps, 'db'>,
  asked: { readonly feed: string; readonly repo: string },
): Promise<ImageTarget> {
  const repository = parseField('repo', () => parseRepositoryName(asked.repo))
  const feed = await findFeed(db, asked.feed)
  const row = feed && (await findRepository(db.read, feed.id, repository))
  if (feed === undefined || row?.listed !== 1) throw unknownRepository(asked.feed, asked.repo)
  return { feed, repository, repositoryId: row.id }
}

/** A tag or a digest from a field. Throws INVALID_FIELDS. */
export function referenceOf(field: string, text: string): Reference {
  try {
    return parseReference(text)
  } catch (error) {
    if (isRefusal(error, 'TAG_INVALID') || isRefusal(error, 'DIGEST_INVALID')) {
      refuseField(field, error.message)
    }
    throw error
  }
}

export function isoOf(timeMs: number): string {
  return new Date(timeMs).toISOString()
}

export function isoOrNull(timeMs: number | null): string | null {
  return timeMs === null ? null : isoOf(timeMs)
}

/** A number that the page before ended with. Throws INVALID_FIELDS. */
export function numberAfter(after: string | undefined): number | null {
  if (after === undefined) return null
  if (/^[0-9]{1,15}$/.test(after)) return Number(after)
  throw new RegistryError('INVALID_FIELDS', 'after: a number from the Link header.', {
    detail: [{ field: 'after', message: 'a number from the Link header of the page before' }],
  })
}
