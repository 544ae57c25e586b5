import { sql } from 'kysely'
import type { Queries } from './database.ts'
import { type Params, prepared } from './prepared.ts'
import { chunksOf, greatest } from './sql.ts'

/** Pulls of one manifest in the last seconds. */
export interface ManifestPulls {
  readonly manifestId: number
  readonly byTag: number
  /** Count only for what no index lists: a client that pulls an index asks for its image, too. */
  readonly byDigest: number
  /** Milliseconds since 1970. */
  readonly lastAt: number
}

interface Counted {
  readonly manifestId: number
  readonly repositoryId: number
  readonly feedId: number
  readonly pulls: number
  readonly lastAt: number
}

const dayMs = 24 * 60 * 60 * 1000

export function dayOf(timeMs: number): number {
  return Math.floor(timeMs / dayMs)
}

/** Adds pulls to what is there. Manifests that are gone, and what only looks like a pull, count not. */
export async function recordPulls(
  trx: Queries,
  input: { readonly pulls: readonly ManifestPulls[] },
): Promise<void> {
  const counted = await countable(trx, input.pulls)
  // In one order: two servers of one database that write at the same time wait for each other.
  for (const each of counted.toSorted((a, b) => a.manifestId - b.manifestId)) {
    await addToManifest.run(trx, each)
  }
  for (const { id, day, pulls, lastAt } of sums(counted, ({ repositoryId }) => repositoryId)) {
    await addToRepository.run(trx, { id, day, pulls, lastAt })
  }
  for (const { id, day, pulls, lastAt } of sums(counted, ({ feedId }) => feedId)) {
    await addToFeed.run(trx, { id, day, pulls, lastAt })
  }
}

async function countable(trx: Queries, pulls: readonly ManifestPulls[]): Promise<Counted[]> {
  const counted: Counted[] = []
  for (const chunk of chunksOf(pulls)) {
    const rows = await trx
      .selectFrom('manifests')
      .innerJoin('repositories', 'repositories.id', 'manifests.repository_id')
      .select((eb) => [
        'manifests.id',
        'manifests.subject',
        'repositories.id as repositoryId',
        'repositories.feed_id as feedId',
        eb
          .selectFrom('manifest_children')
          .select('parent_id')
          .whereRef('child_id', '=', 'manifests.id')
          .limit(1)
          .as('parentId'),
      ])
      .where(
        'manifests.id',
        'in',
        chunk.map(({ manifestId }) => manifestId),
      )
      // Held, so that none is deleted before the new row refers to it.
      .orderBy('manifests.id')
      .modifyEnd(trx.getExecutor().adapter.supportsTransactionalDdl ? keyShare : nothing)
      .execute()
    const byId = new Map(rows.map((row) => [row.id, row]))
    for (const { manifestId, byTag, byDigest, lastAt } of chunk) {
      const row = byId.get(manifestId)
      if (row === undefined || row.subject !== null) continue
      const count = byTag + (row.parentId === null ? byDigest : 0)
      const { repositoryId, feedId } = row
      if (count > 0) counted.push({ manifestId, repositoryId, feedId, pulls: count, lastAt })
    }
  }
  return counted
}

const keyShare = sql`for key share of manifests`
const nothing = sql``

interface Sum {
  readonly id: number
  readonly day: number
  readonly pulls: number
  readonly lastAt: number
}

/** By what they belong to and day, and with day 0 all days together; in the order of the keys. */
function sums(counted: readonly Counted[], idOf: (each: Counted) => number): Sum[] {
  const found = new Map<string, Sum>()
  for (const each of counted) {
    for (const day of [0, dayOf(each.lastAt)]) {
      const id = idOf(each)
      const key = `${id} ${day}`
      const before = found.get(key)
      const pulls = (before?.pulls ?? 0) + each.pulls
      found.set(key, { id, day, pulls, lastAt: Math.max(before?.lastAt ?? 0, each.lastAt) })
    }
  }
  return [...found.values()].sort((a, b) => a.id - b.id || a.day - b.day)
}

const addToManifest = prepared((db, p: Params<Counted>) =>
  db
    .insertInto('manifest_pulls')
    .values({ manifest_id: p.manifestId, pulls: p.pulls, last_pulled_at: p.lastAt })
    .onConflict((conflict) =>
      conflict.column('manifest_id').doUpdateSet({
        pulls: sql<number>`manifest_pulls.pulls + excluded.pulls`,
        last_pulled_at: greatest(sql`manifest_pulls.last_pulled_at`, sql`excluded.last_pulled_at`),
      }),
    ),
)

const addToRepository = prepared((db, p: Params<Sum>) =>
  db
    .insertInto('repository_pulls')
    .values({ repository_id: p.id, day: p.day, pulls: p.pulls, last_pulled_at: p.lastAt })
    .onConflict((conflict) =>
      conflict.columns(['repository_id', 'day']).doUpdateSet({
        pulls: sql<number>`repository_pulls.pulls + excluded.pulls`,
        last_pulled_at: greatest(
          sql`repository_pulls.last_pulled_at`,
          sql`excluded.last_pulled_at`,
        ),
      }),
    ),
)

const addToFeed = prepared((db, p: Params<Sum>) =>
  db
    .insertInto('feed_pulls')
    .values({ feed_id: p.id, day: p.day, pulls: p.pulls, last_pulled_at: p.lastAt })
    .onConflict((conflict) =>
      conflict.columns(['feed_id', 'day']).doUpdateSet({
        pulls: sql<number>`feed_pulls.pulls + excluded.pulls`,
        last_pulled_at: greatest(sql`feed_pulls.last_pulled_at`, sql`excluded.last_pulled_at`),
      }),
    ),
)

export interface PullDay {
  readonly day: number
  readonly pulls: number
  readonly lastAt: number
}

/** The row of all days, day 0, and those after `since`. */
export async function listFeedPulls(
  db: Queries,
  { feedId, since }: { readonly feedId: number; readonly since: number },
): Promise<PullDay[]> {
  return await db
    .selectFrom('feed_pulls')
    .select(['day', 'pulls', 'last_pulled_at as lastAt'])
    .where('feed_id', '=', feedId)
    .where((eb) => eb.or([eb('day', '=', 0), eb('day', '>', since)]))
    .execute()
}

/** The same of a repository. */
export async function listRepositoryPulls(
  db: Queries,
  { repositoryId, since }: { readonly repositoryId: number; readonly since: number },
): Promise<PullDay[]> {
  return await db
    .selectFrom('repository_pulls')
    .select(['day', 'pulls', 'last_pulled_at as lastAt'])
    .where('repository_id', '=', repositoryId)
    .where((eb) => eb.or([eb('day', '=', 0), eb('day', '>', since)]))
    .execute()
}

/** Removes some days that are before `day`, of which the sums stay; how many rows. */
export async function prunePulls(
  trx: Queries,
  { before, limit }: { readonly before: number; readonly limit: number },
): Promise<number> {
  const { numDeletedRows: repositories } = await trx
    .deleteFrom('repository_pulls')
    .where(({ eb, refTuple, selectFrom }) =>
      eb(
        refTuple('repository_id', 'day'),
        'in',
        selectFrom('repository_pulls')
          .select(['repository_id', 'day'])
          .where('day', '>', 0)
          .where('day', '<', before)
          .orderBy('day')
          .limit(limit)
          .$asTuple('repository_id', 'day'),
      ),
    )
    .executeTakeFirst()
  const { numDeletedRows: feeds } = await trx
    .deleteFrom('feed_pulls')
    .where('day', '>', 0)
    .where('day', '<', before)
    .executeTakeFirst()
  return Number(repositories) + Number(feeds)
}
