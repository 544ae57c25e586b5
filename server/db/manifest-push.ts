import { RegistryError } from '../domain/errors.ts'
import type { Queries } from './database.ts'
import { insertEvent } from './events.ts'
import { fromNow, renewedLease } from './lease.ts'
import { becomeChild, insertEdges, type References } from './manifest-edges.ts'
import { ensureRepository, lockRepository } from './repositories.ts'
import type { ManifestBlobRow, OverwriteRule } from './schema.ts'
import { chunksOf, nowMs } from './sql.ts'
import { moveTags } from './tags.ts'

export interface ManifestPush {
  readonly feedId: number
  readonly repository: string
  readonly digest: string
  readonly mediaType: string
  readonly artifactType: string | null
  readonly subject: string | null
  /** JSON or null. */
  readonly annotations: string | null
  readonly content: Uint8Array
  /** The config's digest; null for an index. */
  readonly config: string | null
  readonly layers: readonly string[]
  /** Layers that may be absent. */
  readonly optional: readonly string[]
  readonly children: readonly string[]
  readonly tags: readonly string[]
  readonly mayOverwrite: boolean
  readonly graceMs: number
  readonly by: string
  readonly address?: string | null
}

interface FeedRules {
  readonly overwrite: OverwriteRule
  readonly sparse_indexes: 0 | 1
  readonly active: 0 | 1
}

/**
 * Accepts a manifest: everything that it refers to is live and promised anew, its edges and tags
 * are set. Throws MANIFEST_BLOB_UNKNOWN naming what is missing, DENIED when a tag may not move.
 */
export async function putManifest(trx: Queries, push: ManifestPush): Promise<void> {
  const repositoryId = await ensureRepository(trx, push.feedId, push.repository)
  await lockRepository(trx, repositoryId)
  const rules = await feedRules(trx, push.feedId)
  const references = await promiseReferences(trx, repositoryId, push, rules)
  const children = await adoptRelatives(trx, repositoryId, push, references)
  const id = await upsertManifest(trx, repositoryId, push)
  await insertEdges(trx, { id, repositoryId }, { ...references, children })
  await becomeChild(trx, { id, repositoryId, digest: push.digest })
  const moved = await moveTags(trx, {
    repositoryId,
    tags: push.tags,
    manifest: { id, digest: push.digest },
    overwrite: rules.overwrite,
    mayOverwrite: push.mayOverwrite,
    by: push.by,
  })
  await trx
    .updateTable('repositories')
    .set({ listed: 1 })
    .where('id', '=', repositoryId)
    .where('listed', '=', 0)
    .execute()
  await insertEvent(trx, {
    kind: 'manifest.pushed',
    by: push.by,
    address: push.address ?? null,
    feedId: push.feedId,
    repository: push.repository,
    detail: { digest: push.digest, tags: push.tags, moved: moved.updated },
  })
}

async function feedRules(trx: Queries, feedId: number): Promise<FeedRules> {
  const rules = await trx
    .selectFrom('feeds')
    .select(['overwrite', 'sparse_indexes', 'active'])
    .where('id', '=', feedId)
    .executeTakeFirst()
  if (rules?.active !== 1) throw new RegistryError('NAME_UNKNOWN')
  return rules
}

/** Renews the links' leases, always, and sees that blobs and children are there. */
async function promiseReferences(
  trx: Queries,
  repositoryId: number,
  push: ManifestPush,
  rules: FeedRules,
): Promise<References> {
  const children = await findManifests(trx, repositoryId, push.children)
  const known = new Set(children.map((child) => child.digest))
  const blobChildren = push.children.filter((digest) => !known.has(digest))
  const roles = new Map<string, ManifestBlobRow['role']>()
  for (const digest of blobChildren) roles.set(digest, 'child')
  for (const digest of [...push.optional, ...push.layers]) roles.set(digest, 'layer')
  if (push.config !== null) roles.set(push.config, 'config')
  const { linked, live } = await promiseLinks(trx, repositoryId, [...roles.keys()], push.graceMs)
  // Also those whose bytes are damaged: another repository's push may mend them.
  const blobs = new Map([...roles].filter(([digest]) => linked.has(digest)))
  const wanted = new Map([...roles].filter(([digest]) => !linked.has(digest)))
  const required = new Set([...blobChildren, ...push.layers, push.config])
  const missing = [...roles.keys()].filter((digest) => required.has(digest) && !live.has(digest))
  if (rules.sparse_indexes === 0 && missing.length > 0) throw unknownReferences(missing)
  return { blobs, children, wanted }
}

function unknownReferences(digests: readonly string[]): RegistryError {
  const missing = [...new Set(digests)]
  const more = missing.length > 10 ? ` and ${missing.length - 10} more` : ''
  return new RegistryError(
    'MANIFEST_BLOB_UNKNOWN',
    `The manifest refers to ${missing.slice(0, 10).join(', ')}${more}, not in this repository: push what it refers to first.`,
    { detail: missing.slice(0, 100).map((digest) => ({ digest })) },
  )
}

async function findManifests(trx: Queries, repositoryId: number, digests: readonly string[]) {
  const found: { id: number; digest: string }[] = []
  for (const chunk of chunksOf([...new Set(digests)].sort())) {
    const rows = await trx
      .selectFrom('manifests')
      .select(['id', 'digest'])
      .where('repository_id', '=', repositoryId)
      .where('digest', 'in', chunk)
      .execute()
    found.push(...rows)
  }
  return found
}

async function promiseLinks(
  trx: Queries,
  repositoryId: number,
  digests: readonly string[],
  graceMs: number,
): Promise<{ linked: Set<string>; live: Set<string> }> {
  const linked = new Set<string>()
  const live = new Set<string>()
  for (const chunk of chunksOf([...digests].sort())) {
    const locked = await trx
      .selectFrom('links')
      .select('digest')
      .where('repository_id', '=', repositoryId)
      .where('digest', 'in', chunk)
      .orderBy('digest')
      .forNoKeyUpdate()
      .execute()
    if (locked.length === 0) continue
    const held = locked.map((row) => row.digest)
    for (const digest of held) linked.add(digest)
    await trx
      .updateTable('links')
      .set({ lease_until: renewedLease('lease_until', graceMs), promised_at: nowMs })
      .where('repository_id', '=', repositoryId)
      .where('digest', 'in', held)
      .execute()
    const rows = await trx
      .selectFrom('links')
      .innerJoin('blobs', (join) =>
        join
          .onRef('blobs.store_id', '=', 'links.store_id')
          .onRef('blobs.digest', '=', 'links.digest'),
      )
      .select('links.digest')
      .where('links.repository_id', '=', repositoryId)
      .where('links.digest', 'in', held)
      .where('blobs.state', '=', 'live')
      .execute()
    for (const row of rows) live.add(row.digest)
  }
  return { linked, live }
}

/**
 * Locks the manifest itself, its children and its referrers by digest, and takes the latter two
 * out of orphanage. Returns the children that are still there (all: deleting takes turns with this).
 */
async function adoptRelatives(
  trx: Queries,
  repositoryId: number,
  push: ManifestPush,
  references: References,
) {
  const referrers = await trx
    .selectFrom('manifests')
    .select('digest')
    .where('repository_id', '=', repositoryId)
    .where('subject', '=', push.digest)
    .execute()
  const relatives = [...references.children, ...referrers].map((row) => row.digest)
  const digests = [...new Set([...relatives, push.digest])].sort()
  for (const chunk of chunksOf(digests)) {
    await trx
      .selectFrom('manifests')
      .select('id')
      .where('repository_id', '=', repositoryId)
      .where('digest', 'in', chunk)
      .orderBy('digest')
      .forNoKeyUpdate()
      .execute()
  }
  for (const chunk of chunksOf(relatives)) {
    await trx
      .updateTable('manifests')
      .set({
        orphaned_since: null,
        lease_until: renewedLease('lease_until', push.graceMs),
        promised_at: nowMs,
      })
      .where('repository_id', '=', repositoryId)
      .where('digest', 'in', chunk)
      .execute()
  }
  return findManifests(
    trx,
    repositoryId,
    references.children.map((child) => child.digest),
  )
}

async function upsertManifest(
  trx: Queries,
  repositoryId: number,
  push: ManifestPush,
): Promise<number> {
  const { id, media_type } = await trx
    .insertInto('manifests')
    .values({
      repository_id: repositoryId,
      digest: push.digest,
      media_type: push.mediaType,
      artifact_type: push.artifactType,
      subject: push.subject,
      annotations: push.annotations,
      size_bytes: push.content.byteLength,
      orphaned_since: null,
      promised_at: nowMs,
      lease_until: fromNow(push.graceMs),
      pushed_at: nowMs,
      pushed_by: push.by,
    })
    .onConflict((conflict) =>
      conflict.columns(['repository_id', 'digest']).doUpdateSet({
        orphaned_since: null,
        promised_at: nowMs,
        lease_until: renewedLease('manifests.lease_until', push.graceMs),
      }),
    )
    .returning(['id', 'media_type'])
    .executeTakeFirstOrThrow()
  if (media_type !== push.mediaType) {
    throw new RegistryError(
      'MANIFEST_INVALID',
      `${push.digest} is in this repository as ${media_type}; it cannot be ${push.mediaType} too.`,
    )
  }
  await trx
    .insertInto('manifest_contents')
    .values({ manifest_id: id, content: push.content })
    .onConflict((conflict) => conflict.column('manifest_id').doNothing())
    .execute()
  return id
}
