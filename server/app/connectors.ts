import type { Db } from '../db/database.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { Secrets } from '../registry/connectors/attached-connectors.ts'
import { openThrough, type Through } from '../registry/connectors/through.ts'
import type { Feeds } from '../registry/feeds.ts'
import type { Settings } from '../registry/settings.ts'
import type { Stores } from '../registry/stores.ts'
import type { Uploads } from '../registry/uploads.ts'
import type { Resolve } from '../upstream/address-guard.ts'

export interface ConnectorDeps {
  readonly db: Db
  readonly log: Log
  readonly metrics: Metrics
  readonly feeds: Feeds
  readonly settings: Settings
  readonly stores: Stores
  readonly uploads: Uploads
  readonly secrets: Secrets
  readonly now: () => number
  readonly resolve?: Resolve
  readonly closers: (() => PromiseLike<void> | void)[]
}

/** What serves other registries' images. Transfers end with the uploads, which are stopped first. */
export function openConnectors(deps: ConnectorDeps): Through {
  const { feeds, metrics, closers, uploads } = deps
  const findFeed = (id: number) => feeds.findActive(id)
  const through = openThrough({ ...deps, observer: metrics, findFeed })
  closers.push(async () => {
    await uploads[Symbol.asyncDispose]()
    await through[Symbol.asyncDispose]()
  })
  return through
}
