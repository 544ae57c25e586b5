import { type BlobTarget, findStoredSize } from '../blobs.ts'
import type { BlobTransfer } from './blob-transfer.ts'
import { refusalOf } from './connector.ts'
import { type Asker, findOtherFeed, type PullThroughDeps, type Way } from './pull-through.ts'
import type { Transfers } from './transfers.ts'
import type { Upstream } from './upstream.ts'

export interface BlobsThroughDeps extends PullThroughDeps {
  readonly transfers: Transfers
}

/** Where a blob is to be read now. */
export type FoundBlob =
  | { readonly kind: 'here'; readonly target: BlobTarget }
  | { readonly kind: 'transfer'; readonly transfer: BlobTransfer }

interface Search {
  readonly target: BlobTarget
  readonly asker: Asker
  readonly way: Way
}

/**
 * Looks for a blob that is not in the repository through the feed's connectors, and begins to
 * fetch it. Undefined: nobody knows it. Throws as `findManifest`.
 */
export async function findBlob(
  deps: BlobsThroughDeps,
  target: BlobTarget,
  asker: Asker,
): Promise<FoundBlob | undefined> {
  const elsewhere = await findInFeeds(deps, { target, asker, way: [] })
  if (elsewhere !== undefined) return { kind: 'here', target: elsewhere }
  for (const { feed, upstreams } of await listUpstreams(deps, { target, asker, way: [] })) {
    const wanted = { target: { ...target, feed }, keep: feed.cacheConnectors }
    const opened = await deps.transfers.open(wanted, upstreams)
    if (opened === 'here') return { kind: 'here', target: wanted.target }
    if (opened !== undefined) return { kind: 'transfer', transfer: opened }
  }
  return undefined
}

/** The same for who only wants to know: nothing is fetched, unless its size is not told otherwise. */
export async function findBlobSize(
  deps: BlobsThroughDeps,
  target: BlobTarget,
  asker: Asker,
): Promise<{ readonly sizeBytes: number } | undefined> {
  const search = { target, asker, way: [] }
  const elsewhere = await findInFeeds(deps, search)
  if (elsewhere !== undefined) return findStoredSize(deps, elsewhere)
  for (const { upstreams } of await listUpstreams(deps, search)) {
    const sizeBytes = await headFirst(upstreams, target)
    if (typeof sizeBytes === 'number') return { sizeBytes }
    if (sizeBytes === 'unsaid') return sizeOfFetched(await findBlob(deps, target, asker))
  }
  return undefined
}

async function sizeOfFetched(found: FoundBlob | undefined) {
  return found?.kind === 'transfer' ? { sizeBytes: await found.transfer.size() } : undefined
}

/** Throws what the first failure was, if none has it. */
async function headFirst(
  upstreams: readonly Upstream[],
  { repository, digest }: BlobTarget,
): Promise<number | 'unsaid' | undefined> {
  let failure: unknown
  for (const upstream of upstreams) {
    try {
      const question = { operation: 'blob', repository, item: digest }
      const head = await upstream.ask(question, (client, name) => client.headBlob(name, digest))
      if (head !== undefined) return head.sizeBytes ?? 'unsaid'
    } catch (error) {
      failure ??= refusalOf(error, upstream)
    }
  }
  if (failure !== undefined) throw failure
  return undefined
}

/** The first feed of this server, among the feed's connectors and theirs, that has the blob. */
export async function findInFeeds(
  deps: PullThroughDeps,
  search: Search,
): Promise<BlobTarget | undefined> {
  for (const other of await listFeedsOf(deps, search)) {
    const target = { ...search.target, feed: other.feed }
    if ((await findStoredSize(deps, target)) !== undefined) return target
    const found = await findInFeeds(deps, { ...search, target, way: other.way })
    if (found !== undefined) return found
  }
  return undefined
}

interface FeedUpstreams {
  readonly feed: BlobTarget['feed']
  readonly upstreams: readonly Upstream[]
}

/** Registries that may have it, each with the feed that keeps what comes from it. */
export async function listUpstreams(
  deps: PullThroughDeps,
  search: Search,
): Promise<FeedUpstreams[]> {
  const { feed } = search.target
  const upstreams = deps.connectors.upstreamsFor(search.target)
  const own = upstreams.length === 0 ? [] : [{ feed, upstreams }]
  const others = await listFeedsOf(deps, search)
  const theirs = await Promise.all(
    others.map((other) =>
      listUpstreams(deps, {
        ...search,
        target: { ...search.target, feed: other.feed },
        way: other.way,
      }),
    ),
  )
  return [...own, ...theirs.flat()]
}

async function listFeedsOf(
  deps: PullThroughDeps,
  { target, asker, way }: Search,
): Promise<{ readonly feed: BlobTarget['feed']; readonly way: Way }[]> {
  const found: { feed: BlobTarget['feed']; way: Way }[] = []
  for (const connector of deps.connectors.of(target.feed.id)) {
    if (connector.kind !== 'feed') continue
    const place = await findOtherFeed(deps, { ...target, asker, way }, connector.feedId)
    if (place !== undefined) found.push({ feed: place.feed, way: [...way, target.feed.id] })
  }
  return found
}
