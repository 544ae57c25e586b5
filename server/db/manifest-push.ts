import { sql } from 'kysely'
import { RegistryError } from '../domain/errors.ts'
import type { Queries } from './database.ts'
import { insertEvent } from './events.ts'
import { fromNow, renewedLease } from './lease.ts'
import { becomeChild, insertEdges } from './manifest-edges.ts'
import {
  adoptRelatives,
  type ManifestReferences,
  promiseReferences,
} from './manifest-references.ts'
import { type Params, prepared } from './prepared.ts'
import { refuseOverQuota } from './quotas.ts'
import { ensureRepository, lockRepository } from './repositories.ts'
import { countPush } from './repository-counts.ts'
import type { OverwriteRule } from './schema.ts'
import { nowMs } from './sql.ts'
import { moveTags } from './tags.ts'

export interface ManifestPush extends ManifestReferences {
  readonly feedId: number
  readonly repository: string
  readonly mediaType: string
  readonly artifactType: string | null
  readonly subject: string | null
  /** JSON or null. */
  readonly annotations: string | null
  readonly content: Uint8Array
  readonly tags: readonly string[]
  readonly mayOverwrite: boolean
  readonly by: string
  readonly address?: string | null
}

export interface CachedManifest extends ManifestPush {
  /** Through which it came. */
  readonly connectorId: number
}

interface FeedRules {
  readonly overwrite: OverwriteRule
  readonly sparse_indexes: 0 | 1
  readonly external_layers: 0 | 1
  readonly active: 0 | 1
  readonly quota_bytes: number | null
  readonly repository_quota_bytes: number | null
}

/**
 * Accepts a manifest: everything that it refers to is live and promised anew, its edges and tags
 * are set. Throws MANIFEST_BLOB_UNKNOWN naming what is missing, DENIED when a tag may not move,
 * QUOTA_EXCEEDED for a new one that does not fit.
 */
export async function putManifest(trx: Queries, push: ManifestPush): Promise<void> {
  await accept(trx, { ...push, connectorId: null })
}

/**
 * Keeps a manifest that came through a connector. What it refers to may come later or never: it is
 * wanted, as a sparse index's children are. Tags and manifests that were pushed stay what they are.
 */
export async function cacheManifest(trx: Queries, push: CachedManifest): Promise<void> {
  await accept(trx, push)
}

type Accepted = ManifestPush & { readonly connectorId: number | null }

const rulesOfCache = { overwrite: 'allowed', sparse_indexes: 1, external_layers: 1 } as const

async function accept(trx: Queries, push: Accepted): Promise<void> {
  const { connectorId } = push
  const repositoryId = await ensureRepository(trx, push.feedId, push.repository)
  const { quotaBytes } = await lockRepository(trx, repositoryId)
  const ownRules = await feedRules(trx, push.feedId)
  const rules = connectorId === null ? ownRules : { ...ownRules, ...rulesOfCache }
  refuseExternal(push, rules)
  const references = await promiseReferences(trx, repositoryId, push, rules)
  const { children, isNew } = await adoptRelatives(trx, repositoryId, push, references)
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
    connectorId,
  })
  await countPush.run(trx, {
    repositoryId,
    tags: moved.created.length,
    manifests: isNew ? 1 : 0,
    by: push.by,
  })
  await insertEvent(trx, {
    kind: connectorId === null ? 'manifest.pushed' : 'manifest.cached',
    by: push.by,
    address: push.address ?? null,
    feedId: push.feedId,
    repository: push.repository,
    detail: { digest: push.digest, tags: push.tags, moved: moved.updated },
  })
  if (!isNew) return
  const place = {
    ...{ feedId: push.feedId, feedQuotaBytes: ownRules.quota_bytes, repositoryId },
    repositoryQuotaBytes: quotaBytes ?? ownRules.repository_quota_bytes,
  }
  await refuseOverQuota(trx, place, { sizeBytes: push.content.byteLength })
}

const rulesOf = prepared((db, p: Params<{ feedId: number }>) =>
  db
    .selectFrom('feeds')
    .select(['overwrite', 'sparse_indexes', 'external_layers', 'active'])
    .select(['quota_bytes', 'repository_quota_bytes'])
    .where('id', '=', p.feedId),
)

async function feedRules(trx: Queries, feedId: number): Promise<FeedRules> {
  const rules = await rulesOf.find(trx, { feedId })
  if (rules?.active !== 1) throw new RegistryError('NAME_UNKNOWN')
  return rules
}

function refuseExternal(push: ManifestPush, rules: FeedRules) {
  const [first] = push.optional
  if (rules.external_layers === 1 || first === undefined) return
  throw new RegistryError(
    'DENIED',
    `The layer ${first} is elsewhere (it has URLs, or is foreign), and this registry takes no external layers: push it as a layer of its own.`,
    { detail: { digests: push.optional.slice(0, 100) } },
  )
}

type NewManifest = { readonly repositoryId: number } & Pick<
  ManifestPush,
  'digest' | 'mediaType' | 'artifactType' | 'subject' | 'annotations'
> &
  Pick<Accepted, 'graceMs' | 'by' | 'connectorId'> & { readonly sizeBytes: number }

const upsert = prepared((db, p: Params<NewManifest>) =>
  db
    .insertInto('manifests')
    .values({
      repository_id: p.repositoryId,
      digest: p.digest,
      media_type: p.mediaType,
      artifact_type: p.artifactType,
      subject: p.subject,
      annotations: p.annotations,
      size_bytes: p.sizeBytes,
      orphaned_since: sql.lit(null),
      promised_at: nowMs,
      lease_until: fromNow(p.graceMs),
      pushed_at: nowMs,
      pushed_by: p.by,
      connector_id: p.connectorId,
    })
    .onConflict((conflict) =>
      conflict.columns(['repository_id', 'digest']).doUpdateSet({
        orphaned_since: sql.lit(null),
        promised_at: nowMs,
        lease_until: renewedLease('manifests.lease_until', p.graceMs),
        // What is pushed is no longer a connector's; what a connector brings again stays what it was.
        connector_id: sql<
          number | null
        >`case when excluded.connector_id is null then null else manifests.connector_id end`,
        pushed_by: sql<string>`case when manifests.connector_id is not null and excluded.connector_id is null then excluded.pushed_by else manifests.pushed_by end`,
      }),
    )
    .returning(['id', 'media_type']),
)

const insertContent = prepared((db, p: Params<{ id: number; content: Uint8Array }>) =>
  db
    .insertInto('manifest_contents')
    .values({ manifest_id: p.id, content: p.content })
    .onConflict((conflict) => conflict.column('manifest_id').doNothing()),
)

async function upsertManifest(trx: Queries, repositoryId: number, push: Accepted): Promise<number> {
  const { content } = push
  const row = await upsert.find(trx, { ...push, repositoryId, sizeBytes: content.byteLength })
  if (!row) throw new Error('an INSERT without its row')
  if (row.media_type !== push.mediaType) {
    throw new RegistryError(
      'MANIFEST_INVALID',
      `${push.digest} is in this repository as ${row.media_type}; it cannot be ${push.mediaType} too.`,
    )
  }
  await insertContent.run(trx, { id: row.id, content })
  return row.id
}
