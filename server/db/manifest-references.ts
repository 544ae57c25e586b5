import { sql } from 'kysely'
import { RegistryError } from '../domain/errors.ts'
import type { Queries } from './database.ts'
import { renewedLease } from './lease.ts'
import type { References } from './manifest-edges.ts'
import { type Params, prepared } from './prepared.ts'
import { preparedList } from './prepared-lists.ts'
import type { ManifestBlobRow } from './schema.ts'
import { nowMs } from './sql.ts'

/** What a manifest refers to, as its bytes say, and for how long that is promised. */
export interface ManifestReferences {
  /** The manifest's own. */
  readonly digest: string
  /** The config's digest; null for an index. */
  readonly config: string | null
  readonly layers: readonly string[]
  /** Layers that may be absent. */
  readonly optional: readonly string[]
  readonly children: readonly string[]
  readonly graceMs: number
}

interface InRepository {
  readonly repositoryId: number
}

interface OfDigest {
  readonly digest: string
}

interface Grace {
  readonly graceMs: number
}

/** Renews the links' leases, always, and sees that blobs and children are there. */
export async function promiseReferences(
  trx: Queries,
  repositoryId: number,
  push: ManifestReferences,
  rules: { readonly sparse_indexes: 0 | 1 },
): Promise<References> {
  const children = await findManifests(trx, repositoryId, push.children)
  const known = new Set(children.map((child) => child.digest))
  const blobChildren = push.children.filter((digest) => !known.has(digest))
  const roles = new Map<string, ManifestBlobRow['role']>()
  for (const digest of blobChildren) roles.set(digest, 'child')
  for (const digest of [...push.optional, ...push.layers]) roles.set(digest, 'layer')
  if (push.config !== null) roles.set(push.config, 'config')
  const { linked, live } = await promiseLinks(trx, { repositoryId, graceMs: push.graceMs }, [
    ...roles.keys(),
  ])
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

const manifestsAmong = preparedList(
  (db, p: Params<InRepository>, items: readonly Params<OfDigest>[]) =>
    db
      .selectFrom('manifests')
      .select(['id', 'digest'])
      .where('repository_id', '=', p.repositoryId)
      .where('digest', 'in', digestsOf(items)),
)

function findManifests(trx: Queries, repositoryId: number, digests: readonly string[]) {
  return manifestsAmong.list(trx, { repositoryId }, inOrder(digests))
}

const lockedLinks = preparedList(
  (db, p: Params<InRepository>, items: readonly Params<OfDigest>[]) =>
    db
      .selectFrom('links')
      .select('digest')
      .where('repository_id', '=', p.repositoryId)
      .where('digest', 'in', digestsOf(items))
      .orderBy('digest')
      .forNoKeyUpdate(),
)

const renewedLinks = preparedList(
  (db, p: Params<InRepository & Grace>, items: readonly Params<OfDigest>[]) =>
    db
      .updateTable('links')
      .set({ lease_until: renewedLease('lease_until', p.graceMs), promised_at: nowMs })
      .where('repository_id', '=', p.repositoryId)
      .where('digest', 'in', digestsOf(items)),
)

const liveLinks = preparedList((db, p: Params<InRepository>, items: readonly Params<OfDigest>[]) =>
  db
    .selectFrom('links')
    .innerJoin('blobs', (join) =>
      join
        .onRef('blobs.store_id', '=', 'links.store_id')
        .onRef('blobs.digest', '=', 'links.digest'),
    )
    .select('links.digest')
    .where('links.repository_id', '=', p.repositoryId)
    .where('links.digest', 'in', digestsOf(items))
    .where('blobs.state', '=', sql.lit('live')),
)

async function promiseLinks(
  trx: Queries,
  { repositoryId, graceMs }: InRepository & Grace,
  digests: readonly string[],
): Promise<{ linked: Set<string>; live: Set<string> }> {
  const held = await lockedLinks.list(trx, { repositoryId }, inOrder(digests))
  await renewedLinks.run(trx, { repositoryId, graceMs }, held)
  const live = await liveLinks.list(trx, { repositoryId }, held)
  return { linked: setOf(held), live: setOf(live) }
}

const referrersOf = prepared((db, p: Params<InRepository & OfDigest>) =>
  db
    .selectFrom('manifests')
    .select('digest')
    .where('repository_id', '=', p.repositoryId)
    .where('subject', '=', p.digest),
)

const lockedManifests = preparedList(
  (db, p: Params<InRepository>, items: readonly Params<OfDigest>[]) =>
    db
      .selectFrom('manifests')
      .select('digest')
      .where('repository_id', '=', p.repositoryId)
      .where('digest', 'in', digestsOf(items))
      .orderBy('digest')
      .forNoKeyUpdate(),
)

const adoptedManifests = preparedList(
  (db, p: Params<InRepository & Grace>, items: readonly Params<OfDigest>[]) =>
    db
      .updateTable('manifests')
      .set({
        orphaned_since: sql.lit(null),
        lease_until: renewedLease('lease_until', p.graceMs),
        promised_at: nowMs,
      })
      .where('repository_id', '=', p.repositoryId)
      .where('digest', 'in', digestsOf(items)),
)

/**
 * Locks the manifest itself, its children and its referrers by digest, and takes the latter two
 * out of orphanage. Returns the children that are still there (all: deleting takes turns with this),
 * and whether the manifest is not there yet.
 */
export async function adoptRelatives(
  trx: Queries,
  repositoryId: number,
  push: ManifestReferences,
  references: References,
) {
  const referrers = await referrersOf.list(trx, { repositoryId, digest: push.digest })
  const relatives = [...references.children, ...referrers].map((row) => row.digest)
  const locked = await lockedManifests.list(
    trx,
    { repositoryId },
    inOrder([...relatives, push.digest]),
  )
  const { graceMs } = push
  await adoptedManifests.run(trx, { repositoryId, graceMs }, inOrder(relatives))
  const children = await findManifests(
    trx,
    repositoryId,
    references.children.map((child) => child.digest),
  )
  return { children, isNew: !locked.some(({ digest }) => digest === push.digest) }
}

function digestsOf(items: readonly Params<OfDigest>[]) {
  return items.map((item) => item.digest)
}

/** Locks are taken by digest; each once. */
function inOrder(digests: readonly string[]): OfDigest[] {
  return [...new Set(digests)].sort().map((digest) => ({ digest }))
}

function setOf(rows: readonly OfDigest[]): Set<string> {
  return new Set(rows.map((row) => row.digest))
}

/** What manifests refer to, with the blobs that are meant. */
export function selectReferencedBlobs(db: Queries) {
  return db
    .selectFrom('manifest_blobs')
    .innerJoin('links', (join) =>
      join
        .onRef('links.repository_id', '=', 'manifest_blobs.repository_id')
        .onRef('links.digest', '=', 'manifest_blobs.digest'),
    )
    .innerJoin('blobs', (join) =>
      join
        .onRef('blobs.store_id', '=', 'links.store_id')
        .onRef('blobs.digest', '=', 'links.digest'),
    )
}
