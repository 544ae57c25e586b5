import type { Db } from '../db/database.ts'
import { startFlushTimer } from '../db/flush-timer.ts'
import { type LoginRecord, recordLogins } from '../db/logins.ts'
import type { Principal } from '../domain/permission.ts'
import { createBoundedCache } from './bounded-cache.ts'
import { createFailedLogins, type FailedLogins } from './failed-logins.ts'

/**
 * Logins for the audit, good and bad: gathered in memory, and of one account at one address not
 * more than one of each kind in ten minutes, failures with their number. What was typed for a user
 * name is kept only if there is such a user: people type passwords there.
 */
export interface LoginRecords extends Pick<FailedLogins, 'failed' | 'refused'>, AsyncDisposable {
  succeeded(principal: Principal, address: string): void
  flush(): Promise<void>
}

export interface LoginRecordsOptions {
  readonly db: Db
  readonly monotonicMs?: () => number
  readonly flushIntervalMs?: number
  readonly onError: (error: unknown) => void
}

const quietMs = 10 * 60_000
const maxEntries = 10_000
const batch = 200

export function openLoginRecords(options: LoginRecordsOptions): LoginRecords {
  const { db, monotonicMs = () => performance.now(), flushIntervalMs = 5000, onError } = options
  const lastLogins = createBoundedCache<number>(maxEntries)
  const failures = createFailedLogins(monotonicMs)
  let logins: LoginRecord[] = []

  const write = async (sinceMs: number) => {
    const records = [...logins, ...failures.take(sinceMs)]
    logins = []
    for (let start = 0; start < records.length; start += batch) {
      await db.write(recordLogins, { records: records.slice(start, start + batch) })
    }
  }
  const timer = startFlushTimer({
    intervalMs: flushIntervalMs,
    flush: () => write(quietMs),
    onError,
  })

  return {
    failed: failures.failed,
    refused: failures.refused,
    succeeded({ kind, id, name }, address) {
      if (kind === 'anonymous') return
      const pair = `${kind} ${id} ${address}`
      const now = monotonicMs()
      const last = lastLogins.get(pair)
      if (last !== undefined && now - last < quietMs) return
      lastLogins.set(pair, now)
      logins.push({ kind: 'login.succeeded', principal: { kind, id, name }, address })
    },
    flush: () => timer.flush(),
    async [Symbol.asyncDispose]() {
      await timer[Symbol.asyncDispose]()
      await write(0).catch(onError)
    },
  }
}
