import { algorithmOf, type Digest, isDigest } from '../../domain/digest.ts'
import { isRefusal, RegistryError } from '../../domain/errors.ts'
import { maxManifestBytes } from '../../domain/manifest.ts'
import { isTag, type Reference } from '../../domain/reference.ts'
import { type FileTree, readJsonFile, readSmallFile } from './file-tree.ts'
import { isWholeName, parseImageName } from './image-name.ts'
import type { ImportReport } from './import-report.ts'
import { NamedImages } from './named-images.ts'
import { readManifest } from './read-manifest.ts'
import type { Leftover, Source, SourceBlob, SourceManifest } from './source.ts'

const maxIndexBytes = 64 * 1024 * 1024
/** As containerd and docker write it: the whole name. */
const wholeNameKey = 'io.containerd.image.name'
const nameKey = 'org.opencontainers.image.ref.name'
const exportedKey = 'org.entrepot.exported.from'

export interface LayoutOptions {
  /** What images are called that have a tag or nothing for a name; null: nobody said. */
  readonly as: string | null
  readonly report: ImportReport
}

/** An OCI image layout (image-spec, image-layout.md), in a folder or a tar archive. */
export class LayoutSource implements Source {
  readonly title: string
  readonly #tree: FileTree
  readonly #images: NamedImages
  readonly #roots: readonly Digest[]
  #subjects: Promise<ReadonlyMap<string, readonly Digest[]>> | undefined

  private constructor(tree: FileTree, images: NamedImages, roots: readonly Digest[]) {
    this.title = tree.title
    this.#tree = tree
    this.#images = images
    this.#roots = roots
  }

  /** Throws REQUEST_INVALID where there is no layout. */
  static async open(tree: FileTree, { as, report }: LayoutOptions): Promise<LayoutSource> {
    const index = await readJsonFile(tree, 'index.json', maxIndexBytes)
    const entries = entriesOf(index)
    if (entries === undefined) {
      throw new RegistryError(
        'REQUEST_INVALID',
        `${tree.title} has no index.json that lists images.`,
      )
    }
    const images = new NamedImages()
    const fallback = as ?? exportedFrom(index)
    for (const { digest, annotations } of entries) {
      const { repository, tag, shown } = nameOf(annotations, fallback)
      if (repository === null) report.skip(nameless(shown, digest))
      else if (!images.add(repository, tag, digest)) report.skip(twice(shown, digest))
    }
    return new LayoutSource(tree, images, [...new Set(entries.map(({ digest }) => digest))])
  }

  async *repositories(): AsyncGenerator<string> {
    yield* this.#images.repositories()
  }

  async *tags(repository: string): AsyncGenerator<string> {
    yield* this.#images.tags(repository)
  }

  async *manifests(repository: string): AsyncGenerator<Digest> {
    yield* this.#images.untagged(repository)
  }

  async *leftovers(): AsyncGenerator<Leftover> {}

  async findTag(repository: string, tag: string): Promise<Digest> {
    return this.#images.getTag(repository, tag)
  }

  async getManifest(repository: string, reference: Reference): Promise<SourceManifest> {
    const digest =
      reference.kind === 'digest'
        ? reference.digest
        : this.#images.getTag(repository, reference.tag)
    const content = await readSmallFile(this.#tree, fileOf(digest), maxManifestBytes)
    if (content !== undefined) return readManifest({ content, mediaType: undefined, digest })
    throw new RegistryError('MANIFEST_UNKNOWN', `${fileOf(digest)} is not in the layout.`)
  }

  /** Those that the index lists. */
  async referrers(_repository: string, subject: Digest): Promise<readonly Digest[]> {
    this.#subjects ??= this.#readSubjects()
    return (await this.#subjects).get(subject) ?? []
  }

  async openBlob(
    _repository: string,
    { digest, size }: { readonly digest: Digest; readonly size: number },
  ): Promise<SourceBlob> {
    const found = await this.#tree.find(fileOf(digest))
    if (found === undefined) {
      throw new RegistryError('BLOB_UNKNOWN', `${fileOf(digest)} is not in the layout.`)
    }
    if (found.sizeBytes === size) return found
    throw new RegistryError(
      'DIGEST_INVALID',
      `${fileOf(digest)} is damaged: it has ${found.sizeBytes} bytes instead of ${size}.`,
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tree[Symbol.asyncDispose]()
  }

  async #readSubjects(): Promise<ReadonlyMap<string, readonly Digest[]>> {
    const subjects = new Map<string, Digest[]>()
    for (const digest of this.#roots) {
      const subject = await this.#subjectOf(digest)
      if (subject !== null) subjects.set(subject, [...(subjects.get(subject) ?? []), digest])
    }
    return subjects
  }

  /** What is wrong with a manifest is told where it is imported. */
  async #subjectOf(digest: Digest): Promise<Digest | null> {
    try {
      const { manifest } = await this.getManifest('', { kind: 'digest', digest })
      return manifest.subject
    } catch (error) {
      if (error instanceof RegistryError && !isRefusal(error, 'UNAVAILABLE')) return null
      throw error
    }
  }
}

interface Entry {
  readonly digest: Digest
  readonly annotations: Readonly<Record<string, unknown>>
}

function entriesOf(index: unknown): readonly Entry[] | undefined {
  const manifests = fieldOf(index, 'manifests')
  if (!Array.isArray(manifests)) return undefined
  return manifests.flatMap((entry: unknown) => {
    const digest = fieldOf(entry, 'digest')
    const annotations = fieldOf(entry, 'annotations')
    if (typeof digest !== 'string' || !isDigest(digest)) return []
    return [{ digest, annotations: typeof annotations === 'object' ? { ...annotations } : {} }]
  })
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

/** Our own export says which repository it is of, behind the registry's name. */
function exportedFrom(index: unknown): string | null {
  const from = fieldOf(fieldOf(index, 'annotations'), exportedKey)
  const [, repository] = /^[^/]+\/(.+)$/.exec(typeof from === 'string' ? from : '') ?? []
  return repository ?? null
}

function nameOf(annotations: Entry['annotations'], fallback: string | null) {
  const ref = textOf(annotations[nameKey])
  const whole = textOf(annotations[wholeNameKey]) ?? (ref !== null && isWholeName(ref) ? ref : null)
  if (whole === null) return { repository: fallback, tag: ref, shown: ref ?? 'without a name' }
  const { repository, tag } = parseImageName(whole)
  // Some write the tag only behind the other key.
  return { repository, tag: tag ?? (ref !== null && isTag(ref) ? ref : null), shown: whole }
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

function nameless(name: string, digest: Digest) {
  const message = 'the layout does not say which repository it belongs to: give --as NAME.'
  return { what: 'manifest', name: `${name} (${digest})`, reason: 'name', message } as const
}

function twice(name: string, digest: Digest) {
  const message = 'the layout has the name twice, for two images: the first one counts.'
  return { what: 'tag', name: `${name} (${digest})`, reason: 'tag exists', message } as const
}

function fileOf(digest: Digest): string {
  const algorithm = algorithmOf(digest)
  return `blobs/${algorithm}/${digest.slice(algorithm.length + 1)}`
}
