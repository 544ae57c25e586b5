import type { Queries } from './database.ts'
import { nowMs } from './sql.ts'

export interface Event {
  readonly kind: string
  readonly by: string
  readonly feedId?: number
  readonly repository?: string
  /** Plain JSON, never a secret. */
  readonly detail: Readonly<Record<string, unknown>>
}

/** Records what happened, in the transaction in which it happens. */
export async function insertEvent(trx: Queries, event: Event): Promise<void> {
  await trx
    .insertInto('events')
    .values({
      at: nowMs,
      kind: event.kind,
      by: event.by,
      feed_id: event.feedId ?? null,
      repository: event.repository ?? null,
      detail: JSON.stringify(event.detail),
    })
    .execute()
}
