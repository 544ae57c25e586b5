import type { Db } from '../../db/database.ts'
import { cacheManifest } from '../../db/manifest-push.ts'
import { algorithmOf, type Digest } from '../../domain/digest.ts'
import { isRefusal, RegistryError } from '../../domain/errors.ts'
import { type Manifest, parseManifest } from '../../domain/manifest.ts'
import { formatReference } from '../../domain/reference.ts'
import type { UpstreamManifest } from '../../upstream/client.ts'
import { UpstreamError } from '../../upstream/upstream-error.ts'
import { decodeManifest, type ManifestTarget, rowOf } from '../manifests.ts'
import { digestOfBytes } from '../running-hash.ts'
import type { Settings } from '../settings.ts'
import type { Attached } from './attached-connectors.ts'

export interface FetchesDeps {
  readonly db: Db
  readonly settings: Settings
}

/** A manifest from another registry, verified. */
export interface FetchedManifest {
  readonly digest: Digest
  readonly mediaType: string
  readonly content: Uint8Array
  /** Whether it is in the repository now. */
  readonly isKept: boolean
  /** Why it is not, though it should be kept; undefined: nothing was in the way. */
  readonly refusal?: RegistryError
}

type Registry = Attached & { readonly kind: 'registry' }

/** Asks other registries for manifests; who asks for the same at the same time gets one answer. */
export class ManifestFetches {
  readonly #deps: FetchesDeps
  readonly #running = new Map<string, Promise<unknown>>()

  constructor(deps: FetchesDeps) {
    this.#deps = deps
  }

  /**
   * Gets the manifest and, where the feed keeps what comes through connectors (or `keep` says so),
   * puts it into the repository. Undefined: it is not known there. Throws UpstreamError.
   */
  fetch(
    target: ManifestTarget,
    connector: Registry,
    keep = target.feed.cacheConnectors,
  ): Promise<FetchedManifest | undefined> {
    const key = `get ${keep} ${connector.id} ${keyOf(target)}`
    return this.#once(key, () => this.#fetch(target, connector, keep))
  }

  /** The digest that the tag points at there. Undefined: it is not known. Throws UpstreamError. */
  headTag(target: ManifestTarget, connector: Registry): Promise<string | undefined> {
    const { repository, reference } = target
    const item = formatReference(reference)
    const question = { operation: 'tag', repository, item }
    return this.#once(`head ${connector.id} ${keyOf(target)}`, () =>
      // A registry that does not say it is asked for the whole.
      connector.upstream.ask(
        question,
        async (client, name) => (await client.headManifest(name, item)) ?? 'unsaid',
      ),
    )
  }

  #once<T>(key: string, work: () => Promise<T>): Promise<T> {
    const known = this.#running.get(key)
    if (known !== undefined) return known as Promise<T>
    const running = work().finally(() => this.#running.delete(key))
    this.#running.set(key, running)
    return running
  }

  async #fetch(
    target: ManifestTarget,
    connector: Registry,
    keep: boolean,
  ): Promise<FetchedManifest | undefined> {
    const { upstream } = connector
    const { repository } = target
    const item = formatReference(target.reference)
    const question = { operation: 'manifest', repository, item }
    const got = await upstream.ask(question, (client, name) => client.getManifest(name, item))
    if (got === undefined) return undefined
    upstream.observer.countThrough(upstream.name, 'miss')
    upstream.observer.addUpstreamBytes(upstream.name, got.content.byteLength)
    const { digest, manifest } = verified(target, got, upstream.client.host)
    const { content } = got
    const fetched = { digest, mediaType: manifest.mediaType, content, isKept: keep }
    try {
      if (keep) await this.#keep(target, connector, { fetched, manifest })
      return fetched
    } catch (error) {
      // A pull is never refused for want of room.
      if (isRefusal(error, 'QUOTA_EXCEEDED')) return { ...fetched, isKept: false, refusal: error }
      throw error
    }
  }

  async #keep(
    { feed, repository, reference }: ManifestTarget,
    { id: connectorId, name }: Registry,
    { fetched, manifest }: { readonly fetched: FetchedManifest; readonly manifest: Manifest },
  ): Promise<void> {
    const { db, settings } = this.#deps
    await db.write(cacheManifest, {
      ...{ feedId: feed.id, repository, connectorId, by: `connector ${name}` },
      ...{ digest: fetched.digest, ...rowOf(manifest), mayOverwrite: true },
      // A copy of its own: a part of a larger buffer would be sent whole to the writer's thread.
      content: new Uint8Array(fetched.content),
      tags: reference.kind === 'tag' ? [reference.tag] : [],
      graceMs: settings.graceMs(),
    })
  }
}

function keyOf({ feed, repository, reference }: ManifestTarget): string {
  return `${feed.id} ${repository} ${formatReference(reference)}`
}

/** What came is what was asked for, and a manifest. Throws UpstreamError, `malformed`. */
function verified(
  { reference }: ManifestTarget,
  { content, mediaType, digest: announced }: UpstreamManifest,
  host: string,
): { readonly digest: Digest; readonly manifest: Manifest } {
  const wanted = reference.kind === 'digest' ? reference.digest : undefined
  const algorithm = wanted === undefined ? 'sha256' : algorithmOf(wanted)
  const digest = digestOfBytes(algorithm, content)
  const said = announced?.startsWith(`${algorithm}:`) ? announced : undefined
  const expected = wanted ?? said
  if (expected !== undefined && expected !== digest) {
    const message = `${host} sent a manifest that hashes to ${digest}, not to ${expected}.`
    throw new UpstreamError('malformed', message)
  }
  // Some say application/json, or nothing: then the manifest itself does.
  const type = /\+(?:json|prettyjws)$/.test(mediaType ?? '') ? mediaType : undefined
  try {
    return { digest, manifest: parseManifest(decodeManifest(content), type) }
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    const message = `${host} sent what cannot be kept: ${error.message}`
    throw new UpstreamError('malformed', message, { cause: error })
  }
}
