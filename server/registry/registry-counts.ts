import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Db } from '../db/database.ts'
import { dayOf, listFeedPulls, type PullDay } from '../db/pulls.ts'
import { listCounters } from '../db/repository-pages.ts'
import { lastOldDay, recentDays } from './repositories.ts'

/** What is in a registry, or in the part of it that somebody may view. */
export interface RegistryCounts {
  readonly repositories: number
  readonly tags: number
  readonly manifests: number
  readonly lastPush: { readonly at: number; readonly by: string } | null
}

/** Sums of whole registries, each up to five seconds old. */
export interface RegistryCounting {
  /** `mayView` null: all of it. Sums of a part are made anew each time. */
  count(feedId: number, mayView: ((repository: string) => boolean) | null): Promise<RegistryCounts>
}

const maxAgeMs = 5000
const step = 2000

/**
 * Goes through the counters of a registry's repositories, not through what they count, a step at a
 * time; of whole registries at most once in five seconds, however many pages look.
 */
export function openRegistryCounting(
  db: Db,
  monotonicMs = () => performance.now(),
): RegistryCounting {
  const known = new Map<number, { readonly at: number; readonly counts: Promise<RegistryCounts> }>()
  return {
    count(feedId, mayView) {
      if (mayView !== null) return sum(db, feedId, mayView)
      const last = known.get(feedId)
      if (last !== undefined && monotonicMs() - last.at < maxAgeMs) return last.counts
      const counts = sum(db, feedId, () => true)
      known.set(feedId, { at: monotonicMs(), counts })
      counts.catch(() => known.delete(feedId))
      return counts
    },
  }
}

async function sum(
  db: Db,
  feedId: number,
  mayView: (repository: string) => boolean,
): Promise<RegistryCounts> {
  let [repositories, tags, manifests, after] = [0, 0, 0, '']
  let lastPush: RegistryCounts['lastPush'] = null
  for (;;) {
    const rows = await listCounters(db.read, { feedId, after, count: step })
    for (const row of rows) {
      if (!mayView(row.name)) continue
      repositories += 1
      tags += row.tags
      manifests += row.manifests
      if (lastPush === null || row.lastPushedAt > lastPush.at) {
        lastPush = { at: row.lastPushedAt, by: row.lastPushedBy }
      }
    }
    const last = rows.at(-1)
    if (last === undefined || rows.length < step) return { repositories, tags, manifests, lastPush }
    after = last.name
    await nextTurn()
  }
}

/** Pulls as the pages show them. */
export interface PullSummary {
  readonly total: number
  readonly last30Days: number
  readonly lastAt: number | null
  /** Of each recent day, today last. */
  readonly daily: readonly number[]
}

export function summarizePulls(days: readonly PullDay[], now: number): PullSummary {
  const all = days.find(({ day }) => day === 0)
  const byDay = new Map(days.map(({ day, pulls }) => [day, pulls]))
  const daily = Array.from(
    { length: recentDays },
    (_, i) => byDay.get(dayOf(now) - recentDays + 1 + i) ?? 0,
  )
  return {
    total: all?.pulls ?? 0,
    last30Days: daily.reduce((total, pulls) => total + pulls, 0),
    lastAt: all?.lastAt ?? null,
    daily,
  }
}

export async function summarizeFeedPulls(
  db: Db,
  feedId: number,
  now: number,
): Promise<PullSummary> {
  return summarizePulls(await listFeedPulls(db.read, { feedId, since: lastOldDay(now) }), now)
}
