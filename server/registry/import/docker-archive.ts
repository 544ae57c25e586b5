import { type Digest, isDigest } from '../../domain/digest.ts'
import { RegistryError } from '../../domain/errors.ts'
import { maxManifestBytes } from '../../domain/manifest.ts'
import { dockerManifest } from '../../domain/media-type.ts'
import type { Reference } from '../../domain/reference.ts'
import { digestOf, digestOfBytes, startHash } from '../running-hash.ts'
import { type FileTree, readJsonFile, readSmallFile } from './file-tree.ts'
import { parseImageName } from './image-name.ts'
import type { ImportReport } from './import-report.ts'
import { NamedImages } from './named-images.ts'
import { readManifest } from './read-manifest.ts'
import type { Leftover, Source, SourceBlob, SourceManifest } from './source.ts'

const configType = 'application/vnd.docker.container.image.v1+json'
const layerType = 'application/vnd.docker.image.rootfs.diff.tar'
const maxListBytes = 64 * 1024 * 1024

interface Contents {
  readonly images: NamedImages
  readonly manifests: Map<Digest, SourceManifest>
  /** Names of files. */
  readonly blobs: Map<Digest, string>
  /** By name, what packed layers hash to; null: it is plain. Images share most of theirs. */
  readonly packed: Map<string, Digest | null>
}

interface Entry {
  readonly config: string
  readonly layers: readonly string[]
  readonly names: readonly string[]
}

/**
 * What `docker save` wrote before Docker 25, and podman and skopeo still write: `manifest.json`,
 * configurations and layers as plain archives. There are no manifests in it: they are made here from
 * the configuration and the layers as they are, so that the same image always is the same manifest.
 */
export class DockerArchive implements Source {
  readonly title: string
  readonly #tree: FileTree
  readonly #contents: Contents

  private constructor(tree: FileTree, contents: Contents) {
    this.title = tree.title
    this.#tree = tree
    this.#contents = contents
  }

  /** Throws REQUEST_INVALID where there is no `manifest.json` as it must be. */
  static async open(
    tree: FileTree,
    { as, report }: { readonly as: string | null; readonly report: ImportReport },
  ): Promise<DockerArchive> {
    const contents: Contents = {
      ...{ images: new NamedImages(), manifests: new Map(), blobs: new Map(), packed: new Map() },
    }
    for (const entry of await readEntries(tree)) {
      try {
        const digest = await addImage(tree, entry, contents)
        for (const { repository, tag, shown } of namesOf(entry, as, report)) {
          if (contents.images.add(repository, tag, digest)) continue
          const message = 'the archive has the name twice, for two images: the first one counts.'
          report.skip({ what: 'tag', name: shown, reason: 'tag exists', message })
        }
      } catch (error) {
        report.skipFor(error, { what: 'manifest', name: entry.names[0] ?? entry.config })
      }
    }
    return new DockerArchive(tree, contents)
  }

  async *repositories(): AsyncGenerator<string> {
    yield* this.#contents.images.repositories()
  }

  async *tags(repository: string): AsyncGenerator<string> {
    yield* this.#contents.images.tags(repository)
  }

  async *manifests(repository: string): AsyncGenerator<Digest> {
    yield* this.#contents.images.untagged(repository)
  }

  async *leftovers(): AsyncGenerator<Leftover> {}

  async findTag(repository: string, tag: string): Promise<Digest> {
    return this.#contents.images.getTag(repository, tag)
  }

  async getManifest(repository: string, reference: Reference): Promise<SourceManifest> {
    const { images, manifests } = this.#contents
    const digest =
      reference.kind === 'digest' ? reference.digest : images.getTag(repository, reference.tag)
    const found = manifests.get(digest)
    if (found !== undefined) return found
    throw new RegistryError('MANIFEST_UNKNOWN', `The archive has no image ${digest}.`)
  }

  async referrers(): Promise<readonly Digest[]> {
    return []
  }

  async openBlob(
    _repository: string,
    { digest }: { readonly digest: Digest },
  ): Promise<SourceBlob> {
    const found = await this.#tree.find(this.#contents.blobs.get(digest) ?? '')
    if (found !== undefined) return found
    throw new RegistryError('BLOB_UNKNOWN', `The archive has no blob ${digest}.`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tree[Symbol.asyncDispose]()
  }
}

async function readEntries(tree: FileTree): Promise<readonly Entry[]> {
  const list = await readJsonFile(tree, 'manifest.json', maxListBytes)
  if (Array.isArray(list)) return list.map((each) => entryOf(each, tree))
  throw broken(tree, 'manifest.json is no list')
}

function entryOf(value: unknown, tree: FileTree): Entry {
  const fields = typeof value === 'object' && value !== null ? { ...value } : {}
  const { Config, Layers, RepoTags } = fields as Record<'Config' | 'Layers' | 'RepoTags', unknown>
  if (typeof Config !== 'string' || !Array.isArray(Layers) || !Layers.every(isText)) {
    throw broken(tree, 'an image in manifest.json has no Config or no Layers')
  }
  const names = Array.isArray(RepoTags) ? RepoTags.filter(isText) : []
  return { config: Config, layers: Layers, names }
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function broken(tree: FileTree, what: string): RegistryError {
  return new RegistryError('REQUEST_INVALID', `${tree.title} is no image archive: ${what}.`)
}

function namesOf({ names, config }: Entry, as: string | null, report: ImportReport) {
  if (names.length > 0) return names.map((shown) => ({ ...parseImageName(shown), shown }))
  if (as !== null) return [{ repository: as, tag: null, shown: as }]
  const message = 'the archive has no name for it: give --as NAME.'
  report.skip({ what: 'manifest', name: config, reason: 'name', message })
  return []
}

/** The manifest that stands for an image. Throws MANIFEST_INVALID or MANIFEST_UNKNOWN. */
async function addImage(tree: FileTree, entry: Entry, contents: Contents): Promise<Digest> {
  const config = await readSmallFile(tree, entry.config, maxManifestBytes)
  if (config === undefined) throw missing(entry.config)
  const diffIds = diffIdsOf(config, entry)
  const layers = []
  for (const [at, name] of entry.layers.entries()) {
    const layer = await describeLayer(tree, contents, { name, diffId: diffIds[at] })
    contents.blobs.set(layer.digest, name)
    layers.push(layer)
  }
  const configDigest = digestOfBytes('sha256', config)
  contents.blobs.set(configDigest, entry.config)
  const content = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: dockerManifest,
      config: { mediaType: configType, size: config.byteLength, digest: configDigest },
      layers: layers.map(({ mediaType, size, digest }) => ({ mediaType, size, digest })),
    }),
  )
  const manifest = readManifest({ content, mediaType: dockerManifest, digest: undefined })
  contents.manifests.set(manifest.digest, manifest)
  return manifest.digest
}

/** What each layer hashes to (image-spec, config.md, `rootfs`). */
function diffIdsOf(config: Buffer, entry: Entry): readonly Digest[] {
  const found = parse(config)?.rootfs?.diff_ids
  const diffIds = Array.isArray(found) ? found.filter(isText).filter(isDigest) : []
  if (diffIds.length === entry.layers.length) return diffIds
  throw new RegistryError(
    'MANIFEST_INVALID',
    `${entry.config} names ${diffIds.length} layers, and the archive has ${entry.layers.length}.`,
  )
}

function parse(config: Buffer): { rootfs?: { diff_ids?: unknown } } | null {
  try {
    return JSON.parse(config.toString('utf8'))
  } catch (cause) {
    const message = 'The configuration of an image is not JSON.'
    throw new RegistryError('MANIFEST_INVALID', message, { cause })
  }
}

/** A plain archive is what the configuration says; one that is packed has a digest of its own. */
async function describeLayer(
  tree: FileTree,
  { packed }: Contents,
  { name, diffId }: { readonly name: string; readonly diffId: Digest | undefined },
) {
  const found = await tree.find(name)
  if (found === undefined || diffId === undefined) throw missing(name)
  const size = found.sizeBytes
  const known = packed.get(name)
  const digest = known === undefined ? await hashPacked(found) : known
  packed.set(name, digest)
  if (digest === null) return { mediaType: layerType, size, digest: diffId }
  return { mediaType: `${layerType}.gzip`, size, digest }
}

/** Null: it is not. */
async function hashPacked(blob: SourceBlob): Promise<Digest | null> {
  if (!(await isGzip(blob))) return null
  const running = startHash('sha256')
  for await (const piece of blob.chunks(0, new AbortController().signal)) running.hash.update(piece)
  return digestOf(running)
}

async function isGzip(blob: SourceBlob): Promise<boolean> {
  for await (const piece of blob.chunks(0, new AbortController().signal)) {
    return piece[0] === 0x1f && piece[1] === 0x8b
  }
  return false
}

function missing(name: string): RegistryError {
  return new RegistryError('MANIFEST_UNKNOWN', `The archive has no file ${name}.`)
}
