import { findManifestOrigin } from '../../db/cached-content.ts'
import { cacheManifest } from '../../db/manifest-push.ts'
import { findWholeManifest } from '../../db/manifests.ts'
import { findRepository } from '../../db/repositories.ts'
import type { Digest } from '../../domain/digest.ts'
import { RegistryError } from '../../domain/errors.ts'
import { type Manifest, parseManifest } from '../../domain/manifest.ts'
import { findStoredSize, mount } from '../blobs.ts'
import { decodeManifest, rowOf } from '../manifests.ts'
import type { Settings } from '../settings.ts'
import { type BlobsThroughDeps, findInFeeds } from './blobs-through.ts'
import { refusalOf } from './connector.ts'
import { type Asker, findOtherFeed, type Place } from './pull-through.ts'

export interface CompletionDeps extends BlobsThroughDeps {
  readonly settings: Settings
}

/** Indexes in indexes: deeper than this nobody goes. */
const maxDepth = 8

/**
 * Fetches what a manifest that is being pushed needs and only a connector has: clients heard that it
 * is there, and did not send it. What nobody has is left to the push itself, which refuses it; of
 * images that came through a connector it would not see what is missing. Throws
 * MANIFEST_BLOB_UNKNOWN, or UPSTREAM_FAILED while it cannot be had.
 */
export async function completeReferences(
  deps: CompletionDeps,
  { place, asker, content, contentType }: Pushed,
): Promise<void> {
  const manifest = parseManifest(decodeManifest(content), contentType)
  await completeManifest({ deps, place, asker, seen: new Set() }, manifest, 0)
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
  const blobs = manifest.config === null ? manifest.layers : [manifest.config, ...manifest.layers]
  for (const { digest } of blobs) {
    if (await ensureBlob(completion, digest)) continue
    // Of the manifest that is being pushed the push itself says so, in its own words.
    if (depth > 0) throw missing(completion.place, digest)
  }
  for (const { digest } of manifest.children) await completeChild(completion, digest, depth + 1)
}

async function completeChild(completion: Completion, digest: Digest, depth: number) {
  const { deps, place, seen } = completion
  if (seen.has(digest)) return
  seen.add(digest)
  const child = (await findChild(completion, digest)) ?? (await fetchChild(completion, digest))
  // Pushed ones were complete when they were accepted.
  if (child === undefined || child.connectorId === null) return
  if (depth > maxDepth) throw missing(place, digest)
  const whole = await findWholeManifest(deps.db.read, child.id)
  if (whole === undefined) throw missing(place, digest)
  const manifest = parseManifest(decodeManifest(whole.content), whole.mediaType)
  await completeManifest(completion, manifest, depth)
}

async function findChild({ deps: { db }, place }: Completion, digest: Digest) {
  const row = await findRepository(db.read, place.feed.id, place.repository)
  return row && findManifestOrigin(db.read, { repositoryId: row.id, digest })
}

/** An index's entries may be blobs too (BuildKit's cache), so what is no manifest is looked for there. */
async function fetchChild(completion: Completion, digest: Digest) {
  const { deps, place } = completion
  if (await isLinked(completion, digest)) return undefined
  const reference = { kind: 'digest', digest } as const
  for (const connector of deps.connectors.of(place.feed.id)) {
    if (connector.kind === 'feed') {
      await copyManifest(completion, connector, digest)
      continue
    }
    try {
      await deps.fetches.fetch({ ...place, reference }, connector, true)
    } catch (error) {
      throw refusalOf(error, connector)
    }
    const child = await findChild(completion, digest)
    if (child !== undefined) return child
  }
  const child = await findChild(completion, digest)
  if (child === undefined) await ensureBlob(completion, digest)
  return child
}

async function copyManifest(
  { deps, place, asker }: Completion,
  connector: { readonly id: number; readonly name: string; readonly feedId: number },
  digest: Digest,
): Promise<void> {
  const { db, settings } = deps
  const other = await findOtherFeed(deps, { ...place, asker, way: [] }, connector.feedId)
  const row = other && (await findRepository(db.read, other.feed.id, other.repository))
  const found = row && (await findManifestOrigin(db.read, { repositoryId: row.id, digest }))
  const whole = found && (await findWholeManifest(db.read, found.id))
  if (!whole) return
  const manifest = parseManifest(decodeManifest(whole.content), whole.mediaType)
  await db.write(cacheManifest, {
    ...{ feedId: place.feed.id, repository: place.repository, connectorId: connector.id },
    ...{ by: `connector ${connector.name}`, digest, ...rowOf(manifest), mayOverwrite: true },
    ...{ content: new Uint8Array(whole.content), tags: [], graceMs: settings.graceMs() },
  })
}

/** Whether the repository has the blob, now. */
async function ensureBlob(completion: Completion, digest: Digest): Promise<boolean> {
  if (await isLinked(completion, digest)) return true
  const { deps, place, asker } = completion
  const target = { ...place, digest }
  const elsewhere = await findInFeeds(deps, { target, asker, way: [] })
  if (elsewhere !== undefined) {
    const from = { feed: elsewhere.feed, repository: elsewhere.repository }
    if (await mount(deps, { ...target, from, mayPull: () => true })) return true
  }
  const upstreams = deps.connectors.upstreamsFor(place)
  const opened = await deps.transfers.open({ target, keep: true }, upstreams)
  if (opened === undefined) return false
  if (opened !== 'here') await opened.done()
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
