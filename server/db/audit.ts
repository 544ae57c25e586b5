import type { Queries } from './database.ts'

export interface AuditPage {
  /** Only events before this one: the page before ended there. */
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

/** What happened, the newest first; of one time the one that was written last. */
export async function listEvents(db: Queries, page: AuditPage): Promise<AuditRecord[]> {
  const { before, kind, count } = page
  const start = before === null ? null : await startBefore(db, before)
  if (kind === '*') return await listOfKind(db, { ...page, kind: null, start })
  if (!kind?.endsWith('*')) return await listOfKind(db, { ...page, start })
  const found: AuditRecord[] = []
  // The newest of each kind: a range of kinds would have to be sorted by time, all of it.
  for (const each of await kindsFrom(db, kind.slice(0, -1))) {
    found.push(...(await listOfKind(db, { ...page, kind: each, start })))
  }
  return found.sort((a, b) => b.at - a.at || b.id - a.id).slice(0, count)
}

interface Start {
  readonly id: number
  /** Null: it was removed since, as the oldest are. */
  readonly at: number | null
}

async function startBefore(db: Queries, id: number): Promise<Start> {
  const row = await db.selectFrom('events').select('at').where('id', '=', id).executeTakeFirst()
  return { id, at: row?.at ?? null }
}

/** The kinds that begin so: a few seeks, for there are few kinds, in plain ASCII. */
async function kindsFrom(db: Queries, start: string): Promise<string[]> {
  const kinds: string[] = []
  for (;;) {
    const last = kinds.at(-1)
    const row = await db
      .selectFrom('events')
      .select('kind')
      .where('kind', last === undefined ? '>=' : '>', last ?? start)
      .where('kind', '<', `${start}\u007f`)
      .orderBy('kind')
      .limit(1)
      .executeTakeFirst()
    if (row === undefined) return kinds
    kinds.push(row.kind)
  }
}

async function listOfKind(
  db: Queries,
  page: Omit<AuditPage, 'before'> & { readonly start: Start | null },
): Promise<AuditRecord[]> {
  const { start, kind, by, feedId, from, to } = page
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
  if (start !== null) {
    const { at, id } = start
    query = query.where((eb) =>
      at === null
        ? eb('events.id', '<', id)
        : eb(eb.refTuple('events.at', 'events.id'), '<', eb.tuple(at, id)),
    )
  }
  if (kind !== null) query = query.where('events.kind', '=', kind)
  if (by !== null) query = query.where('events.by', '=', by)
  if (feedId !== null) query = query.where('events.feed_id', '=', feedId)
  if (from !== null) query = query.where('events.at', '>=', from)
  if (to !== null) query = query.where('events.at', '<', to)
  return await query
    .orderBy('events.at', 'desc')
    .orderBy('events.id', 'desc')
    .limit(page.count)
    .execute()
}
