import { sql } from 'kysely'
import type { Queries } from './database.ts'
import { chunksOf } from './sql.ts'

/** The migration that brings the table of pulls. */
const countedBy = '005-browsing'

/**
 * Since when pulls are counted; null: they are not. What was pulled before that is not known, so
 * nothing counts as unused for longer.
 */
export async function findPullsCountedSince(db: Queries): Promise<number | null> {
  const { rows } = await sql<{ timestamp: string }>`
    select "timestamp" from kysely_migration where name = ${countedBy}`.execute(db)
  const time = Date.parse(rows[0]?.timestamp ?? '')
  return Number.isNaN(time) ? null : time
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
    const { rows } = await sql<PullFacts>`
      select manifest_id as id, pulls, last_pulled_at as "lastPulledAt"
      from manifest_pulls where manifest_id in (${sql.join(chunk)})`.execute(db)
    facts.push(...rows)
  }
  return facts
}
