import {
  type BlobUse,
  findImageRow,
  type ImageRow,
  listBlobUses,
  listChildren,
  listParents,
  listReferrerRows,
  listTagsOf,
} from '../db/image-queries.ts'
import { findManifestByTag, findManifestIdByDigest, findWholeManifest } from '../db/manifests.ts'
import { RegistryError } from '../domain/errors.ts'
import { isImageConfig, isIndex } from '../domain/media-type.ts'
import type { Reference, RepositoryName } from '../domain/reference.ts'
import type { Feed } from './feeds.ts'
import { type ImageConfig, readImageConfig } from './image-config.ts'
import { examineAndFind, type FactDeps } from './image-facts.ts'
import { describeLayers, type ImageLayer, type LayerQuery } from './image-layers.ts'
import { type ReadManifest, readManifest } from './image-manifest.ts'
import { companionTags, kindOfArtifact, type ReferrerKind } from './referrer-kind.ts'

export interface ImageTarget {
  readonly feed: Feed
  readonly repository: RepositoryName
  readonly repositoryId: number
}

/** A manifest with what is known of it and its bytes as text. */
export interface OpenedImage {
  readonly row: ImageRow
  readonly content: string
  readonly manifest: ReadManifest
}

/** How much a page shows of what has no end. */
const limits = { tags: 100, parents: 20, children: 1000, referrers: 200, users: 101, places: 20 }

/** Finds an image by tag or digest, its facts looked up. Throws MANIFEST_UNKNOWN. */
export async function openImage(
  deps: FactDeps,
  target: ImageTarget,
  reference: Reference,
): Promise<OpenedImage> {
  const { db } = deps
  const key = { feedId: target.feed.id, repository: target.repository }
  const found =
    reference.kind === 'tag'
      ? await findManifestByTag(db.read, { ...key, tag: reference.tag })
      : await findManifestIdByDigest(db.read, { ...key, digest: reference.digest })
  const row = found && (await findImageRow(db.read, found.id))
  const whole = found && (await findWholeManifest(db.read, found.id))
  if (row === undefined || whole === undefined) throw unknownImage(target, reference)
  const content = Buffer.from(whole.content).toString('utf8')
  return { row: await withFacts(deps, row), content, manifest: readManifest(content) }
}

async function withFacts(deps: FactDeps, row: ImageRow): Promise<ImageRow> {
  if (row.examined === 1) return row
  return { ...row, ...(await examineAndFind(deps, [row.id])).get(row.id) }
}

export function unknownImage(
  { feed, repository }: ImageTarget,
  reference: Reference,
): RegistryError {
  const what =
    reference.kind === 'tag'
      ? `tag "${reference.tag}"`
      : `image with the digest ${reference.digest}`
  return new RegistryError('MANIFEST_UNKNOWN', `${feed.key}/${repository} has no ${what}.`)
}

/** A container is started from an image; an index has some; all else is an artifact. */
export function kindOfImage(
  row: Pick<ImageRow, 'mediaType'>,
  manifest: ReadManifest | null,
  platforms: string | null,
): 'image' | 'index' | 'artifact' {
  if (isIndex(row.mediaType)) return 'index'
  const type = manifest?.config?.mediaType
  if (type === undefined) return platforms ? 'image' : 'artifact'
  return isImageConfig(type) ? 'image' : 'artifact'
}

export interface ImageDetails extends OpenedImage {
  readonly tags: readonly string[]
  readonly parents: readonly string[]
  readonly config:
    | (ImageConfig & {
        readonly digest: string
        readonly mediaType: string
        readonly sizeBytes: number
      })
    | null
  readonly layers: readonly ImageLayer[]
  readonly children: ReadonlyMap<string, ImageRow>
  readonly referrers: Readonly<Record<ReferrerKind, number>> & { readonly isComplete: boolean }
}

/** All that a page shows of an image. */
export async function describeImage(
  deps: FactDeps,
  target: ImageTarget & { readonly nameOf: LayerQuery['nameOf'] },
  image: OpenedImage,
): Promise<ImageDetails> {
  const { db } = deps
  const { repositoryId, nameOf } = target
  const { row, manifest } = image
  const uses = await listBlobUses(
    db.read,
    { manifestId: row.id, repositoryId },
    { users: limits.users, repositories: limits.places },
  )
  const config = await describeConfig(deps, { repositoryId, manifest, uses })
  const history = config?.history ?? []
  const parents = await listParents(db.read, row.id, limits.parents)
  return {
    ...image,
    tags: await listTagsOf(db.read, row.id, limits.tags),
    parents: parents.map(({ digest }) => digest),
    config,
    layers: await describeLayers(deps, { repositoryId, manifest, history, uses, nameOf }),
    children: await findChildren(deps, row.id),
    referrers: await countReferrers(deps, target, row.digest),
  }
}

/** Null: there is none, or it is no image's. */
export async function describeConfig(
  deps: FactDeps,
  image: {
    readonly repositoryId: number
    readonly manifest: ReadManifest
    readonly uses: readonly BlobUse[]
  },
): Promise<ImageDetails['config']> {
  const { config } = image.manifest
  if (config === null) return null
  const { digest, mediaType } = config
  const use = image.uses.find((each) => each.digest === digest)
  const read = await readImageConfig(deps, { repositoryId: image.repositoryId, digest }, use)
  return { ...read, digest, mediaType, sizeBytes: use?.sizeBytes ?? config.sizeBytes }
}

async function findChildren(deps: FactDeps, id: number): Promise<ReadonlyMap<string, ImageRow>> {
  const rows = await listChildren(deps.db.read, id, limits.children)
  const unknown = rows.filter(({ examined }) => examined === 0).slice(0, 100)
  const facts = await examineAndFind(
    deps,
    unknown.map((row) => row.id),
  )
  return new Map(rows.map((row) => [row.digest, { ...row, ...facts.get(row.id) }]))
}

async function countReferrers(
  { db }: FactDeps,
  target: ImageTarget,
  digest: string,
): Promise<ImageDetails['referrers']> {
  const counts = { signature: 0, sbom: 0, attestation: 0, other: 0 }
  const key = { repositoryId: target.repositoryId, subject: digest }
  const rows = await listReferrerRows(db.read, key, limits.referrers)
  for (const { artifactType } of rows) counts[kindOfArtifact(artifactType)] += 1
  for (const { kind } of await findCompanions(db, target, digest)) counts[kind] += 1
  return { ...counts, isComplete: rows.length < limits.referrers }
}

/** What cosign has put beside an image under tags of its own. */
export async function findCompanions(
  db: FactDeps['db'],
  { feed, repository }: ImageTarget,
  digest: string,
) {
  const found = []
  for (const { tag, kind } of companionTags(digest)) {
    const head = await findManifestByTag(db.read, { feedId: feed.id, repository, tag })
    if (head !== undefined) found.push({ tag, kind, id: head.id })
  }
  return found
}
