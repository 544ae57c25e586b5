import type { Digest } from '../../domain/digest.ts'
import { isRefusal } from '../../domain/errors.ts'
import type { RepositoryName, Tag } from '../../domain/reference.ts'
import { type ClientOptions, RegistryClient } from '../../upstream/client.ts'
import { PushClient, type RemoteUpload } from '../../upstream/push-client.ts'
import { BlobCursor } from './blob-cursor.ts'
import type { ImportReport } from './import-report.ts'
import { Patience } from './patience.ts'
import { readManifest } from './read-manifest.ts'
import { RecentManifests } from './recent-manifests.ts'
import type { SourceBlob, SourceManifest } from './source.ts'
import type { BlobPush, ImportTarget, StoredManifest, TagPush } from './target.ts'

/** Proxies refuse larger requests, and what was sent of one may be lost when it breaks. */
const usualPartBytes = 64 * 1024 * 1024
/** What is sent at once, from memory. */
const smallBytes = 1024 * 1024
/** Of manifests whose tags may follow. */
const recentBytes = 32 * 1024 * 1024

/** Who may see nothing there hears that there is nothing. */
const unseen = 'DENIED'

export interface RemoteOptions extends ClientOptions {
  /** As it stands in addresses. */
  readonly feedKey: string
  /** A request's worth. */
  readonly partBytes?: number
}

/** A feed of a server that runs, over /v2, as any client pushes. */
export class RemoteTarget implements ImportTarget {
  readonly #reader: RegistryClient
  readonly #pusher: PushClient
  readonly #patience: Patience
  readonly #feedKey: string
  readonly #partBytes: number
  /** Begun when a mount was asked for in vain. */
  readonly #begun = new Map<string, RemoteUpload>()
  readonly #recent = new RecentManifests(recentBytes)

  constructor(options: RemoteOptions, report: ImportReport) {
    this.#feedKey = options.feedKey
    this.#partBytes = options.partBytes ?? usualPartBytes
    // With the token of somebody who pushes: to them, what is there is promised.
    this.#reader = new RegistryClient({ ...options, actions: 'pull,push' })
    this.#pusher = new PushClient(options)
    const { host } = options.url
    // Without the target there is nothing to go on with.
    const ping = () => Promise.reject(new Error('the target fails'))
    this.#patience = new Patience({ host, report, ping, unknown: 'NAME_UNKNOWN' })
  }

  /** Whether it lets the caller in. */
  ping(): Promise<void> {
    return this.#patience.once(() => this.#reader.ping())
  }

  async findManifest(
    repository: RepositoryName,
    digest: Digest,
  ): Promise<StoredManifest | undefined> {
    if ((await this.#head(repository, digest)) === undefined) return undefined
    return await this.#orMissing(() => this.#fetch(repository, digest))
  }

  /** To who pushes, HEAD denies an image with a damaged blob, so that it is mended: its tag is there. */
  async findTag(repository: RepositoryName, tag: Tag): Promise<string | undefined> {
    const said = await this.#head(repository, tag)
    if (said !== undefined) return said
    const name = this.#name(repository)
    return (await this.#orMissing(() => this.#reader.getManifest(name, tag)))?.digest
  }

  async hasBlob(repository: RepositoryName, digest: Digest): Promise<boolean> {
    const name = this.#name(repository)
    return (await this.#orMissing(() => this.#reader.headBlob(name, digest))) !== undefined
  }

  async mountBlob(repository: RepositoryName, digest: Digest): Promise<boolean> {
    const upload = await this.#start(repository, digest)
    if (upload !== null) this.#begun.set(`${repository} ${digest}`, upload)
    return upload === null
  }

  async putBlob({ repository, digest, blob, signal }: BlobPush): Promise<'copied'> {
    const key = `${repository} ${digest}`
    const begun = this.#begun.get(key) ?? (await this.#start(repository, digest))
    this.#begun.delete(key)
    if (begun === null) return 'copied'
    const name = this.#name(repository)
    try {
      if (blob.sizeBytes <= smallBytes) {
        const rest = await gather(blob.chunks(0, signal))
        await this.#finish(name, begun, { digest, rest })
      } else {
        const whole = await this.#sendParts(name, begun, { blob, signal })
        await this.#finish(name, whole, { digest, rest: new Uint8Array(0) })
      }
    } catch (error) {
      await this.#pusher.cancel(name, begun).catch(() => undefined)
      throw error
    }
    return 'copied'
  }

  async putManifest(
    repository: RepositoryName,
    { digest, content, manifest }: SourceManifest,
  ): Promise<void> {
    const stored = { content, mediaType: manifest.mediaType }
    await this.#put(repository, digest, stored)
    this.#recent.keep(digest, stored)
  }

  async putTag({ repository, tag, digest }: TagPush): Promise<void> {
    const recent = this.#recent.find(digest)
    const stored = recent ?? (await this.#patience.run(() => this.#fetch(repository, digest)))
    await this.#put(repository, tag, stored)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [key, upload] of this.#begun) {
      const [repository = ''] = key.split(' ')
      const name = this.#name(repository as RepositoryName)
      await this.#pusher.cancel(name, upload).catch(() => undefined)
    }
    this.#reader[Symbol.dispose]()
    this.#pusher[Symbol.dispose]()
  }

  #name(repository: RepositoryName): string {
    return `${this.#feedKey}/${repository}`
  }

  async #head(repository: RepositoryName, reference: string): Promise<string | undefined> {
    const name = this.#name(repository)
    return await this.#orMissing(() => this.#reader.headManifest(name, reference))
  }

  #start(repository: RepositoryName, digest: Digest): Promise<RemoteUpload | null> {
    const name = this.#name(repository)
    return this.#patience.run(() => this.#pusher.mountOrStart(name, digest), unseen)
  }

  async #orMissing<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await this.#patience.run(work)
    } catch (error) {
      if (isRefusal(error, 'NAME_UNKNOWN')) return undefined
      throw error
    }
  }

  #finish(
    name: string,
    upload: RemoteUpload,
    end: { readonly digest: Digest; readonly rest: Uint8Array },
  ): Promise<void> {
    return this.#patience.run(() => this.#pusher.finish(name, upload, end))
  }

  /** Part by part; after a break from where the server says that it got to. */
  async #sendParts(
    name: string,
    begun: RemoteUpload,
    { blob, signal }: { readonly blob: SourceBlob; readonly signal: AbortSignal },
  ): Promise<RemoteUpload> {
    await using cursor = new BlobCursor(blob, signal)
    let upload = begun
    let failures = 0
    while (upload.offsetBytes < blob.sizeBytes) {
      const before = upload.offsetBytes
      const lengthBytes = Math.min(this.#partBytes, blob.sizeBytes - before)
      const bytes = cursor.take(before, lengthBytes)
      try {
        upload = await this.#pusher.append(name, upload, { bytes, lengthBytes })
        failures = 0
      } catch (error) {
        failures += 1
        await this.#patience.rest(error, failures)
        const stale = upload
        upload = await this.#patience.run(() => this.#pusher.statusOf(name, stale))
        if (upload.offsetBytes > before) failures = 0
      }
    }
    return upload
  }

  /** Throws DIGEST_INVALID for other bytes: a tag would name those. */
  async #fetch(repository: RepositoryName, digest: Digest): Promise<StoredManifest> {
    const { content, mediaType } = await this.#reader.getManifest(this.#name(repository), digest)
    const { manifest } = readManifest({ content, mediaType, digest })
    const stored = { content, mediaType: manifest.mediaType }
    this.#recent.keep(digest, stored)
    return stored
  }

  async #put(
    repository: RepositoryName,
    reference: string,
    manifest: StoredManifest,
  ): Promise<void> {
    const name = this.#name(repository)
    await this.#patience.run(() => this.#pusher.putManifest(name, reference, manifest), unseen)
  }
}

async function gather(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of chunks) pieces.push(piece)
  return Buffer.concat(pieces)
}
