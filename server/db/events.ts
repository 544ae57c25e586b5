import type { Actor } from '../domain/actor.ts'
import type { Queries } from './database.ts'
import { type Params, prepared } from './prepared.ts'
import { nowMs, nowMsOnce } from './sql.ts'

export interface Event {
  readonly kind: string
  readonly by: string
  /** Where the request came from; absent or null for the server's own work and the command line. */
  readonly address?: string | null
  readonly feedId?: number
  readonly repository?: string
  /** Plain JSON, never a secret. */
  readonly detail: Readonly<Record<string, unknown>>
}

interface EventRow {
  readonly kind: string
  readonly by: string
  readonly address: string | null
  readonly feedId: number | null
  readonly repository: string | null
  readonly detail: string
}

const insert = prepared((db, p: Params<EventRow>) =>
  db.insertInto('events').values({
    at: nowMs,
    kind: p.kind,
    by: p.by,
    address: p.address,
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
    address: event.address ?? null,
    feedId: event.feedId ?? null,
    repository: event.repository ?? null,
    detail: JSON.stringify(event.detail),
  })
}

/** The same of what a caller did to something that belongs to no feed. */
export async function insertEventBy(
  trx: Queries,
  kind: string,
  by: Actor,
  detail: Event['detail'],
): Promise<void> {
  await insertEvent(trx, { kind, by: by.name, address: by.address, detail })
}

/** Removes events that are too old, the oldest first; how many. */
export async function pruneEvents(
  trx: Queries,
  input: { readonly maxAgeMs: number; readonly limit: number },
): Promise<number> {
  const { numDeletedRows } = await trx
    .deleteFrom('events')
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('events')
        .select('id')
        .where('at', '<', eb(nowMsOnce, '-', input.maxAgeMs))
        .orderBy('at')
        .limit(input.limit),
    )
    .executeTakeFirst()
  return Number(numDeletedRows)
}
