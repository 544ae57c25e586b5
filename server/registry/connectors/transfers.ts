import { Spool } from '../../blobs/spool.ts'
import type { Db } from '../../db/database.ts'
import { isRefusal } from '../../domain/errors.ts'
import { openDownload } from '../../upstream/download.ts'
import { UpstreamError } from '../../upstream/upstream-error.ts'
import { type BlobTarget, type DamageLog, findStoredSize, openBlob } from '../blobs.ts'
import type { Stores } from '../stores.ts'
import type { Uploads } from '../uploads.ts'
import { BlobTransfer } from './blob-transfer.ts'
import { refusalOf } from './connector.ts'
import type { Upstream } from './upstream.ts'

export interface TransfersDeps {
  readonly db: Db
  readonly stores: Stores
  readonly uploads: Uploads
  readonly log: DamageLog
  /** On this machine's disk, for what goes to a store elsewhere. */
  readonly spoolFolder: string
}

/** What came of looking for a blob elsewhere. */
export type Opened = BlobTransfer | 'here' | undefined

interface Wanted {
  readonly target: BlobTarget
  readonly keep: boolean
}

/** Blobs on their way from other registries into this process's stores, each once. */
export class Transfers implements AsyncDisposable {
  readonly #deps: TransfersDeps
  readonly #opening = new Map<string, Promise<Opened>>()
  readonly #running = new Set<Promise<void>>()

  constructor(deps: TransfersDeps) {
    this.#deps = deps
  }

  /**
   * The transfer of the blob that is under way, or a new one from the first registry that has it;
   * `here` if it has been stored meanwhile. Undefined: none of them knows it. Throws UPSTREAM_FAILED
   * or TOOMANYREQUESTS when one that could not be asked may have it.
   */
  open(wanted: Wanted, upstreams: readonly Upstream[]): Promise<Opened> {
    const { target, keep } = wanted
    const key = `${target.feed.id} ${target.repository} ${target.digest} ${keep}`
    const known = this.#opening.get(key)
    if (known !== undefined) return known
    const opening = this.#start(wanted, upstreams, () => this.#opening.delete(key))
    this.#opening.set(key, opening)
    return opening
  }

  /** Gives the repository a blob of another one, whose bytes are in another store. */
  async copy(target: BlobTarget, from: BlobTarget): Promise<void> {
    const deps = this.#deps
    await using reader = await openBlob(deps, from)
    const { sizeBytes } = reader
    const by = `registry ${from.feed.name}`
    await deps.uploads.pushWhole({ ...target, by }, target.digest, {
      lengthBytes: sizeBytes,
      async *chunks(signal) {
        for await (const piece of reader.read(0, sizeBytes - 1)) {
          signal.throwIfAborted()
          yield piece
        }
      },
    })
  }

  /** Waits for what is under way, which stops with the uploads. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#running)
  }

  async #start(wanted: Wanted, upstreams: readonly Upstream[], onEnd: () => void): Promise<Opened> {
    try {
      if ((await findStoredSize(this.#deps, wanted.target)) !== undefined) {
        onEnd()
        return 'here'
      }
      const transfer = await this.#openFirst(wanted, upstreams)
      if (transfer === undefined) onEnd()
      else this.#run(wanted, transfer, onEnd)
      return transfer?.blob
    } catch (error) {
      onEnd()
      throw error
    }
  }

  async #openFirst(
    { target, keep }: Wanted,
    upstreams: readonly Upstream[],
  ): Promise<{ readonly blob: BlobTransfer; readonly upstream: Upstream } | undefined> {
    const { repository, digest } = target
    let failure: unknown
    for (const upstream of upstreams) {
      try {
        const question = { operation: 'blob', repository, item: digest }
        const download = await upstream.ask(question, (client, name) =>
          openDownload(client, name, digest),
        )
        if (download === undefined) continue
        upstream.observer.countThrough(upstream.name, 'miss')
        const onBytes = (bytes: number) => upstream.observer.addUpstreamBytes(upstream.name, bytes)
        const openKept = () => openBlob(this.#deps, target)
        const openSpool = () => Spool.open(this.#deps.spoolFolder)
        const options = { digest, download, keep, onBytes, openKept, openSpool }
        return { upstream, blob: new BlobTransfer(options) }
      } catch (error) {
        // The content is the same wherever it comes from: another one may have it.
        failure ??= refusalOf(error, upstream)
      }
    }
    if (failure !== undefined) throw failure
    return undefined
  }

  #run(
    { target }: Wanted,
    { blob, upstream }: { readonly blob: BlobTransfer; readonly upstream: Upstream },
    onEnd: () => void,
  ): void {
    const { uploads } = this.#deps
    const { digest } = target
    const running = blob.run(async (body) => {
      try {
        const by = `connector ${upstream.name}`
        await uploads.pushWhole({ ...target, by }, digest, body)
      } catch (error) {
        throw refusalOf(this.#noted(error, upstream, digest), upstream)
      }
    })
    const ended = running.then(async () => {
      // Nobody new comes before it is closed.
      onEnd()
      await blob.leave()
      this.#running.delete(ended)
    })
    this.#running.add(ended)
  }

  #noted(error: unknown, upstream: Upstream, digest: string): unknown {
    const failure = isRefusal(error, 'DIGEST_INVALID')
      ? new UpstreamError(
          'malformed',
          `${upstream.client.host} sent for ${digest} what is not that: ${error.message}`,
        )
      : error
    if (failure instanceof UpstreamError) upstream.noteFailure(failure)
    return failure
  }
}
