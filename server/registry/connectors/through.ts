import type { DamageLog } from '../blobs.ts'
import type { Stores } from '../stores.ts'
import type { Uploads } from '../uploads.ts'
import { AttachedConnectors, type AttachedDeps } from './attached-connectors.ts'
import type { CompletionDeps } from './completion.ts'
import type { FailureSink } from './failure-log.ts'
import { ManifestFetches } from './manifest-fetches.ts'
import type { MergedDeps } from './merged-lists.ts'
import type { PullThroughDeps } from './pull-through.ts'
import { Transfers } from './transfers.ts'
import { UpstreamLists } from './upstream-lists.ts'

/** Everything that serves what other registries have. */
export interface Through extends CompletionDeps, MergedDeps, AsyncDisposable {}

export interface ThroughOptions extends AttachedDeps {
  readonly settings: CompletionDeps['settings']
  readonly stores: Stores
  readonly uploads: Uploads
  readonly log: DamageLog & FailureSink
  readonly spoolFolder: string
  readonly findFeed: PullThroughDeps['findFeed']
}

/** To be closed after the uploads were stopped: transfers end with them. */
export function openThrough(options: ThroughOptions): Through {
  const { db, settings, findFeed, now } = options
  const connectors = new AttachedConnectors(options)
  const transfers = new Transfers(options)
  return {
    ...{ db, settings, findFeed, connectors, transfers },
    fetches: new ManifestFetches({ db, settings }),
    lists: new UpstreamLists(now),
    async [Symbol.asyncDispose]() {
      connectors[Symbol.dispose]()
      await transfers[Symbol.asyncDispose]()
    },
  }
}
