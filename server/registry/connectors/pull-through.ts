import { setTimeout as sleep } from 'node:timers/promises'
import { findTagOrigin, noteTagCheck, type TagOrigin } from '../../db/cached-content.ts'
import type { Db } from '../../db/database.ts'
import { findManifestIdByDigest } from '../../db/manifests.ts'
import type { RepositoryName, Tag } from '../../domain/reference.ts'
import { UpstreamError } from '../../upstream/upstream-error.ts'
import type { Feed } from '../feeds.ts'
import type { ManifestTarget } from '../manifests.ts'
import type { AskedRegistry, Attached, AttachedConnectors } from './attached-connectors.ts'
import { refusalOf } from './connector.ts'
import type { FetchedManifest, ManifestFetches } from './manifest-fetches.ts'

/** A repository of a feed; it need not be there. */
export interface Place {
  readonly feed: Feed
  readonly repository: RepositoryName
}

/** Who asks: what comes from another feed of this server needs rights there too. */
export interface Asker {
  mayPull(place: Place): boolean
}

/** Where a manifest is to be read now. */
export type FoundManifest = (
  | { readonly kind: 'here'; readonly target: ManifestTarget }
  | { readonly kind: 'passed'; readonly manifest: FetchedManifest }
) & {
  /** What the client is told of its age; null: nothing. */
  readonly warning: string | null
}

export interface PullThroughDeps {
  readonly db: Db
  readonly connectors: AttachedConnectors
  readonly fetches: ManifestFetches
  /** By its number; undefined: gone, or switched off. */
  readonly findFeed: (id: number) => Promise<Feed | undefined>
}

/** Feeds that were asked on the way: a circle ends where it began. */
export type Way = readonly number[]

/**
 * Looks for a manifest here, then through the feed's connectors in their order. What was pushed is
 * what there is; a tag that came through a connector is checked there when it is not fresh any more,
 * and served as it is while that is not possible. Undefined: nobody knows it. Throws UPSTREAM_FAILED
 * or TOOMANYREQUESTS while a connector that may have it cannot be asked.
 */
export async function findManifest(
  deps: PullThroughDeps,
  target: ManifestTarget,
  asker: Asker,
  way: Way = [],
): Promise<FoundManifest | undefined> {
  const { feed, repository, reference } = target
  const attached = deps.connectors.of(feed.id)
  if (reference.kind === 'digest') {
    const key = { feedId: feed.id, repository, digest: reference.digest }
    if (await findManifestIdByDigest(deps.db.read, key)) return here(target)
  } else {
    const key = { feedId: feed.id, repository, tag: reference.tag }
    const origin = await findTagOrigin(deps.db.read, key)
    if (origin) return freshen(deps, { ...target, tag: reference.tag }, origin)
  }
  let failure: unknown
  for (const connector of attached) {
    try {
      const found = await askConnector(deps, { target, asker, way }, connector)
      if (found !== undefined) return found
    } catch (error) {
      // Another registry's tag may name another image: only what has a digest is looked for further.
      if (reference.kind === 'tag') throw refusalOf(error, connector)
      failure ??= refusalOf(error, connector)
    }
  }
  if (failure !== undefined) throw failure
  return undefined
}

interface Search {
  readonly target: ManifestTarget
  readonly asker: Asker
  readonly way: Way
}

async function askConnector(
  deps: PullThroughDeps,
  { target, asker, way }: Search,
  connector: Attached,
): Promise<FoundManifest | undefined> {
  if (connector.kind === 'registry') {
    const fetched = await deps.fetches.fetch(target, connector)
    return fetched && foundOf(target, fetched)
  }
  const place = await findOtherFeed(deps, { ...target, asker, way }, connector.feedId)
  if (place === undefined) return undefined
  return findManifest(deps, { ...target, feed: place.feed }, asker, [...way, target.feed.id])
}

/** The same repository in another feed of this server, if the caller may pull from it. */
export async function findOtherFeed(
  { findFeed }: Pick<PullThroughDeps, 'findFeed'>,
  { feed, repository, asker, way }: Place & { readonly asker: Asker; readonly way: Way },
  feedId: number,
): Promise<Place | undefined> {
  if (way.includes(feedId) || feedId === feed.id) return undefined
  const other = await findFeed(feedId)
  if (other === undefined) return undefined
  const place = { feed: other, repository }
  return asker.mayPull(place) ? place : undefined
}

type TagTarget = ManifestTarget & { readonly tag: Tag }

/** What was asked for in vain is not asked for again for so long, by no process. */
const restMs = 15_000

/** A tag that is here. */
async function freshen(
  deps: PullThroughDeps,
  target: TagTarget,
  origin: TagOrigin,
): Promise<FoundManifest> {
  const connector = deps.connectors.findAsked(target, origin.connectorId)
  if (connector === undefined) return here(target)
  const { upstream } = connector
  const { checkedAgoMs, failedAgoMs, failure } = origin
  if (checkedAgoMs < upstream.freshnessMs) {
    upstream.observer.countThrough(upstream.name, 'hit')
    const gone = goneWarning(connector)
    return here(target, failure === gone ? gone : null)
  }
  const isTooSoon = failedAgoMs !== null && failedAgoMs < restMs
  if (upstream.isResting || isTooSoon) return here(target, staleWarning(connector, origin))
  try {
    const checked = await inTime(checkTag(deps, target, { connector, origin }))
    if (checked !== 'late') return checked
    upstream.noteSlowness()
    return here(target, staleWarning(connector, origin))
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error
    return here(target, staleWarning(connector, origin))
  }
}

/** What is cached waits no longer to be checked: that goes on by itself. */
const patienceMs = 5000

async function inTime<T>(work: Promise<T>): Promise<T | 'late'> {
  const late = new AbortController()
  const timer = sleep(patienceMs, 'late' as const, { signal: late.signal, ref: false })
  // Whichever loses the race ends unheard.
  for (const each of [work, timer]) each.catch(() => {})
  return Promise.race([work, timer]).finally(() => late.abort())
}

interface Checking {
  readonly connector: AskedRegistry
  readonly origin: TagOrigin
}

/**
 * Asks where the tag points now, and writes down what came of it; a tag that upstream has deleted
 * stays what it was. Throws UpstreamError.
 */
export async function checkTag(
  deps: Pick<PullThroughDeps, 'db' | 'fetches'>,
  target: TagTarget,
  checking: Checking,
): Promise<FoundManifest> {
  const { connector, origin } = checking
  const note = (isFound: boolean, failure: string | null) =>
    deps.db.write(noteTagCheck, {
      ...{ repositoryId: origin.repositoryId, tag: target.tag, connectorId: connector.id },
      ...{ isFound, failure },
    })
  try {
    const digest = await deps.fetches.headTag(target, connector)
    if (digest !== undefined && digest !== origin.digest) {
      const fetched = await deps.fetches.fetch(target, connector)
      if (fetched) return foundOf(target, fetched)
    }
    const warning = digest === origin.digest ? null : goneWarning(connector)
    await note(true, warning)
    connector.upstream.observer.countThrough(connector.upstream.name, 'hit')
    return here(target, warning)
  } catch (error) {
    if (error instanceof UpstreamError) await note(false, error.message)
    throw error
  }
}

function foundOf(target: ManifestTarget, fetched: FetchedManifest): FoundManifest {
  if (!fetched.isKept) return { kind: 'passed', manifest: fetched, warning: null }
  return here(target)
}

function here(target: ManifestTarget, warning: string | null = null): FoundManifest {
  return { kind: 'here', target, warning }
}

function staleWarning(connector: Attached, { checkedAgoMs }: TagOrigin): string {
  const minutes = Math.floor(checkedAgoMs / 60_000)
  return `the connector ${connector.name} cannot be asked now: this is what it had ${minutes} minutes ago`
}

function goneWarning(connector: AskedRegistry): string {
  return `the connector ${connector.name} does not have this tag any more: this is what it had`
}
