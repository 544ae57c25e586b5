import type { Db } from '../db/database.ts'
import { listBlobUsers } from '../db/links.ts'
import { deleteManifest } from '../db/manifest-deletion.ts'
import { putManifest } from '../db/manifest-push.ts'
import {
  findManifestByDigest,
  findManifestByTag,
  findManifestIdByDigest,
  findManifestIdByTag,
  type ManifestHead,
  needsPromise,
  promiseManifest,
  usesDamagedBlob,
} from '../db/manifests.ts'
import { findRepository } from '../db/repositories.ts'
import { algorithmOf, type Digest } from '../domain/digest.ts'
import { RegistryError } from '../domain/errors.ts'
import { type Manifest, parseManifest } from '../domain/manifest.ts'
import type { Reference, RepositoryName, Tag } from '../domain/reference.ts'
import type { Feed } from './feeds.ts'
import type { ManifestContent, ManifestContents } from './manifest-contents.ts'
import { digestOfBytes } from './running-hash.ts'
import type { Settings } from './settings.ts'

export interface ManifestTarget {
  readonly feed: Feed
  readonly repository: RepositoryName
  readonly reference: Reference
}

/** The manifest as it was pushed. Throws MANIFEST_UNKNOWN. */
export async function getManifest(
  { db, manifestContents }: { db: Db; manifestContents: ManifestContents },
  target: ManifestTarget,
): Promise<ManifestContent> {
  const row = await findId(db, target)
  const manifest =
    row && (manifestContents.findKnown(row.id) ?? (await manifestContents.find(db.read, row.id)))
  if (!manifest) throw await unknownManifest(db, target)
  return manifest
}

/**
 * What there is to know without the bytes; promised to a caller who may push. To such a caller a
 * manifest with a damaged blob is not there: clients that find it push no layers, and pushing again
 * is what heals.
 */
export async function headManifest(
  { db, settings }: { db: Db; settings: Settings },
  target: ManifestTarget,
  mayPush: boolean,
): Promise<ManifestHead> {
  const head = await findHead(db, target)
  if (!head) throw await unknownManifest(db, target)
  if (!mayPush) return head
  if (await usesDamagedBlob(db.read, head.id)) throw await unknownManifest(db, target)
  const graceMs = settings.graceMs()
  if (!needsPromise(head, graceMs)) return head
  if (await db.write(promiseManifest, { id: head.id, graceMs })) return head
  throw await unknownManifest(db, target)
}

export interface PushedManifest extends ManifestTarget {
  readonly content: Uint8Array
  /** Without parameters; undefined when the client sent none. */
  readonly contentType: string | undefined
  /** Tags beside the one that the reference may be. */
  readonly tags: readonly Tag[]
  readonly mayOverwrite: boolean
  readonly by: string
  readonly address?: string
}

/**
 * Accepts a manifest. Throws MANIFEST_INVALID, DIGEST_INVALID when it does not hash to the digest
 * in its address, MANIFEST_BLOB_UNKNOWN naming what is missing, DENIED when a tag may not move.
 */
export async function pushManifest(
  { db, settings }: { db: Db; settings: Settings },
  push: PushedManifest,
): Promise<{ digest: Digest; subject: Digest | null }> {
  const { reference, content } = push
  const digest = checkDigest(content, reference)
  const manifest = parseManifest(decodeManifest(content), push.contentType)
  await db.write(putManifest, {
    feedId: push.feed.id,
    repository: push.repository,
    digest,
    ...rowOf(manifest),
    // A copy of its own: a part of a larger buffer would be sent whole to the writer's thread.
    content: new Uint8Array(content),
    tags: reference.kind === 'tag' ? [reference.tag, ...push.tags] : push.tags,
    mayOverwrite: push.mayOverwrite,
    graceMs: settings.graceMs(),
    by: push.by,
    address: push.address ?? null,
  })
  return { digest, subject: manifest.subject }
}

/** What a repository keeps of a manifest, beside its bytes. */
export function rowOf(manifest: Manifest) {
  return {
    mediaType: manifest.mediaType,
    artifactType: manifest.artifactType,
    subject: manifest.subject,
    annotations: manifest.annotations && JSON.stringify(manifest.annotations),
    config: manifest.config?.digest ?? null,
    layers: manifest.layers.map((layer) => layer.digest),
    optional: manifest.optional.map((layer) => layer.digest),
    children: manifest.children.map((child) => child.digest),
  }
}

/** OCI distribution-spec, "Pushing Manifests": the digest in the address must be the content's. */
function checkDigest(content: Uint8Array, reference: Reference): Digest {
  const algorithm = reference.kind === 'digest' ? algorithmOf(reference.digest) : 'sha256'
  const digest = digestOfBytes(algorithm, content)
  if (reference.kind === 'tag' || reference.digest === digest) return digest
  throw new RegistryError(
    'DIGEST_INVALID',
    `The manifest hashes to ${digest}, not to ${reference.digest}.`,
    { detail: { digest } },
  )
}

/** Throws MANIFEST_INVALID. */
export function decodeManifest(content: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content)
  } catch (error) {
    throw new RegistryError('MANIFEST_INVALID', 'The manifest is not valid UTF-8.', {
      cause: error,
    })
  }
}

/** Deletes the manifest and its tags. Throws MANIFEST_UNKNOWN, or IN_USE naming its indexes. */
export async function removeManifest(
  { db, settings }: { db: Db; settings: Settings },
  target: ManifestTarget & {
    readonly digest: Digest
    readonly by: string
    readonly address?: string
  },
): Promise<{ tags: string[] }> {
  const { feed, repository, digest, by, address = null } = target
  const row = await findRepository(db.read, feed.id, repository)
  const graceMs = settings.graceMs()
  const deleted =
    row && (await db.write(deleteManifest, { repositoryId: row.id, digest, graceMs, by, address }))
  if (!deleted) throw await unknownManifest(db, target)
  return deleted
}

function findId(db: Db, target: ManifestTarget): Promise<{ id: number } | undefined> {
  const { feed, repository, reference } = target
  return reference.kind === 'tag'
    ? findManifestIdByTag(db.read, { feedId: feed.id, repository, tag: reference.tag })
    : findManifestIdByDigest(db.read, { feedId: feed.id, repository, digest: reference.digest })
}

async function findHead(db: Db, target: ManifestTarget): Promise<ManifestHead | undefined> {
  const { feed, repository, reference } = target
  const key = { feedId: feed.id, repository }
  return reference.kind === 'tag'
    ? findManifestByTag(db.read, { ...key, tag: reference.tag })
    : findManifestByDigest(db.read, { ...key, digest: reference.digest })
}

async function unknownManifest(db: Db, target: ManifestTarget): Promise<RegistryError> {
  const { feed, repository, reference } = target
  const name = `${feed.key}/${repository}`
  if (reference.kind === 'tag') {
    const detail = { tag: reference.tag }
    return new RegistryError('MANIFEST_UNKNOWN', `${name} has no tag "${reference.tag}".`, {
      detail,
    })
  }
  const { digest } = reference
  const images = await imagesOfConfig(db, target, digest)
  if (images.length === 0) {
    return new RegistryError('MANIFEST_UNKNOWN', `${name} has no manifest ${digest}.`, {
      detail: { digest },
    })
  }
  return new RegistryError(
    'MANIFEST_UNKNOWN',
    `${digest} is not a manifest but the configuration of ${images.join(', ')} (what "docker inspect" shows as Id): use that digest.`,
    { detail: { digest, manifests: images } },
  )
}

/** People take `docker inspect .Id`, the config's digest, for the image's. */
async function imagesOfConfig(db: Db, target: ManifestTarget, digest: Digest): Promise<string[]> {
  const row = await findRepository(db.read, target.feed.id, target.repository)
  if (!row) return []
  const key = { repositoryId: row.id, digest, role: 'config' } as const
  return (await listBlobUsers(db.read, key, 5)).map((user) => user.digest)
}
