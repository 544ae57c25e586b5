import { type CompiledQuery, Kysely, type QueryExecutor, sql } from 'kysely'
import { listEvents } from '../../server/db/audit.ts'
import { listBlobImages, listBlobLocations, listBlobsToCheck } from '../../server/db/blob-checks.ts'
import { previewBlobs } from '../../server/db/blob-cleanup.ts'
import { isLocationNamed } from '../../server/db/blobs.ts'
import {
  findCheckedTag,
  findImageOrigin,
  findManifestOrigin,
  findTagOrigin,
  listTagOrigins,
} from '../../server/db/cached-content.ts'
import { findNextScope, listDueCandidates } from '../../server/db/candidates.ts'
import { listAttachments, listConnectorRecords } from '../../server/db/connectors.ts'
import type { Queries } from '../../server/db/database.ts'
import {
  findReleasedBytes,
  sumExclusiveInFeed,
  sumExclusiveInRepository,
} from '../../server/db/exclusive-blobs.ts'
import {
  countStoredBlobs,
  findDigestAhead,
  findLiveBlob,
  listFeedBlobs,
  listHolders,
} from '../../server/db/feed-moves.ts'
import { findFeedByKey } from '../../server/db/feeds.ts'
import { listFormerStores, listStoresWithRemains } from '../../server/db/former-stores.ts'
import { listFreedLocations } from '../../server/db/freed-locations.ts'
import {
  findManifestAhead,
  listBlobUses,
  listChildren,
  listDigestMoves,
  listParents,
  listReferrerRows,
  listTagsOf,
  listUntagged,
} from '../../server/db/image-queries.ts'
import { listLog } from '../../server/db/job-log.ts'
import { listRuns } from '../../server/db/job-runs.ts'
import { listDueJobs, listJobs } from '../../server/db/jobs.ts'
import { needsKeepAlive } from '../../server/db/keep-alive.ts'
import { listDependants, listHeldImages } from '../../server/db/leaving-images.ts'
import { previewLinks } from '../../server/db/link-cleanup.ts'
import {
  findLinkedBlob,
  type LinkKey,
  listBlobUsers,
  listMountSources,
} from '../../server/db/links.ts'
import { findConfigBlob, listUnexamined } from '../../server/db/manifest-facts.ts'
import {
  findManifestByDigest,
  findManifestByTag,
  findManifestIdByDigest,
  findManifestIdByTag,
  findWholeManifest,
  listReferrers,
} from '../../server/db/manifests.ts'
import { previewOrphans } from '../../server/db/orphan-cleanup.ts'
import { listFeedPulls, listRepositoryPulls } from '../../server/db/pulls.ts'
import { findRoom, hasDamagedBlob } from '../../server/db/quotas.ts'
import { findRepository, listRepositories } from '../../server/db/repositories.ts'
import { listRetiredRepositories } from '../../server/db/repository-deletion.ts'
import {
  findRepositoryAhead,
  findRepositoryRow,
  listCounters,
  listRepositoryRows,
} from '../../server/db/repository-pages.ts'
import {
  listEdges,
  listJudgedRepositories,
  listRetentionManifests,
  listTagFacts,
  readOwnBytes,
} from '../../server/db/retention-facts.ts'
import { listRetentionRules } from '../../server/db/retention-rules.ts'
import { searchRepositories } from '../../server/db/search.ts'
import { findSetting } from '../../server/db/settings.ts'
import {
  listImageBytes,
  listImages,
  listRepositorySums,
  listTaggedImages,
} from '../../server/db/sizes.ts'
import { findStaging, listStaged, listStagings } from '../../server/db/stagings.ts'
import { listUnnamed } from '../../server/db/stray-locations.ts'
import { findTagAhead, listTagMoves, listTagRecords } from '../../server/db/tag-pages.ts'
import { listTags } from '../../server/db/tags.ts'
import { listIdleUploads, listPurgingUploads } from '../../server/db/upload-purge.ts'
import { findUpload } from '../../server/db/uploads.ts'
import { writes } from '../../server/db/writes.ts'

interface At {
  readonly storeId: number
  readonly location: string
}
interface Named {
  readonly feedId: number
  readonly name: string
}

/** Reads with one input each, as writes have it. */
export const reads = {
  findCheckedTag,
  findDigestAhead,
  findLiveBlob,
  findStaging,
  countStoredBlobs,
  listFeedBlobs,
  listFormerStores,
  listStoresWithRemains,
  listHolders,
  listStaged,
  listStagings,
  findFeedByKey,
  findImageOrigin,
  findLinkedBlob,
  findManifestByDigest,
  findManifestByTag,
  findManifestIdByDigest,
  findManifestIdByTag,
  findManifestOrigin,
  findReleasedBytes,
  findTagOrigin,
  listAttachments,
  listConnectorRecords,
  listTagOrigins,
  findWholeManifest,
  findRepository: (db: Queries, { feedId, name }: Named) => findRepository(db, feedId, name),
  findNextScope,
  findRoom,
  findSetting,
  findUpload,
  hasDamagedBlob,
  isLocationNamed: (db: Queries, at: At) => isLocationNamed(db, at.storeId, at.location),
  listBlobImages,
  listBlobLocations,
  listBlobsToCheck,
  listDueCandidates,
  listDueJobs,
  listEvents,
  findConfigBlob,
  findManifestAhead: (db: Queries, pick: Parameters<typeof findManifestAhead>[1]) =>
    findManifestAhead(db, pick, 50),
  findRepositoryAhead: (db: Queries, pick: Parameters<typeof findRepositoryAhead>[1]) =>
    findRepositoryAhead(db, pick, 50),
  findRepositoryRow,
  findTagAhead: (db: Queries, pick: Parameters<typeof findTagAhead>[1]) =>
    findTagAhead(db, pick, 50),
  listBlobUses: (db: Queries, key: Parameters<typeof listBlobUses>[1]) =>
    listBlobUses(db, key, { users: 100, repositories: 20 }),
  listChildren: (db: Queries, id: number) => listChildren(db, id, 100),
  listCounters,
  listDigestMoves,
  listFeedPulls,
  listParents: (db: Queries, id: number) => listParents(db, id, 20),
  listReferrerRows: (db: Queries, key: Parameters<typeof listReferrerRows>[1]) =>
    listReferrerRows(db, key, 20),
  listRepositoryPulls,
  listRepositoryRows,
  listRetiredRepositories,
  listTagMoves,
  listTagRecords,
  listTagsOf: (db: Queries, id: number) => listTagsOf(db, id, 100),
  listUnexamined,
  listUntagged,
  searchRepositories,
  listDependants,
  listEdges,
  listHeldImages,
  listImageBytes,
  listImages,
  listJudgedRepositories,
  listRetentionManifests,
  listBlobUsers: (db: Queries, key: LinkKey) => listBlobUsers(db, key, 10),
  listMountSources,
  listFreedLocations,
  listIdleUploads,
  listJobs,
  listLog,
  listPurgingUploads,
  listReferrers,
  listRepositories,
  listRuns,
  listRepositorySums,
  listRetentionRules,
  listTagFacts,
  listTaggedImages,
  listTags,
  listUnnamed,
  needsKeepAlive,
  previewBlobs,
  previewLinks,
  previewOrphans,
  readOwnBytes,
  sumExclusiveInFeed,
  sumExclusiveInRepository,
}

export interface ExplainedStatement {
  readonly sql: string
  /** The lines of the database's plan. */
  readonly plan: readonly string[]
}

/** Runs a read or a write by its name and explains each of its statements before it runs. */
export async function explainCall(
  trx: Queries,
  call: { readonly name: string; readonly input: unknown },
): Promise<ExplainedStatement[]> {
  const calls: Readonly<Record<string, (db: Queries, input: never) => Promise<unknown>>> = {
    ...writes,
    ...reads,
  }
  const called = calls[call.name]
  if (called === undefined) throw new Error(`there is no ${call.name}`)
  const explained: ExplainedStatement[] = []
  await called(explaining(trx, explained), call.input as never)
  return explained
}

/** The same transaction, telling the plan of each statement that passes. */
function explaining(trx: Queries, explained: ExplainedStatement[]): Queries {
  const executor = trx.getExecutor()
  const executeQuery = async (query: CompiledQuery) => {
    const plan = await planOf(executor, query)
    explained.push({ sql: query.sql, plan })
    return executor.executeQuery(query)
  }
  const watching = new Proxy(executor, {
    get: (target, name) => {
      if (name === 'executeQuery') return executeQuery
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const unused = {} as never
  return new Kysely({ config: unused, dialect: unused, driver: unused, executor: watching })
}

async function planOf(executor: QueryExecutor, query: CompiledQuery): Promise<string[]> {
  if (!/^(select|with|insert|update|delete)/.test(query.sql)) return []
  const isPostgres = executor.adapter.supportsTransactionalDdl
  const prefix = isPostgres ? 'explain ' : 'explain query plan '
  const { rows } = await executor.executeQuery<Record<string, unknown>>({
    ...query,
    sql: prefix + query.sql,
  })
  return rows.map((row) => String(row['QUERY PLAN'] ?? row.detail))
}

/** Foreign keys without an index by which the other side's deletion could look them up. */
export async function listUnindexedKeys(db: Queries): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select c.conrelid::regclass || '.' || c.conname as name from pg_constraint c
    where c.contype = 'f' and not exists (
      select 1 from pg_index i
      where i.indrelid = c.conrelid and i.indpred is null
      and (i.indkey::int2[])[0:cardinality(c.conkey) - 1] @> c.conkey)`.execute(db)
  return rows.map(({ name }) => name)
}
