import { sql } from 'kysely'
import { type Params, prepared } from './prepared.ts'
import { nowMs } from './sql.ts'

interface Change {
  readonly repositoryId: number
  /** How many there are more; fewer if negative. */
  readonly tags: number
  readonly manifests: number
}

/** Keeps the counters of a repository, whose row is locked. */
export const countContent = prepared((db, p: Params<Change>) =>
  db
    .updateTable('repositories')
    .set({
      tag_count: sql<number>`tag_count + ${p.tags}`,
      manifest_count: sql<number>`manifest_count + ${p.manifests}`,
    })
    .where('id', '=', p.repositoryId),
)

/** The same for a push, after which the repository is listed. */
export const countPush = prepared((db, p: Params<Change & { by: string }>) =>
  db
    .updateTable('repositories')
    .set({
      listed: sql.lit(1),
      tag_count: sql<number>`tag_count + ${p.tags}`,
      manifest_count: sql<number>`manifest_count + ${p.manifests}`,
      last_pushed_at: nowMs,
      last_pushed_by: p.by,
    })
    .where('id', '=', p.repositoryId),
)
