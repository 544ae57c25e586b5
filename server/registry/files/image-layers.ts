import { createHash } from 'node:crypto'
import type { Db } from '../../db/database.ts'
import { findLinkedBlob } from '../../db/links.ts'
import { findRepository } from '../../db/repositories.ts'
import type { Digest } from '../../domain/digest.ts'
import { refuseField } from '../../domain/errors.ts'
import { type Descriptor, parseManifest } from '../../domain/manifest.ts'
import { isIndex } from '../../domain/media-type.ts'
import type { RepositoryName } from '../../domain/reference.ts'
import type { Feed } from '../feeds.ts'
import type { ManifestContents } from '../manifest-contents.ts'
import { getManifest } from '../manifests.ts'

export interface ImageTarget {
  readonly feed: Feed
  readonly repository: RepositoryName
  /** Of the image's manifest. */
  readonly digest: Digest
}

export interface ImageLayer extends Descriptor {
  /** Not in this repository, and need not be: a foreign layer. */
  readonly isAbsent: boolean
}

/** The layers of one image, as this repository has them now. */
export interface ImageLayers {
  /** Of more than are looked at, none are listed. */
  readonly count: number
  /** The same layers give the same files, whichever image has them. */
  readonly key: string
  /** The lowest first. */
  readonly layers: readonly ImageLayer[]
  /** A layer that has to be here and is not, or is damaged. */
  readonly missing: Digest | null
}

interface Deps {
  readonly db: Db
  readonly manifestContents: ManifestContents
}

/**
 * What of the image may be read through this repository. Asked before everything that is known of
 * its layers, since that may come from another repository. Throws MANIFEST_UNKNOWN, and
 * INVALID_FIELDS for an index.
 */
export async function findImageLayers(
  deps: Deps,
  target: ImageTarget,
  maxLayers: number,
): Promise<ImageLayers> {
  const { feed, repository, digest } = target
  const reference = { kind: 'digest', digest } as const
  const found = await getManifest(deps, { feed, repository, reference })
  if (isIndex(found.mediaType)) {
    refuseField('digest', 'It is an index: ask for the files of one of its images.')
  }
  const text = Buffer.from(found.content, 'latin1').toString('utf8')
  const manifest = parseManifest(text, found.mediaType)
  const count = manifest.layers.length + manifest.optional.length
  if (count > maxLayers) return { count, key: '', layers: [], missing: null }
  const linked = await linkedAmong(deps.db, target, [...manifest.layers, ...manifest.optional])
  const isOptional = new Set(manifest.optional)
  const layers = inOrder(text, [...manifest.layers, ...manifest.optional]).map((layer) => ({
    ...layer,
    isAbsent: isOptional.has(layer) && !linked.has(layer.digest),
  }))
  const missing = layers.find((layer) => !layer.isAbsent && !linked.has(layer.digest))
  return { count, key: keyOf(layers), layers, missing: missing?.digest ?? null }
}

async function linkedAmong(
  db: Db,
  { feed, repository }: ImageTarget,
  descriptors: readonly Descriptor[],
): Promise<ReadonlySet<Digest>> {
  const row = await findRepository(db.read, feed.id, repository)
  const linked = new Set<Digest>()
  for (const digest of new Set(descriptors.map((each) => each.digest))) {
    if (row && (await findLinkedBlob(db.read, { repositoryId: row.id, digest }))) linked.add(digest)
  }
  return linked
}

/** As the manifest has them: which may be absent says nothing about their order. */
function inOrder(text: string, descriptors: readonly Descriptor[]): Descriptor[] {
  const json = JSON.parse(text) as { layers?: { digest: string }[]; blobs?: { digest: string }[] }
  const digests = [...(json.layers ?? []), ...(json.blobs ?? [])].map((layer) => layer.digest)
  return digests.flatMap((digest) => descriptors.find((each) => each.digest === digest) ?? [])
}

function keyOf(layers: readonly ImageLayer[]): string {
  const text = layers.map(({ digest, isAbsent }) => `${digest}${isAbsent ? '-' : ''}`).join(' ')
  return createHash('sha256').update(text).digest('hex')
}
