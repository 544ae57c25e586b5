import type { Db } from '../db/database.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import { startExamining } from '../registry/image-facts.ts'
import { openPulls, type Pulls } from '../registry/pulls.ts'
import { type FeedUse, openQuotas, type Quotas, readFeedUses } from '../registry/quotas.ts'
import { openRegistryCounting, type RegistryCounting } from '../registry/registry-counts.ts'
import { openSizeFolding, type SizeFolding } from '../registry/sizes.ts'
import type { Stores } from '../registry/stores.ts'

/** What the pages show beyond what is pushed: counts of pulls, sums, facts of manifests. */
export interface Browsing {
  readonly pulls: Pulls
  readonly registryCounting: RegistryCounting
  readonly sizeFolding: SizeFolding
  readonly quotas: Quotas
  readonly quotaUses: () => Promise<readonly FeedUse[]>
}

export interface BrowsingDeps {
  readonly db: Db
  readonly log: Log
  readonly metrics: Pick<Metrics, 'watchQuotas'>
  readonly stores: Stores
  readonly now: () => number
  readonly closers: (() => PromiseLike<void> | void)[]
}

/** Closed before the database: what was counted is written down a last time. */
export function openBrowsing({ db, log, metrics, stores, now, closers }: BrowsingDeps): Browsing {
  const pulls = openPulls({
    ...{ db, now },
    onError: (err) => log.error({ err }, 'Pulls could not be counted'),
  })
  closers.push(() => pulls[Symbol.asyncDispose]())
  const onError = (err: unknown) =>
    log.error({ err }, 'Platforms and sizes of images could not be looked up yet')
  closers.push(startExamining({ db, stores }, { onError }))
  const sizeFolding = openSizeFolding(db)
  const quotaUses = () => readFeedUses({ db, sizeFolding })
  metrics.watchQuotas(quotaUses)
  return {
    ...{ pulls, sizeFolding, quotaUses },
    registryCounting: openRegistryCounting(db),
    quotas: openQuotas({ db }),
  }
}
