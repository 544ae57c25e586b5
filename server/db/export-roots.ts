import { sql } from 'kysely'
import type { Queries } from './database.ts'

interface RootPage {
  readonly repositoryId: number
  /** The last digest of the page before; '' for the first. */
  readonly after: string
  readonly count: number
}

/** Manifests that no tag names and no index lists, by digest. */
export async function listUntaggedRoots(db: Queries, page: RootPage): Promise<string[]> {
  const rows = await db
    .selectFrom('manifests as m')
    .select('m.digest')
    .where('m.repository_id', '=', page.repositoryId)
    .where('m.digest', '>', page.after)
    .where(sql<boolean>`not exists (select 1 from tags t where t.manifest_id = m.id)`)
    .where(sql<boolean>`not exists (select 1 from manifest_children c where c.child_id = m.id)`)
    .orderBy('m.digest')
    .limit(page.count)
    .execute()
  return rows.map(({ digest }) => digest)
}
