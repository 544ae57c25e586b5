import type { Db } from '../db/database.ts'
import { startFlushTimer } from '../db/flush-timer.ts'
import { dayOf, type ManifestPulls, prunePulls, recordPulls } from '../db/pulls.ts'
import type { Reference } from '../domain/reference.ts'

/**
 * How often images are pulled: gathered in memory and written together, since a pull writes nothing
 * to the database. What a crash takes is a few seconds of it.
 */
export interface Pulls extends AsyncDisposable {
  /** A manifest was sent in full to somebody who asked for it so. */
  count(manifestId: number, reference: Reference): void
  flush(): Promise<void>
}

export interface PullsOptions {
  readonly db: Db
  readonly now: () => number
  readonly flushIntervalMs?: number
  readonly onError: (error: unknown) => void
}

const batch = 500
/** Days are kept so long; the sums stay. */
const keptDays = 400
/** What cosign names its signatures and the like by: a client that verifies asks for them, too. */
const companionTag = /^sha(?:256|512)-[0-9a-f]{64,128}(?:\.|$)/

export function openPulls({ db, now, flushIntervalMs = 3000, onError }: PullsOptions): Pulls {
  let gathered = new Map<number, ManifestPulls>()
  const flush = async () => {
    const pulls = [...gathered.values()]
    gathered = new Map()
    for (let start = 0; start < pulls.length; start += batch) {
      await db.write(recordPulls, { pulls: pulls.slice(start, start + batch) })
    }
  }
  const timer = startFlushTimer({ intervalMs: flushIntervalMs, flush, onError })
  return {
    count(manifestId, reference) {
      const byTag = reference.kind === 'tag'
      if (byTag && companionTag.test(reference.tag)) return
      const before = gathered.get(manifestId)
      gathered.set(manifestId, {
        manifestId,
        byTag: (before?.byTag ?? 0) + (byTag ? 1 : 0),
        byDigest: (before?.byDigest ?? 0) + (byTag ? 0 : 1),
        lastAt: now(),
      })
    },
    flush: () => timer.flush(),
    [Symbol.asyncDispose]: () => timer[Symbol.asyncDispose](),
  }
}

/** Removes a part of the days that nobody is shown any more; whether there may be more. */
export async function pruneOldPulls({ db }: { readonly db: Db }, now: number): Promise<boolean> {
  const before = dayOf(now) - keptDays
  return (await db.write(prunePulls, { before, limit: batch })) >= batch
}
