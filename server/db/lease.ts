import { type Expression, type RawBuilder, sql } from 'kysely'
import { greatest, nowMs } from './sql.ts'

/** From now on by the database's clock, in milliseconds. */
export function fromNow(ms: number | Expression<number>): RawBuilder<number> {
  return sql<number>`${nowMs} + ${ms}`
}

/** A `lease_until` that covers the grace time from now and never ends sooner than it did. */
export function renewedLease(current: string, graceMs: number | Expression<number>) {
  return greatest(sql<number>`${sql.ref(current)}`, fromNow(graceMs))
}

/** Half the grace time is still ahead and the promise is fresh: nothing needs to be written. */
export function isFresh(
  lease: { leftMs: number; promisedAgoMs: number },
  graceMs: number,
): boolean {
  return lease.leftMs >= graceMs / 2 && lease.promisedAgoMs < maxPromiseMs / 2
}

/** Keep-alive renews what was promised within this time: a repository pushed to all day still sheds. */
export const maxPromiseMs = 24 * 60 * 60 * 1000
