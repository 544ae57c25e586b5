import type { BlobStore } from '../../blobs/blob-store.ts'
import type { Db } from '../../db/database.ts'
import { findLinkedBlob } from '../../db/links.ts'
import {
  findManifestByDigest,
  findWholeManifest,
  listReferrers,
  type ManifestHead,
} from '../../db/manifests.ts'
import { type Digest, parseDigest } from '../../domain/digest.ts'
import { type Descriptor, type Manifest, parseManifest } from '../../domain/manifest.ts'
import { Pace } from '../backup/pace.ts'
import type { CopyTarget } from '../backup/target.ts'
import { copyVerified, hasBytes, pour } from '../backup/verified-copy.ts'
import type { CleanupReport } from '../cleanup-report.ts'
import type { LayoutEntry } from './layout-folder.ts'

/** Content that is referred to and could not be exported. */
export interface MissingContent {
  readonly digest: string
  readonly reason: string
  /** The manifest that refers to it. */
  readonly neededBy: string
}

interface Deps {
  readonly db: Db
  readonly stores: { get(storeId: number): BlobStore }
  readonly target: CopyTarget
  readonly report: CleanupReport
}

interface At {
  readonly feedId: number
  readonly repositoryId: number
  readonly repository: string
}

const referrersAtOnce = 100

/** Manifests of one repository on their way into a layout, each once. */
export class ManifestExport {
  readonly entries: LayoutEntry[] = []
  readonly #deps: Deps
  readonly #at: At
  readonly #pace = new Pace(0)
  /** Digests of manifests, in the order in which they came. */
  readonly #manifests = new Set<string>()
  readonly #blobs = new Set<string>()
  readonly #missing = new Map<string, MissingContent>()
  readonly #counts = { copied: 0, alreadyThere: 0 }

  constructor(deps: Deps, at: At) {
    this.#deps = deps
    this.#at = at
  }

  /** One that the index lists, with all below it. `tag` null: by its digest alone. */
  async addRoot(root: ManifestHead, tag: string | null): Promise<void> {
    const isNew = !this.#manifests.has(root.digest)
    if (isNew) await this.#addTree(root)
    // A referrer that was listed already needs no second entry without a name.
    if (tag === null && !isNew) return
    this.entries.push({
      ...{ mediaType: root.mediaType, digest: root.digest, size: root.sizeBytes },
      ...(tag !== null && { annotations: { 'org.opencontainers.image.ref.name': tag } }),
    })
  }

  /** What refers to what was added, and what refers to that. */
  async addReferrers(): Promise<void> {
    // A Set hands out what is added while it is gone through.
    for (const subject of this.#manifests) {
      if (this.#deps.report.signal.aborted) return
      await this.#addReferrersOf(subject)
    }
  }

  totals() {
    return {
      images: this.#manifests.size,
      blobs: this.#blobs.size,
      ...this.#counts,
      missing: [...this.#missing.values()],
    }
  }

  async #addReferrersOf(subject: string): Promise<void> {
    const { db } = this.#deps
    const { repositoryId } = this.#at
    let after: string | undefined = ''
    while (after !== undefined) {
      const pick = { repositoryId, subject, artifactType: null, after, count: referrersAtOnce }
      const page = await listReferrers(db.read, pick)
      for (const { digest, artifactType } of page) {
        if (this.#manifests.has(digest)) continue
        const found = await findManifestByDigest(db.read, { ...this.#at, digest })
        if (found === undefined) continue
        await this.#addTree(found)
        this.entries.push({
          ...{ mediaType: found.mediaType, digest, size: found.sizeBytes },
          ...(artifactType !== null && { artifactType }),
        })
      }
      after = page.length === referrersAtOnce ? page.at(-1)?.digest : undefined
    }
  }

  /** A manifest and what it lists, level by level. */
  async #addTree(root: ManifestHead): Promise<void> {
    const waiting = [root]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      this.#deps.report.signal.throwIfAborted()
      if (this.#manifests.has(next.digest)) continue
      this.#manifests.add(next.digest)
      this.#deps.report.progress(`manifest ${next.digest}`)
      const manifest = await this.#writeManifest(next)
      if (manifest !== undefined) waiting.push(...(await this.#addContent(manifest, next.digest)))
    }
  }

  /** The blobs of a manifest; returns the manifests that it lists. */
  async #addContent(manifest: Manifest, of: string): Promise<ManifestHead[]> {
    const children: ManifestHead[] = []
    for (const each of [manifest.config ?? [], manifest.layers].flat())
      await this.#addBlob(each, of)
    for (const each of manifest.optional) await this.#addBlob(each, of, true)
    for (const child of manifest.children) {
      const { digest } = child
      const found = await findManifestByDigest(this.#deps.db.read, { ...this.#at, digest })
      // An entry of an index may be a blob (BuildKit's cache).
      if (found === undefined) await this.#addBlob(child, of)
      else children.push(found)
    }
    return children
  }

  async #writeManifest({ id, digest: text }: ManifestHead): Promise<Manifest | undefined> {
    const digest = parseDigest(text)
    const whole = await findWholeManifest(this.#deps.db.read, id)
    if (whole === undefined) {
      this.#miss(digest, 'it was deleted meanwhile', digest)
      return undefined
    }
    const { content, mediaType } = whole
    if (!(await hasBytes(this.#deps.target, digest, content.byteLength))) {
      if (!(await this.#writeContent(digest, content))) return undefined
    }
    return parseManifest(Buffer.from(content).toString('utf8'), mediaType)
  }

  async #writeContent(digest: Digest, content: Uint8Array): Promise<boolean> {
    const { target, report } = this.#deps
    const draft = await target.begin(digest, content.byteLength)
    const write = (piece: Uint8Array) => draft.write(piece)
    const fault = await pour({ digest, pieces: [content], signal: report.signal, write })
    if (fault === undefined) {
      await draft.keep()
      return true
    }
    await draft.drop()
    report.signal.throwIfAborted()
    this.#miss(digest, 'its bytes in the database are others', digest)
    return false
  }

  async #addBlob(of: Descriptor, neededBy: string, isOptional = false): Promise<void> {
    const { digest } = of
    if (this.#blobs.has(digest) || this.#missing.has(digest)) return
    const { db, target, report } = this.#deps
    const { repositoryId } = this.#at
    const found = await findLinkedBlob(db.read, { repositoryId, digest })
    if (found === undefined) {
      if (!isOptional) this.#miss(digest, 'the registry has it not, or it is damaged', neededBy)
      return
    }
    if (await hasBytes(target, digest, found.sizeBytes)) {
      this.#blobs.add(digest)
      this.#counts.alreadyThere += 1
      report.count('alreadyThere', 1)
      return
    }
    const reason = await copyVerified({ ...this.#deps, pace: this.#pace }, found, digest)
    report.signal.throwIfAborted()
    if (reason !== undefined) return this.#miss(digest, reason.text, neededBy)
    this.#blobs.add(digest)
    this.#counts.copied += 1
  }

  #miss(digest: string, reason: string, neededBy: string): void {
    this.#missing.set(digest, { digest, reason, neededBy })
    this.#deps.report.fault(`${digest}, which ${neededBy} needs, is missing`, new Error(reason))
  }
}
