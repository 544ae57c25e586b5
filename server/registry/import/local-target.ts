import { findManifestOrigin, findTagOrigin } from '../../db/cached-content.ts'
import type { Db } from '../../db/database.ts'
import { findManifestByDigest, findWholeManifest, usesDamagedBlob } from '../../db/manifests.ts'
import { findRepository } from '../../db/repositories.ts'
import { createTag } from '../../db/tags.ts'
import type { Digest } from '../../domain/digest.ts'
import { isRefusal, RegistryError } from '../../domain/errors.ts'
import type { RepositoryName, Tag } from '../../domain/reference.ts'
import type { Pace } from '../backup/pace.ts'
import { headBlob, mount } from '../blobs.ts'
import type { Feed } from '../feeds.ts'
import { pushManifest } from '../manifests.ts'
import type { Settings } from '../settings.ts'
import type { Stores } from '../stores.ts'
import type { Uploads } from '../uploads.ts'
import type { ImportReport } from './import-report.ts'
import { linkBlob } from './linked-blob.ts'
import { pushResumably } from './resumable-push.ts'
import type { SourceManifest } from './source.ts'
import type { BlobPush, ImportTarget, StoredManifest, TagPush } from './target.ts'

export interface LocalDeps {
  readonly db: Db
  readonly stores: Stores
  readonly settings: Settings
  readonly uploads: Uploads
  readonly report: ImportReport
  readonly pace: Pace
}

export interface LocalOptions {
  readonly feed: Feed
  /** Whether a source's files may become the store's. */
  readonly mayLink: boolean
}

/** As the command line does it, for the audit. */
const by = 'command line'

/** A feed of this process's own, through what a push to it goes through. */
export class LocalTarget implements ImportTarget {
  readonly #deps: LocalDeps
  readonly #options: LocalOptions

  constructor(deps: LocalDeps, options: LocalOptions) {
    this.#deps = deps
    this.#options = options
  }

  async findManifest(
    repository: RepositoryName,
    digest: Digest,
  ): Promise<StoredManifest | undefined> {
    const { db } = this.#deps
    const { feed } = this.#options
    const found = await findManifestByDigest(db.read, { feedId: feed.id, repository, digest })
    if (found === undefined || (await usesDamagedBlob(db.read, found.id))) return undefined
    if (await this.#isPassing(repository, digest)) return undefined
    return await findWholeManifest(db.read, found.id)
  }

  /** Undefined also for a connector's: it is to become the registry's own. */
  async findTag(repository: RepositoryName, tag: Tag): Promise<string | undefined> {
    const { feed } = this.#options
    const found = await findTagOrigin(this.#deps.db.read, { feedId: feed.id, repository, tag })
    return found?.connectorId === null ? found.digest : undefined
  }

  async hasBlob(repository: RepositoryName, digest: Digest): Promise<boolean> {
    const { feed } = this.#options
    try {
      await headBlob(this.#deps, { feed, repository, digest }, true)
      return true
    } catch (error) {
      if (isRefusal(error, 'BLOB_UNKNOWN')) return false
      throw error
    }
  }

  /** Who imports has the data folder: there is nothing that may not be seen. */
  async mountBlob(repository: RepositoryName, digest: Digest): Promise<boolean> {
    const { feed } = this.#options
    const mayPull = () => true
    return await mount(this.#deps, { feed, repository, digest, from: null, mayPull })
  }

  async putBlob(push: BlobPush): Promise<'copied' | 'linked'> {
    const { feed, mayLink } = this.#options
    const { repository, digest, blob, signal } = push
    const target = { feed, repository, by }
    if (mayLink && blob.file !== null) {
      const link = { target, digest, file: blob.file, signal }
      const refusal = await linkBlob(this.#deps, link)
      if (refusal === null) return 'linked'
      this.#deps.report.note(`Copied, not linked: ${refusal}`)
    }
    await pushResumably(this.#deps, { target, digest, blob, signal })
    return 'copied'
  }

  async putManifest(
    repository: RepositoryName,
    { digest, content, manifest }: SourceManifest,
  ): Promise<void> {
    await pushManifest(this.#deps, {
      ...{ feed: this.#options.feed, repository, by, content },
      reference: { kind: 'digest', digest },
      ...{ contentType: manifest.mediaType, tags: [], mayOverwrite: false },
    })
  }

  async putTag({ repository, tag, digest, mayMove }: TagPush): Promise<void> {
    const { db } = this.#deps
    const row = await findRepository(db.read, this.#options.feed.id, repository)
    const key = row && { repositoryId: row.id, tag, digest }
    try {
      const put = key && (await db.write(createTag, { ...key, mayOverwrite: mayMove, mayMove, by }))
      if (put !== undefined) return
    } catch (error) {
      if (!isRefusal(error, 'CONFLICT')) throw error
      const message = 'the tag is there and points at another image: --overwrite-tags moves it.'
      throw new RegistryError('CONFLICT', message, { cause: error })
    }
    throw new RegistryError('MANIFEST_UNKNOWN', `${digest} was deleted here meanwhile.`)
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** What came through a connector may lack what it lists; an orphan is clean-up's to take. */
  async #isPassing(repository: RepositoryName, digest: Digest): Promise<boolean> {
    const { db } = this.#deps
    const row = await findRepository(db.read, this.#options.feed.id, repository)
    const found = row && (await findManifestOrigin(db.read, { repositoryId: row.id, digest }))
    return found === undefined || found.connectorId !== null || found.orphanedSince !== null
  }
}
