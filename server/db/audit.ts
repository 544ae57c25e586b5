import type { Queries } from './database.ts'

export interface AuditPage {
  /** Only events with a smaller id: the page before ended there. */
  readonly before: number | null
  readonly count: number
  /** One kind, or with `*` at the end all that begin so. */
  readonly kind: string | null
  readonly by: string | null
  readonly feedId: number | null
  /** From this time on, and before that one. */
  readonly from: number | null
  readonly to: number | null
}

export interface AuditRecord {
  readonly id: number
  readonly at: number
  readonly kind: string
  readonly by: string
  readonly address: string | null
  /** The feed's name, also of one that was deleted since. */
  readonly feed: string | null
  readonly repository: string | null
  /** JSON. */
  readonly detail: string
}

/** What happened, the newest first. */
export async function listEvents(db: Queries, page: AuditPage): Promise<AuditRecord[]> {
  const { before, kind, by, feedId, from, to } = page
  let query = db
    .selectFrom('events')
    .leftJoin('feeds', 'feeds.id', 'events.feed_id')
    .select([
      'events.id',
      'events.at',
      'events.kind',
      'events.by',
      'events.address',
      'events.repository',
      'events.detail',
      'feeds.name as feed',
    ])
  if (before !== null) query = query.where('events.id', '<', before)
  if (kind?.endsWith('*')) {
    const start = kind.slice(0, -1)
    // A range, which an index can seek in both databases; kinds are plain ASCII.
    query = query.where('events.kind', '>=', start).where('events.kind', '<', `${start}\u007f`)
  } else if (kind !== null) {
    query = query.where('events.kind', '=', kind)
  }
  if (by !== null) query = query.where('events.by', '=', by)
  if (feedId !== null) query = query.where('events.feed_id', '=', feedId)
  if (from !== null) query = query.where('events.at', '>=', from)
  if (to !== null) query = query.where('events.at', '<', to)
  return await query.orderBy('events.id', 'desc').limit(page.count).execute()
}
