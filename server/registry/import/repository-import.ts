import type { Digest } from '../../domain/digest.ts'
import { isRefusal, RegistryError } from '../../domain/errors.ts'
import { type Descriptor, type Manifest, maxManifestBytes } from '../../domain/manifest.ts'
import { dockerManifest, isIndex, ociManifest } from '../../domain/media-type.ts'
import { parseTag, type RepositoryName, type Tag } from '../../domain/reference.ts'
import { eachOf } from '../at-once.ts'
import type { BlobArrivals } from './blob-arrivals.ts'
import type { ImportReport } from './import-report.ts'
import { parseSourceManifest } from './read-manifest.ts'
import type { Source, SourceManifest } from './source.ts'
import type { ImportTarget } from './target.ts'

export interface RepositoryDeps {
  readonly source: Source
  readonly target: ImportTarget
  readonly report: ImportReport
  readonly arrivals: BlobArrivals
  readonly overwriteTags: boolean
}

/** Of one manifest; fewer may be on their way at once. */
const blobsAtOnce = 16

/** A manifest that was dealt with; not itself, since one repository may have a hundred thousand. */
interface Tree {
  /** False: it is not in the target, and it was named why. */
  readonly isHere: boolean
  readonly subject: Digest | null
  readonly children: readonly Digest[]
}

/**
 * One repository's manifests on their way, each once: blobs, what an index lists, the index, what
 * refers to it, and the tag last, so that whoever sees the tag finds all of it.
 */
export class RepositoryImport {
  readonly #deps: RepositoryDeps
  readonly #from: string
  readonly #to: RepositoryName
  readonly #trees = new Map<Digest, Promise<Tree>>()
  readonly #subjects = new Map<Digest, Promise<readonly Digest[]>>()

  constructor(deps: RepositoryDeps, from: string, to: RepositoryName) {
    this.#deps = deps
    this.#from = from
    this.#to = to
  }

  /** The tag with its image and all that belongs to that. Returns the manifests that it reached. */
  async bringTag(text: string): Promise<readonly Digest[]> {
    const { source, report } = this.#deps
    const of = { what: 'tag', name: `${this.#from}:${text}` } as const
    try {
      const tag = parseTag(text)
      const digest = await source.findTag(this.#from, tag)
      const reference = { kind: 'tag', tag } as const
      const read = digest ?? (await source.getManifest(this.#from, reference))
      const { isHere } = await this.#bringTree(read)
      const root = typeof read === 'string' ? read : read.digest
      const reached = await this.#bringReferrersOf(root)
      if (isHere) await this.#tag(tag, root)
      else {
        const message = `its manifest ${root} could not be imported, as named above.`
        report.skip({ ...of, reason: 'incomplete', message })
      }
      return reached
    } catch (error) {
      report.skipFor(error, of)
      return []
    }
  }

  async bringManifest(digest: Digest): Promise<void> {
    await this.#bringTree(digest)
    await this.#bringReferrersOf(digest)
  }

  async #tag(tag: Tag, digest: Digest): Promise<void> {
    const { target, report, overwriteTags: mayMove } = this.#deps
    const current = await target.findTag(this.#to, tag)
    if (current === digest) return report.count('tagsThere')
    if (current !== undefined && !mayMove) {
      throw new RegistryError(
        'CONFLICT',
        `the tag is there and points at ${current}, not at ${digest}: --overwrite-tags moves it.`,
      )
    }
    await target.putTag({ repository: this.#to, tag, digest, mayMove })
    report.count('tags')
  }

  #bringTree(of: Digest | SourceManifest): Promise<Tree> {
    const digest = typeof of === 'string' ? of : of.digest
    const known = this.#trees.get(digest)
    if (known !== undefined) return known
    const tree = this.#find(of)
    this.#trees.set(digest, tree)
    return tree
  }

  async #find(of: Digest | SourceManifest): Promise<Tree> {
    const { report } = this.#deps
    const digest = typeof of === 'string' ? of : of.digest
    report.signal.throwIfAborted()
    try {
      const stored = await this.#findStored(digest)
      if (stored !== undefined) report.count('manifestsThere')
      const read = typeof of === 'string' ? undefined : of
      const manifest = stored ?? read ?? (await this.#read(digest))
      return await this.#put(manifest, stored !== undefined)
    } catch (error) {
      report.skipFor(error, { what: 'manifest', name: `${this.#from}@${digest}` })
      return { isHere: false, subject: null, children: [] }
    }
  }

  async #findStored(digest: Digest): Promise<SourceManifest | undefined> {
    const stored = await this.#deps.target.findManifest(this.#to, digest)
    if (stored === undefined) return undefined
    const { content, mediaType } = stored
    return { digest, content, manifest: parseSourceManifest(content, mediaType) }
  }

  #read(digest: Digest): Promise<SourceManifest> {
    return this.#deps.source.getManifest(this.#from, { kind: 'digest', digest })
  }

  async #put(found: SourceManifest, isThere: boolean): Promise<Tree> {
    const { target, report } = this.#deps
    const { manifest } = found
    let hasAll = false
    if (!isThere) {
      hasAll = await this.#bringBlobs(manifest)
      await eachOf(unique(manifest.optional), blobsAtOnce, async (blob) => {
        await this.#bringBlob(blob, true)
      })
    }
    const children: Digest[] = []
    for (const child of unique(manifest.children)) {
      const isManifest = await this.#bringChild(child)
      if (isManifest) children.push(child.digest)
    }
    if (!isThere) {
      report.signal.throwIfAborted()
      await target.putManifest(this.#to, found).catch(async (error: unknown) => {
        if (!hasAll || !isRefusal(error, 'MANIFEST_BLOB_UNKNOWN')) throw error
        // What came hours before the last layer may be clean-up's already.
        await this.#bringBlobs(manifest)
        await target.putManifest(this.#to, found)
      })
      report.count('manifests')
    }
    return { isHere: true, subject: manifest.subject, children }
  }

  /** False: some are missing, and were named. */
  async #bringBlobs({ config, layers }: Manifest): Promise<boolean> {
    let hasAll = true
    await eachOf(unique([config ?? [], layers].flat()), blobsAtOnce, async (blob) => {
      const isHere = await this.#bringBlob(blob, false)
      hasAll &&= isHere
    })
    return hasAll
  }

  #bringBlob(blob: Descriptor, isOptional: boolean): Promise<boolean> {
    return this.#deps.arrivals.bring({ from: this.#from, to: this.#to, blob, isOptional })
  }

  /** False: it is a blob, as entries of BuildKit's cache are. */
  async #bringChild(child: Descriptor): Promise<boolean> {
    const { digest, mediaType } = child
    const isCertain =
      isIndex(mediaType) || mediaType === ociManifest || mediaType === dockerManifest
    if (isCertain || this.#trees.has(digest)) {
      await this.#bringTree(digest)
      return true
    }
    const isStored = (await this.#findStored(digest)) !== undefined
    const manifest = isStored ? digest : await this.#readIfManifest(child)
    if (manifest === undefined) {
      await this.#bringBlob(child, false)
      return false
    }
    await this.#bringTree(manifest)
    return true
  }

  /** A layout keeps both in one place: what cannot be a manifest is none there. */
  async #readIfManifest({ digest, size }: Descriptor): Promise<SourceManifest | undefined> {
    if (size > maxManifestBytes) return undefined
    try {
      return await this.#read(digest)
    } catch (error) {
      if (isRefusal(error, 'MANIFEST_UNKNOWN') || isRefusal(error, 'MANIFEST_INVALID'))
        return undefined
      throw error
    }
  }

  /** Of a manifest and all that it lists; what refers to that, and so on. */
  async #bringReferrersOf(digest: Digest): Promise<readonly Digest[]> {
    const reached: Digest[] = []
    const waiting = [digest]
    const seen = new Set(waiting)
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      reached.push(next)
      const tree = await this.#trees.get(next)
      const referrers = await this.#bringReferrersTo(next)
      for (const related of [...(tree?.children ?? []), ...referrers]) {
        if (seen.has(related)) continue
        seen.add(related)
        waiting.push(related)
      }
    }
    return reached
  }

  /** Returns those that say so themselves. What refers to them is the caller's: nobody waits in a circle. */
  #bringReferrersTo(subject: Digest): Promise<readonly Digest[]> {
    const known = this.#subjects.get(subject)
    if (known !== undefined) return known
    const bringing = this.#findReferrers(subject)
    this.#subjects.set(subject, bringing)
    return bringing
  }

  async #findReferrers(subject: Digest): Promise<readonly Digest[]> {
    const { source, report } = this.#deps
    const found: Digest[] = []
    try {
      for (const referrer of await source.referrers(this.#from, subject)) {
        const tree = await this.#bringTree(referrer)
        if (tree.subject === subject) found.push(referrer)
      }
    } catch (error) {
      report.skipFor(error, { what: 'manifest', name: `what refers to ${this.#from}@${subject}` })
    }
    return found
  }
}

function unique(descriptors: readonly Descriptor[]): readonly Descriptor[] {
  return [...new Map(descriptors.map((each) => [each.digest, each])).values()]
}
