import { type ConnectorRecord, listAttachments, listConnectorRecords } from '../../db/connectors.ts'
import type { Db } from '../../db/database.ts'
import type { ConnectorSettings } from '../../domain/connector.ts'
import type { Resolve } from '../../upstream/address-guard.ts'
import type { Secrets } from '../stores.ts'
import type { Connector } from './connector.ts'
import type { FailureSink } from './failure-log.ts'
import type { Place } from './pull-through.ts'
import { Upstream, type UpstreamObserver } from './upstream.ts'

export interface AttachedDeps {
  readonly db: Db
  readonly secrets: Secrets
  readonly observer: UpstreamObserver
  readonly log: FailureSink
  readonly now: () => number
  readonly resolve?: Resolve
}

/** A connector that a feed asks. */
export type Attached =
  | {
      readonly kind: 'registry'
      readonly id: number
      readonly name: string
      readonly upstream: Upstream
    }
  | { readonly kind: 'feed'; readonly id: number; readonly name: string; readonly feedId: number }

export type AskedRegistry = Attached & { readonly kind: 'registry' }

const maxAgeMs = 1000

/** The connectors of each feed, as of at most a second ago, and what is known of their registries. */
export class AttachedConnectors implements Disposable {
  readonly #deps: AttachedDeps
  #readAt = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | undefined
  #byFeed: ReadonlyMap<number, readonly Attached[]> = new Map()
  readonly #upstreams = new Map<number, { readonly version: number; readonly upstream: Upstream }>()

  constructor(deps: AttachedDeps) {
    this.#deps = deps
  }

  /** Reads them anew if that is a second ago. */
  refresh(): Promise<void> | undefined {
    return Math.abs(this.#deps.now() - this.#readAt) < maxAgeMs ? undefined : this.reread()
  }

  reread(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  /** Those that are enabled, in the order in which they are asked; `refresh` comes first. */
  of(feedId: number): readonly Attached[] {
    return this.#byFeed.get(feedId) ?? none
  }

  /** Whether anything may come from elsewhere; `refresh` comes first. */
  has(feedId: number): boolean {
    return this.of(feedId).length > 0
  }

  /** The registries that are asked for a repository, in their order; `refresh` comes first. */
  upstreamsFor({ feed, repository }: Place): Upstream[] {
    return this.of(feed.id)
      .flatMap((each) => (each.kind === 'registry' ? [each.upstream] : []))
      .filter((upstream) => upstream.allows(repository))
  }

  /** The registry, if it is asked for what is there; undefined: not any more. `refresh` comes first. */
  findAsked({ feed, repository }: Place, connectorId: number | null): AskedRegistry | undefined {
    const connector = this.of(feed.id).find(({ id }) => id === connectorId)
    if (connector?.kind !== 'registry') return undefined
    return connector.upstream.allows(repository) ? connector : undefined
  }

  /** What this process knows of a connector's registry; undefined: nothing yet. */
  findUpstream(connectorId: number): Upstream | undefined {
    return this.#upstreams.get(connectorId)?.upstream
  }

  /** A registry as it would be asked, apart from what is known of it: to try it. */
  openUpstream(record: ConnectorRecord): Upstream {
    const { secrets, observer, now, resolve, log } = this.#deps
    const settings = JSON.parse(record.settings) as ConnectorSettings
    const password = record.secret && secrets.decrypt(record.secret, secretOwner(record.name))
    const options = { name: record.name, settings, password, now, observer, log }
    return new Upstream({ ...options, ...(resolve && { resolve }) })
  }

  [Symbol.dispose](): void {
    for (const { upstream } of this.#upstreams.values()) upstream[Symbol.dispose]()
    this.#upstreams.clear()
  }

  async #read(): Promise<void> {
    const startedAt = this.#deps.now()
    const { db } = this.#deps
    const records = (await listConnectorRecords(db.read)).filter(({ enabled }) => enabled)
    const attachments = records.length === 0 ? [] : await listAttachments(db.read)
    this.#forgetChanged(records)
    const open = new Map(records.map((record) => [record.id, this.#open(record)]))
    const byFeed = new Map<number, Attached[]>()
    for (const { feedId, connectorId } of attachments) {
      const attached = open.get(connectorId)
      if (attached === undefined) continue
      byFeed.set(feedId, [...(byFeed.get(feedId) ?? []), attached])
    }
    this.#byFeed = byFeed
    this.#readAt = startedAt
  }

  #open(record: ConnectorRecord): Attached {
    const { id, name, feedId, version } = record
    if (feedId !== null) return { kind: 'feed', id, name, feedId }
    const known = this.#upstreams.get(id)
    if (known?.version === version) return { kind: 'registry', id, name, upstream: known.upstream }
    const upstream = this.openUpstream(record)
    this.#upstreams.set(id, { version, upstream })
    return { kind: 'registry', id, name, upstream }
  }

  /** What is under way with a former one ends as it can. */
  #forgetChanged(records: readonly ConnectorRecord[]): void {
    const versions = new Map(records.map(({ id, version }) => [id, version]))
    for (const [id, { version, upstream }] of this.#upstreams) {
      if (versions.get(id) === version) continue
      upstream.client.retire()
      this.#upstreams.delete(id)
    }
  }
}

const none: readonly Attached[] = []

/** What a password is encrypted for. */
export function secretOwner(name: string): string {
  return `connector ${name.toLowerCase()}`
}

export function connectorOf(record: ConnectorRecord): Connector {
  const { id, name, key, enabled, version, feedId } = record
  const common = { id, name, key, enabled, version }
  if (feedId !== null) return { ...common, kind: 'feed', feedId }
  const settings = JSON.parse(record.settings) as ConnectorSettings
  return { ...common, kind: 'registry', settings, hasPassword: record.secret !== null }
}
