import type { Queries } from './database.ts'
import { type Params, prepared } from './prepared.ts'
import { nowMs } from './sql.ts'

export interface Event {
  readonly kind: string
  readonly by: string
  readonly feedId?: number
  readonly repository?: string
  /** Plain JSON, never a secret. */
  readonly detail: Readonly<Record<string, unknown>>
}

interface EventRow {
  readonly kind: string
  readonly by: string
  readonly feedId: number | null
  readonly repository: string | null
  readonly detail: string
}

const insert = prepared((db, p: Params<EventRow>) =>
  db.insertInto('events').values({
    at: nowMs,
    kind: p.kind,
    by: p.by,
    feed_id: p.feedId,
    repository: p.repository,
    detail: p.detail,
  }),
)

/** Records what happened, in the transaction in which it happens. */
export async function insertEvent(trx: Queries, event: Event): Promise<void> {
  await insert.run(trx, {
    kind: event.kind,
    by: event.by,
    feedId: event.feedId ?? null,
    repository: event.repository ?? null,
    detail: JSON.stringify(event.detail),
  })
}
