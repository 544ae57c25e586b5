import { sql } from 'kysely'
import { RegistryError } from '../domain/errors.ts'
import { noteCandidates } from './candidates.ts'
import type { Queries } from './database.ts'
import { insertEvent } from './events.ts'
import { fromNow, isFresh, renewedLease } from './lease.ts'
import { forgetFacts } from './manifest-facts.ts'
import { type Params, prepared } from './prepared.ts'
import { lockRepository } from './repositories.ts'
import type { ManifestBlobRow } from './schema.ts'
import { chunksOf, nowMs } from './sql.ts'

/** A blob as a repository has it. */
export interface LinkedBlob {
  readonly storeId: number
  readonly location: string
  readonly sizeBytes: number
}

export interface LinkKey {
  readonly repositoryId: number
  readonly digest: string
}

const liveBlob = prepared((db, p: Params<LinkKey>) =>
  db
    .selectFrom('links')
    .innerJoin('blobs', (join) =>
      join
        .onRef('blobs.store_id', '=', 'links.store_id')
        .onRef('blobs.digest', '=', 'links.digest'),
    )
    .select([
      'blobs.store_id as storeId',
      'blobs.location',
      'blobs.size_bytes as sizeBytes',
      sql<number>`links.lease_until - ${nowMs}`.as('leftMs'),
      sql<number>`${nowMs} - links.promised_at`.as('promisedAgoMs'),
    ])
    .where('links.repository_id', '=', p.repositoryId)
    .where('links.digest', '=', p.digest)
    .where('blobs.state', '=', sql.lit('live')),
)

/** The live blob behind a repository's link; undefined when there is none, or it is damaged. */
export async function findLinkedBlob(db: Queries, key: LinkKey): Promise<LinkedBlob | undefined> {
  return liveBlob.find(db, key)
}

/** The same for a caller who may push, with whether its lease has to be renewed (`promiseBlob`). */
export async function findPromise(
  db: Queries,
  key: LinkKey,
  graceMs: number,
): Promise<(LinkedBlob & { readonly fresh: boolean }) | undefined> {
  const row = await liveBlob.find(db, key)
  return row && { ...row, fresh: isFresh(row, graceMs) }
}

const promise = prepared((db, p: Params<LinkKey & { graceMs: number }>) =>
  db
    .updateTable('links')
    .set({ lease_until: renewedLease('lease_until', p.graceMs), promised_at: nowMs })
    .where('repository_id', '=', p.repositoryId)
    .where('digest', '=', p.digest)
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom('blobs')
          .select('blobs.digest')
          .whereRef('blobs.store_id', '=', 'links.store_id')
          .whereRef('blobs.digest', '=', 'links.digest')
          .where('blobs.state', '=', sql.lit('live')),
      ),
    ),
)

/** Promises the blob for the grace time. False when it is not there, or damaged. */
export async function promiseBlob(
  trx: Queries,
  input: LinkKey & { readonly graceMs: number },
): Promise<boolean> {
  return (await promise.run(trx, input)) > 0
}

const storeOf = prepared((db, p: Params<LinkKey>) =>
  db
    .selectFrom('links')
    .select('store_id as storeId')
    .where('repository_id', '=', p.repositoryId)
    .where('digest', '=', p.digest),
)

/** Whether the repository has the blob, whole or damaged. */
export async function isLinked(db: Queries, key: LinkKey): Promise<boolean> {
  return (await storeOf.find(db, key)) !== undefined
}

/** The blob that a link led to, in the store that it left, may be garbage there. */
export async function noteLeft(trx: Queries, storeId: number, digest: string): Promise<void> {
  await noteCandidates(trx, { kind: 'blob', scopeId: storeId, digests: [digest], dueInMs: 0 })
}

interface NewLink extends LinkKey {
  readonly storeId: number
  readonly graceMs: number
}

const upsert = prepared((db, p: Params<NewLink>) =>
  db
    .insertInto('links')
    .values({
      repository_id: p.repositoryId,
      digest: p.digest,
      store_id: p.storeId,
      promised_at: nowMs,
      lease_until: fromNow(p.graceMs),
    })
    .onConflict((conflict) =>
      conflict.columns(['repository_id', 'digest']).doUpdateSet({
        store_id: p.storeId,
        promised_at: nowMs,
        lease_until: renewedLease('links.lease_until', p.graceMs),
      }),
    ),
)

/**
 * Gives the repository the blob, promised for the grace time, and turns what manifests wanted of
 * it into edges. The repository's row is locked before: shared, so that commits need not wait for
 * each other, but a manifest that wants the blob cannot slip in between.
 * Returns whether the repository did not have it before.
 */
export async function upsertLink(trx: Queries, input: NewLink): Promise<boolean> {
  const { repositoryId, digest, graceMs, storeId } = input
  const before = await storeOf.find(trx, { repositoryId, digest })
  await upsert.run(trx, input)
  if (before !== undefined && before.storeId !== storeId) {
    await noteLeft(trx, before.storeId, digest)
  }
  await noteCandidates(trx, {
    kind: 'link',
    scopeId: repositoryId,
    digests: [digest],
    dueInMs: 2 * graceMs,
  })
  await linkWanted(trx, input)
  return before === undefined
}

const wantedBy = prepared((db, p: Params<LinkKey>) =>
  db
    .selectFrom('wanted')
    .select(['manifest_id', 'role'])
    .where('repository_id', '=', p.repositoryId)
    .where('digest', '=', p.digest),
)

async function linkWanted(trx: Queries, { repositoryId, digest }: LinkKey) {
  const wanted = await wantedBy.list(trx, { repositoryId, digest })
  if (wanted.length === 0) return
  const key = { repository_id: repositoryId, digest }
  for (const chunk of chunksOf(wanted)) {
    await trx
      .insertInto('manifest_blobs')
      .values(chunk.map(({ manifest_id, role }) => ({ ...key, manifest_id, role })))
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }
  await trx
    .deleteFrom('wanted')
    .where('repository_id', '=', repositoryId)
    .where('digest', '=', digest)
    .execute()
  await forgetFacts(
    trx,
    wanted.map((row) => row.manifest_id),
  )
}

/** A link of another repository, from which a mount may start. */
export interface MountSource {
  readonly repositoryId: number
  readonly feedId: number
  readonly feedGroupId: number | null
  readonly repository: string
}

/** Repositories of active feeds that have the blob in this store, at most `limit`. */
export async function listMountSources(
  db: Queries,
  input: { readonly storeId: number; readonly digest: string; readonly limit: number },
): Promise<MountSource[]> {
  return db
    .selectFrom('links')
    .innerJoin('repositories', 'repositories.id', 'links.repository_id')
    .innerJoin('feeds', 'feeds.id', 'repositories.feed_id')
    .select([
      'repositories.id as repositoryId',
      'repositories.feed_id as feedId',
      'feeds.feed_group_id as feedGroupId',
      'repositories.name as repository',
    ])
    .where('links.store_id', '=', input.storeId)
    .where('links.digest', '=', input.digest)
    .where('feeds.active', '=', 1)
    .where('repositories.retired', '=', 0)
    .orderBy('links.repository_id')
    .limit(input.limit)
    .execute()
}

/**
 * Manifests of the repository that use the blob, or that use it so, at most `limit`: the oldest of
 * each role, as the index has them. There may be a hundred thousand.
 */
export async function listBlobUsers(
  db: Queries,
  key: LinkKey & { readonly role?: ManifestBlobRow['role'] },
  limit: number,
): Promise<{ digest: string; role: ManifestBlobRow['role'] }[]> {
  let query = db
    .selectFrom('manifest_blobs')
    .innerJoin('manifests', 'manifests.id', 'manifest_blobs.manifest_id')
    .select(['manifests.digest', 'manifest_blobs.role'])
    .where('manifest_blobs.repository_id', '=', key.repositoryId)
    .where('manifest_blobs.digest', '=', key.digest)
  if (key.role !== undefined) query = query.where('manifest_blobs.role', '=', key.role)
  return query
    .orderBy('manifest_blobs.role')
    .orderBy('manifest_blobs.manifest_id')
    .limit(limit)
    .execute()
}

/**
 * Takes the blob from the repository. False when it has none; IN_USE, naming the users, while a
 * manifest refers to it. The bytes go with the clean-up of their store, once nobody links them.
 */
export async function deleteLink(
  trx: Queries,
  key: LinkKey & { readonly by: string; readonly address?: string | null },
): Promise<boolean> {
  const { repositoryId, digest, by, address = null } = key
  const { feedId, name: repository } = await lockRepository(trx, repositoryId)
  const link = await trx
    .selectFrom('links')
    .select('store_id')
    .where('repository_id', '=', repositoryId)
    .where('digest', '=', digest)
    .executeTakeFirst()
  if (!link) return false
  await trx
    .selectFrom('blobs')
    .select('digest')
    .where('store_id', '=', link.store_id)
    .where('digest', '=', digest)
    .forNoKeyUpdate()
    .execute()
  const users = (await listBlobUsers(trx, key, 10)).map((user) => user.digest)
  if (users.length > 0) {
    throw new RegistryError(
      'IN_USE',
      `The blob is used by ${users.join(', ')}: delete these manifests first.`,
      { detail: { usedBy: users } },
    )
  }
  await trx
    .deleteFrom('links')
    .where('repository_id', '=', repositoryId)
    .where('digest', '=', digest)
    .execute()
  await noteCandidates(trx, { kind: 'blob', scopeId: link.store_id, digests: [digest], dueInMs: 0 })
  const detail = { digest }
  await insertEvent(trx, { kind: 'blob.deleted', by, address, feedId, repository, detail })
  return true
}
