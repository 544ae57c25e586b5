import path from 'node:path'
import type { Db } from '../db/database.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import { openThrough, type Through } from '../registry/connectors/through.ts'
import type { Feeds } from '../registry/feeds.ts'
import type { Settings } from '../registry/settings.ts'
import type { Secrets, Stores } from '../registry/stores.ts'
import type { Uploads } from '../registry/uploads.ts'
import type { Traces } from '../traces.ts'
import type { Resolve } from '../upstream/address-guard.ts'
import { traceUpstream } from './traced.ts'

export interface ConnectorDeps {
  readonly db: Db
  readonly log: Log
  readonly metrics: Metrics
  readonly traces: Traces | null
  readonly feeds: Feeds
  readonly settings: Settings
  readonly stores: Stores
  readonly uploads: Uploads
  readonly secrets: Secrets
  readonly dataDir: string
  readonly now: () => number
  readonly resolve?: Resolve
  readonly closers: (() => PromiseLike<void> | void)[]
}

/** What serves other registries' images. Transfers end with the uploads, which are stopped first. */
export function openConnectors(deps: ConnectorDeps): Through {
  const { feeds, metrics, traces, closers, uploads, dataDir } = deps
  const spoolFolder = path.join(dataDir, 'spool')
  const findFeed = (id: number) => feeds.findActive(id)
  const observer = traces === null ? metrics : traceUpstream(metrics, traces)
  const through = openThrough({ ...deps, spoolFolder, observer, findFeed })
  closers.push(async () => {
    await uploads[Symbol.asyncDispose]()
    await through[Symbol.asyncDispose]()
  })
  return through
}
