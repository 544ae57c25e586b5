import { sql } from 'kysely'
import type { Queries } from './database.ts'
import { chunksOf } from './sql.ts'

/**
 * Since when pulls are counted: since this database has the table of them. What was pulled before
 * that is not known, so nothing counts as unused for longer.
 */
export async function findPullsCountedSince(db: Queries): Promise<number> {
  const { rows } = await sql<{ timestamp: string }>`
    select "timestamp" from kysely_migration where name = '005-browsing'`.execute(db)
  const since = Date.parse(rows[0]?.timestamp ?? '')
  if (Number.isNaN(since)) throw new Error('The database does not say since when pulls are counted')
  return since
}

export interface PullFacts {
  readonly id: number
  readonly pulls: number
  readonly lastPulledAt: number
}

/** How often each of these manifests was pulled; those that never were are absent. */
export async function listPulls(db: Queries, ids: readonly number[]): Promise<PullFacts[]> {
  const facts: PullFacts[] = []
  for (const chunk of chunksOf(ids)) {
    const rows = await db
      .selectFrom('manifest_pulls')
      .select(['manifest_id as id', 'pulls', 'last_pulled_at as lastPulledAt'])
      .where('manifest_id', 'in', chunk)
      .execute()
    facts.push(...rows)
  }
  return facts
}
