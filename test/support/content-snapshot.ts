import type { Queries } from '../../server/db/database.ts'
import type { ContentModel } from './content-model.ts'

/** What repositories hold, in a form that a model's content can be compared with. */
export interface ContentSnapshot {
  readonly repositories: Readonly<Record<string, RepositorySnapshot>>
  /** By name: location, and whether it is damaged. */
  readonly blobs: Readonly<Record<string, string>>
  readonly freed: readonly string[]
}

interface RepositorySnapshot {
  readonly listed: boolean
  readonly links: readonly string[]
  readonly manifests: Readonly<Record<string, ManifestSnapshot>>
  readonly tags: Readonly<Record<string, string>>
}

interface ManifestSnapshot {
  readonly blobs: readonly string[]
  readonly children: readonly string[]
  readonly wanted: readonly string[]
  readonly orphan: boolean
}

export function snapshotOfModel(model: ContentModel): ContentSnapshot {
  const repositories = [...model.repositories].map(([name, repository]) => {
    const manifests = [...repository.manifests].map(([manifest, stored]) => [
      manifest,
      {
        blobs: [...stored.blobs].sort(),
        children: [...stored.children].sort(),
        wanted: [...stored.wanted].sort(),
        orphan: stored.orphan,
      },
    ])
    const snapshot = {
      listed: repository.manifests.size > 0,
      links: [...repository.links].sort(),
      manifests: Object.fromEntries(manifests),
      tags: Object.fromEntries(repository.tags),
    }
    return [name, snapshot]
  })
  const blobs = [...model.blobs].map(([name, blob]) => [name, describeBlob(blob)])
  return {
    repositories: Object.fromEntries(repositories),
    blobs: Object.fromEntries(blobs),
    freed: [...model.freed].sort(),
  }
}

/** `nameOf` turns digests back into the names that the model uses. */
export async function snapshotOfDatabase(
  db: Queries,
  nameOf: (digest: string) => string,
): Promise<ContentSnapshot> {
  const repositories = await db.selectFrom('repositories').selectAll().execute()
  const taken = []
  for (const { id, name, listed } of repositories) {
    taken.push([name, { listed: listed === 1, ...(await repositoryContent(db, id, nameOf)) }])
  }
  const blobs = await db.selectFrom('blobs').selectAll().execute()
  const freed = await db.selectFrom('freed_locations').select('location').execute()
  return {
    repositories: Object.fromEntries(taken),
    blobs: Object.fromEntries(
      blobs.map(({ digest, location, state }) => [
        nameOf(digest),
        describeBlob({ location, live: state === 'live' }),
      ]),
    ),
    freed: freed.map(({ location }) => location).sort(),
  }
}

async function repositoryContent(db: Queries, id: number, nameOf: (digest: string) => string) {
  const links = await db
    .selectFrom('links')
    .select('digest')
    .where('repository_id', '=', id)
    .execute()
  const manifests = await db
    .selectFrom('manifests')
    .select(['id', 'digest', 'orphaned_since'])
    .where('repository_id', '=', id)
    .execute()
  const edges = await db
    .selectFrom('manifest_blobs')
    .select(['manifest_id', 'digest'])
    .where('repository_id', '=', id)
    .execute()
  const wanted = await db
    .selectFrom('wanted')
    .select(['manifest_id', 'digest'])
    .where('repository_id', '=', id)
    .execute()
  const children = await db
    .selectFrom('manifest_children')
    .innerJoin('manifests', 'manifests.id', 'child_id')
    .select(['parent_id as manifest_id', 'digest'])
    .where('repository_id', '=', id)
    .execute()
  const tags = await db
    .selectFrom('tags')
    .innerJoin('manifests', 'manifests.id', 'manifest_id')
    .select(['name', 'digest'])
    .where('tags.repository_id', '=', id)
    .execute()
  const of = (rows: readonly { manifest_id: number; digest: string }[], manifestId: number) =>
    rows
      .filter((row) => row.manifest_id === manifestId)
      .map((row) => nameOf(row.digest))
      .sort()
  return {
    links: links.map(({ digest }) => nameOf(digest)).sort(),
    manifests: Object.fromEntries(
      manifests.map((row) => [
        nameOf(row.digest),
        {
          blobs: of(edges, row.id),
          children: of(children, row.id),
          wanted: of(wanted, row.id),
          orphan: row.orphaned_since !== null,
        },
      ]),
    ),
    tags: Object.fromEntries(tags.map(({ name, digest }) => [name, nameOf(digest)])),
  }
}

function describeBlob(blob: { readonly location: string; readonly live: boolean }): string {
  return blob.live ? blob.location : `${blob.location}, damaged`
}
