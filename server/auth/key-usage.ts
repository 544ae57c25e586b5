import {
  type ApiKeyUse,
  deleteOldRequests,
  type NewApiKeyRequest,
  recordApiKeyUses,
} from '../db/api-key-requests.ts'
import { findApiKey } from '../db/api-keys.ts'
import type { Db } from '../db/database.ts'
import { startFlushTimer } from '../db/flush-timer.ts'
import type { Principal } from '../domain/permission.ts'
import { createRecent } from './recent.ts'

/** One request of a key, answered. */
export interface AnsweredRequest {
  readonly address: string
  readonly method: string
  /** Without the query, which may hold a secret. */
  readonly path: string
  readonly status: number
}

/**
 * When keys were last used and, of those whose `logging` says so, what for: gathered in memory and
 * written together, so that no request waits for it. What a crash takes is a few seconds of it.
 */
export interface KeyUsage extends AsyncDisposable {
  /** Of principals that are no keys nothing is kept. */
  answered(principal: Pick<Principal, 'kind' | 'id'>, request: AnsweredRequest): void
  flush(): Promise<void>
}

export interface KeyUsageOptions {
  readonly db: Db
  readonly now: () => number
  readonly flushIntervalMs?: number
  readonly onError: (error: unknown) => void
}

const maxRequestsOfKey = 10_000
const maxAgeMs = 30 * 24 * 60 * 60 * 1000
/** More in one interval is not written down: the log is for people. */
const maxGathered = 10_000
const batch = 500
const maxPathLength = 500

export function openKeyUsage(options: KeyUsageOptions): KeyUsage {
  const { db, now, flushIntervalMs = 5000, onError } = options
  const uses = new Map<number, ApiKeyUse>()
  const requests: NewApiKeyRequest[] = []
  const findKey = createRecent({
    load: (id: number) => findApiKey(db.read, id),
    maxAgeMs: 900,
    maxEntries: 1000,
    monotonicMs: () => performance.now(),
  })
  /** Those that wait to hear whether the key is logged. */
  const pending = new Set<Promise<void>>()

  const log = async (request: NewApiKeyRequest) => {
    const key = await findKey(request.keyId)
    if (key?.logging === 'request' && requests.length < maxGathered) requests.push(request)
  }

  const flush = async () => {
    await Promise.all(pending)
    const used = [...uses.values()]
    const logged = requests.splice(0)
    uses.clear()
    for (let start = 0; start < Math.max(used.length, logged.length); start += batch) {
      await db.write(recordApiKeyUses, {
        uses: used.slice(start, start + batch),
        requests: logged.slice(start, start + batch),
        maxRequests: maxRequestsOfKey,
      })
    }
  }
  const timer = startFlushTimer({ intervalMs: flushIntervalMs, flush, onError })

  return {
    answered({ kind, id: keyId }, { address, method, path, status }) {
      if (kind !== 'key') return
      const at = now()
      uses.set(keyId, { keyId, at, address })
      const request = { keyId, at, address, method, path: path.slice(0, maxPathLength), status }
      const logged = log(request).catch(onError)
      pending.add(logged)
      void logged.then(() => pending.delete(logged))
    },
    flush: () => timer.flush(),
    [Symbol.asyncDispose]: () => timer[Symbol.asyncDispose](),
  }
}

/** Removes a part of the logged requests that are older than 30 days; whether there may be more. */
export async function pruneKeyRequests({ db }: { readonly db: Db }): Promise<boolean> {
  return (await db.write(deleteOldRequests, { maxAgeMs, limit: batch })) === batch
}
