import { findManifestOrigin, findTagOrigin } from '../../db/cached-content.ts'
import { cacheManifest } from '../../db/manifest-push.ts'
import { findManifestIdByDigest, findWholeManifest } from '../../db/manifests.ts'
import { findRepository } from '../../db/repositories.ts'
import { type Digest, parseDigest } from '../../domain/digest.ts'
import { RegistryError } from '../../domain/errors.ts'
import { type Manifest, parseManifest } from '../../domain/manifest.ts'
import type { Reference } from '../../domain/reference.ts'
import { findStoredSize, mount } from '../blobs.ts'
import { decodeManifest, rowOf } from '../manifests.ts'
import type { Settings } from '../settings.ts'
import { type BlobsThroughDeps, findInFeeds, listUpstreams } from './blobs-through.ts'
import { refusalOf } from './connector.ts'
import {
  type Asker,
  type FoundManifest,
  findManifest,
  findOtherFeed,
  type Place,
} from './pull-through.ts'

export interface CompletionDeps extends BlobsThroughDeps {
  readonly settings: Settings
}

/** Indexes in indexes: deeper than this nobody goes. */
const maxDepth = 8

/**
 * Fetches what a manifest that is being pushed needs and only a connector has: clients heard that it
 * is there, and did not send it. What nobody has is left to the push itself, which refuses it; of
 * images that came through a connector, which may be gone by now, it would not see what is missing.
 * Throws MANIFEST_BLOB_UNKNOWN, UPSTREAM_FAILED while it cannot be had, or QUOTA_EXCEEDED.
 */
export async function completeReferences(
  deps: CompletionDeps,
  { place, asker, content, contentType }: Pushed,
): Promise<void> {
  const manifest = parseManifest(decodeManifest(content), contentType)
  const isConnected = deps.connectors.has(place.feed.id)
  if (!isConnected && manifest.children.length === 0) return
  await completeManifest({ deps, place, asker, seen: new Set() }, manifest, 0)
}

/**
 * The same for a manifest that is here already and came through a connector: to who is about to push
 * it, "it is there" is all of it. One that was pushed is complete.
 */
export async function completeCached(
  deps: CompletionDeps,
  { place, asker, reference }: { place: Place; asker: Asker; reference: Reference },
): Promise<void> {
  const digest = await findDigest(deps, place, reference)
  if (digest === undefined) return
  const completion = { deps, place, asker, seen: new Set<string>() }
  // Most ask before they push what nobody has: that is looked for no further.
  if (await findChild(completion, digest)) await completeChild(completion, digest, 1)
}

async function findDigest({ db }: CompletionDeps, place: Place, reference: Reference) {
  if (reference.kind === 'digest') return reference.digest
  const key = { feedId: place.feed.id, repository: place.repository, tag: reference.tag }
  const origin = await findTagOrigin(db.read, key)
  return origin && parseDigest(origin.digest)
}

export interface Pushed {
  readonly place: Place
  readonly asker: Asker
  readonly content: Uint8Array
  /** Without parameters; undefined when the client sent none. */
  readonly contentType: string | undefined
}

interface Completion {
  readonly deps: CompletionDeps
  readonly place: Place
  readonly asker: Asker
  readonly seen: Set<string>
}

async function completeManifest(completion: Completion, manifest: Manifest, depth: number) {
  const { place } = completion
  const blobs = manifest.config === null ? manifest.layers : [manifest.config, ...manifest.layers]
  for (const { digest } of blobs) {
    if (await ensureBlob(completion, digest)) continue
    if (depth > 0) throw missing(place, digest)
    // The push itself says so, in its own words: nobody need be asked for the rest.
    if (!place.feed.sparseIndexes) return
  }
  for (const { digest } of manifest.children) {
    const isHere = await completeChild(completion, digest, depth + 1)
    if (!isHere && depth === 0 && !place.feed.sparseIndexes) return
  }
}

/** False: nobody has it. */
async function completeChild(
  completion: Completion,
  digest: Digest,
  depth: number,
): Promise<boolean> {
  const { deps, place, seen } = completion
  if (seen.has(digest)) return true
  seen.add(digest)
  const child = (await findChild(completion, digest)) ?? (await fetchChild(completion, digest))
  // An index's entries may be blobs too (BuildKit's cache).
  if (child === undefined) return ensureBlob(completion, digest)
  // Pushed ones were complete when they were accepted.
  if (child.connectorId === null) return true
  if (depth > maxDepth) throw missing(place, digest)
  const whole = await findWholeManifest(deps.db.read, child.id)
  if (whole === undefined) throw missing(place, digest)
  const manifest = parseManifest(decodeManifest(whole.content), whole.mediaType)
  await completeManifest(completion, manifest, depth)
  return true
}

async function findChild({ deps: { db }, place }: Completion, digest: Digest) {
  const row = await findRepository(db.read, place.feed.id, place.repository)
  return row && findManifestOrigin(db.read, { repositoryId: row.id, digest })
}

/** Undefined: nobody has it, as a manifest. */
async function fetchChild(completion: Completion, digest: Digest) {
  const { deps, place } = completion
  if (await isLinked(completion, digest)) return undefined
  const reference = { kind: 'digest', digest } as const
  for (const connector of deps.connectors.of(place.feed.id)) {
    if (connector.kind === 'feed') {
      await copyManifest(completion, connector, digest)
    } else {
      try {
        const fetched = await deps.fetches.fetch({ ...place, reference }, connector, true)
        if (fetched?.refusal) throw fetched.refusal
      } catch (error) {
        throw refusalOf(error, connector)
      }
    }
    const child = await findChild(completion, digest)
    if (child !== undefined) return child
  }
  return undefined
}

/** From another feed of this server, or through its connectors. */
async function copyManifest(
  { deps, place, asker }: Completion,
  connector: { readonly id: number; readonly name: string; readonly feedId: number },
  digest: Digest,
): Promise<void> {
  const { db, settings } = deps
  const other = await findOtherFeed(deps, { ...place, asker, way: [] }, connector.feedId)
  const target = other && { ...other, reference: { kind: 'digest', digest } as const }
  const found = target && (await findManifest(deps, target, asker, [place.feed.id]))
  const whole = found && (await contentOf(deps, found, digest))
  if (!whole) return
  const manifest = parseManifest(decodeManifest(whole.content), whole.mediaType)
  await db.write(cacheManifest, {
    ...{ feedId: place.feed.id, repository: place.repository, connectorId: connector.id },
    ...{ by: `connector ${connector.name}`, digest, ...rowOf(manifest), mayOverwrite: true },
    ...{ content: new Uint8Array(whole.content), tags: [], graceMs: settings.graceMs() },
  })
}

async function contentOf({ db }: CompletionDeps, found: FoundManifest, digest: Digest) {
  if (found.kind === 'passed') return found.manifest
  const { feed, repository } = found.target
  const known = await findManifestIdByDigest(db.read, { feedId: feed.id, repository, digest })
  return known && findWholeManifest(db.read, known.id)
}

/** Whether the repository has the blob, now. */
async function ensureBlob(completion: Completion, digest: Digest): Promise<boolean> {
  if (await isLinked(completion, digest)) return true
  const { deps, place, asker } = completion
  const target = { ...place, digest }
  const search = { target, asker, way: [] }
  const elsewhere = await findInFeeds(deps, search)
  if (elsewhere !== undefined) {
    const from = { feed: elsewhere.feed, repository: elsewhere.repository }
    const isMounted = await mount(deps, { ...target, from, mayPull: () => true })
    // What is in another store cannot be linked.
    if (!isMounted) await deps.transfers.copy(target, elsewhere)
    return true
  }
  const upstreams = (await listUpstreams(deps, search)).flatMap((each) => each.upstreams)
  const opened = await deps.transfers.open({ target, keep: true }, upstreams)
  if (opened === undefined) return false
  if (opened === 'here') return true
  await opened.done()
  if (opened.refusal) throw opened.refusal
  return true
}

async function isLinked({ deps, place }: Completion, digest: Digest): Promise<boolean> {
  return (await findStoredSize(deps, { ...place, digest })) !== undefined
}

function missing({ feed, repository }: Place, digest: string): RegistryError {
  return new RegistryError(
    'MANIFEST_BLOB_UNKNOWN',
    `The manifest needs ${digest}, which is neither in ${feed.key}/${repository} nor to be had through a connector: push it first.`,
    { detail: [{ digest }] },
  )
}
