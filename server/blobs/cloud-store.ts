import { RegistryError } from '../domain/errors.ts'
import type { BlobReader, BlobStore, StoredLocation, UploadWriter } from './blob-store.ts'
import type { Bucket } from './bucket.ts'
import { type Assembled, completeOnce, findWhole, removeTails } from './cloud-completion.ts'
import { type CloudKeys, cloudKeys } from './cloud-keys.ts'
import { listCloud } from './cloud-listing.ts'
import { findSizeSoon, verifyCloudMarker } from './cloud-marker.ts'
import type { CloudParts } from './cloud-parts.ts'
import { readRange } from './cloud-range.ts'
import { sweepLitter } from './cloud-sweep.ts'
import { CloudUploadWriter } from './cloud-upload-writer.ts'
import { requireLocation } from './location.ts'
import { PartBuffers } from './part-buffers.ts'
import { emptyState, type PartLedger, type StagedState, type Staging } from './part-ledger.ts'
import { PartMemory } from './part-memory.ts'
import { stoppedError } from './part-sending.ts'
import type { PartSizes } from './part-sizes.ts'
import { PassedBytes } from './passed-bytes.ts'
import { cutOff, sumOf } from './staged-state.ts'

/** Of all parts on their way, in a store. */
const partMemoryBytes = 64 * 1024 * 1024
const claims = 5

export interface CloudStoreOptions {
  readonly bucket: Bucket
  readonly prefix: string
  readonly ledger: PartLedger
  readonly partSizes: PartSizes
  /** The id in its marker. */
  readonly id: string
}

/** Bytes in S3 or Azure Blob (docs/decisions/0008-bytes-in-the-cloud.md). */
export function openCloudStore(options: CloudStoreOptions): BlobStore {
  return new CloudStore(options)
}

class CloudStore implements BlobStore {
  readonly #id: string
  readonly #bucket: Bucket
  readonly #keys: CloudKeys
  readonly #ledger: PartLedger
  readonly #cloud: CloudParts
  /** The last writer of each upload that this process has open. */
  readonly #writers = new Map<string, CloudUploadWriter>()
  readonly #finishing = new Map<string, Promise<{ sizeBytes: number } | undefined>>()

  constructor({ bucket, prefix, ledger, partSizes, id }: CloudStoreOptions) {
    this.#id = id
    this.#bucket = bucket
    this.#keys = cloudKeys(prefix)
    this.#ledger = ledger
    const memory = new PartMemory(partMemoryBytes)
    const [buffers, passed] = [new PartBuffers(), new PassedBytes()]
    this.#cloud = { bucket, keys: this.#keys, ledger, partSizes, memory, buffers, passed }
  }

  async startUpload(location: string): Promise<void> {
    requireLocation(location)
    await this.#ledger.start(location, emptyState)
  }

  async openUpload(location: string, offsetBytes: number): Promise<UploadWriter | undefined> {
    requireLocation(location)
    for (let attempt = 1; attempt <= claims; attempt += 1) {
      const before = await this.#findStaging(location, offsetBytes)
      if (before === undefined || before.sizeBytes < offsetBytes) return undefined
      const state = await this.#openAt(location, before, offsetBytes)
      if (state === undefined) continue
      const { isSettled, isMessy } = before
      const claimed = { ...state, isSettled: false, isMessy: isMessy || !isSettled }
      const writer = await this.#ledger.claim(location, before, claimed)
      if (writer === undefined) continue
      const opened = new CloudUploadWriter(this.#cloud, { location, writer, state: claimed })
      this.#writers.set(location, opened)
      return opened
    }
    throw new RegistryError('UNAVAILABLE', 'Too many requests go on with this upload at once.')
  }

  async *readStaged(location: string, lengthBytes: number): AsyncGenerator<Uint8Array> {
    requireLocation(location)
    const state = await this.#readable(location)
    if (state === undefined || state.sizeBytes < lengthBytes) {
      throw new RegistryError('UNAVAILABLE', 'The staged bytes of the upload are missing.')
    }
    const sealed = Math.min(state.sealedBytes, lengthBytes)
    yield* readRange(this.#bucket, this.#keys.blob(location), { start: 0, end: sealed - 1 })
    if (sealed === lengthBytes) return
    const tail = state.tails.findLast(
      ({ startBytes, sizeBytes }) => startBytes <= sealed && startBytes + sizeBytes >= lengthBytes,
    )
    if (tail === undefined) {
      throw new RegistryError('UNAVAILABLE', 'The staged bytes of the upload are missing.')
    }
    yield* readRange(this.#bucket, this.#keys.tail(location, tail.number), {
      start: sealed - tail.startBytes,
      end: lengthBytes - tail.startBytes - 1,
    })
  }

  finish(location: string): Promise<{ sizeBytes: number } | undefined> {
    requireLocation(location)
    const running = this.#finishing.get(location)
    if (running !== undefined) return running
    const finishing = this.#finish(location).finally(() => this.#finishing.delete(location))
    this.#finishing.set(location, finishing)
    return finishing
  }

  async abort(location: string): Promise<void> {
    requireLocation(location)
    this.#writers.delete(location)
    const key = this.#keys.blob(location)
    const staging = await this.#ledger.find(location)
    await this.#bucket.abortParts(key)
    await this.#bucket.delete([key])
    if (staging !== undefined) await removeTails(this.#bucket, this.#keys.tailsOf(location))
    if (staging === undefined) await this.#verify()
    await this.#ledger.end(location)
  }

  async open(location: string): Promise<BlobReader | undefined> {
    requireLocation(location)
    if ((await this.#ledger.staged([location])).length > 0) return undefined
    const key = this.#keys.blob(location)
    const sizeBytes = await findSizeSoon(this.#bucket, key)
    if (sizeBytes === undefined) {
      await this.#verify()
      return undefined
    }
    const { bucket, passed } = this.#cloud
    return {
      sizeBytes,
      read: (start, end) => passed.through(readRange(bucket, key, { start, end })),
      [Symbol.asyncDispose]: async () => {},
    }
  }

  async remove(locations: readonly string[]): Promise<void> {
    locations.forEach(requireLocation)
    if (locations.length === 0) return
    const staged = new Set(await this.#ledger.staged(locations))
    const finished = locations.filter((location) => !staged.has(location))
    // Not to be taken for removed while the bucket is another.
    await this.#verify()
    await this.#bucket.delete(finished.map((location) => this.#keys.blob(location)))
  }

  async list(after: string | null, count: number): Promise<StoredLocation[]> {
    await this.#verify()
    return listCloud({ bucket: this.#bucket, keys: this.#keys, ledger: this.#ledger }, after, count)
  }

  sweep(signal: AbortSignal): Promise<number> {
    return sweepLitter({ bucket: this.#bucket, keys: this.#keys, ledger: this.#ledger }, signal)
  }

  presign(location: string, expiresInSeconds: number): Promise<string> {
    requireLocation(location)
    return this.#bucket.presign(this.#keys.blob(location), expiresInSeconds)
  }

  async check(): Promise<void> {
    await this.#verify()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bucket[Symbol.asyncDispose]()
  }

  #verify(): Promise<void> {
    return verifyCloudMarker(this.#bucket, this.#keys.marker, this.#id)
  }

  /** What is known of the upload. Finished bytes whose row was never written are staged again. */
  async #findStaging(location: string, leastBytes: number): Promise<Staging | undefined> {
    const staging = await this.#ledger.find(location)
    if (staging !== undefined) return this.#checkParts(location, staging)
    const sizeBytes = await findSizeSoon(this.#bucket, this.#keys.blob(location))
    if (sizeBytes === undefined) {
      await this.#verify()
      return undefined
    }
    if (sizeBytes < leastBytes) return undefined
    const finished = { sizeBytes, sealedBytes: sizeBytes, finishedAs: null }
    await this.#ledger.start(location, { ...emptyState, ...finished })
    return this.#ledger.find(location)
  }

  /** A crash may have come between completing the parts and writing that down. */
  async #checkParts(location: string, staging: Staging): Promise<Staging | undefined> {
    const { multipartId, parts } = staging
    if (multipartId === null || parts.length === 0) return staging
    const key = this.#keys.blob(location)
    if (await this.#bucket.hasParts(key, multipartId)) return staging
    const sizeBytes = await findSizeSoon(this.#bucket, key)
    if (sizeBytes === undefined) {
      await this.#verify()
      return undefined
    }
    return { ...staging, multipartId: null, parts: [], sealedBytes: sizeBytes }
  }

  /** The state up to the offset. Undefined: it has changed; look again. */
  async #openAt(
    location: string,
    before: Staging,
    offsetBytes: number,
  ): Promise<StagedState | undefined> {
    const state = cutOff(before, offsetBytes, this.#bucket.minPartBytes)
    if (state !== undefined) return state
    await this.#seal(location, before)
    return undefined
  }

  /** Makes the parts of an upload that nobody writes to readable. */
  async #seal(location: string, before: Staging): Promise<StagedState> {
    const { multipartId, parts, sizeBytes } = before
    if (multipartId === null || sumOf(parts) === 0) {
      throw new RegistryError('UNAVAILABLE', 'The staged bytes of the upload are missing.')
    }
    await completeOnce(this.#bucket, this.#keys.blob(location), { multipartId, parts })
    const sealed: StagedState = {
      ...before,
      ...{ sizeBytes, multipartId: null, parts: [], sealedBytes: sumOf(parts) },
    }
    await this.#ledger.claim(location, before, sealed)
    return sealed
  }

  async #readable(location: string): Promise<StagedState | undefined> {
    const writer = this.#writers.get(location)
    if (writer?.assembled?.isWhole) return writer.assembled.state
    if (writer !== undefined && !writer.isStopped) return writer.seal()
    const staging = await this.#findStaging(location, 0)
    if (staging === undefined || staging.parts.length === 0) return staging
    return this.#seal(location, staging)
  }

  async #finish(location: string): Promise<{ sizeBytes: number } | undefined> {
    const staging = await this.#ledger.find(location)
    if (staging === undefined) return this.#finishAgain(location)
    const own = this.#writers.get(location)
    // Another process goes on with it.
    if (own !== undefined && own.writer !== staging.writer) throw stoppedError()
    const { state, isWhole } = own?.assembled ?? (await this.#assemble(location, staging)) ?? {}
    if (state === undefined) return undefined
    const { multipartId, parts, sizeBytes } = state
    const key = this.#keys.blob(location)
    if (!isWhole && multipartId !== null)
      await completeOnce(this.#bucket, key, { multipartId, parts })
    const isMessy = staging.isMessy || state.isMessy
    // An older writer may still complete its parts: not after the look at what is there.
    if (isMessy || staging.multipartId !== null || multipartId !== null) {
      await this.#bucket.abortParts(key)
    }
    const foundBytes = await findWhole(this.#bucket, key, sizeBytes)
    if (foundBytes !== sizeBytes) {
      throw new RegistryError('UNAVAILABLE', 'The blob store does not show what was just stored.', {
        detail: { sizeBytes, foundBytes: foundBytes ?? null },
      })
    }
    await this.#removeTailsOf(location, isMessy ? null : [staging, state])
    await this.#ledger.end(location)
    this.#writers.delete(location)
    return { sizeBytes }
  }

  async #finishAgain(location: string): Promise<{ sizeBytes: number } | undefined> {
    const sizeBytes = await findSizeSoon(this.#bucket, this.#keys.blob(location))
    if (sizeBytes !== undefined) return { sizeBytes }
    await this.#verify()
    return undefined
  }

  /** After a restart, or when bytes were vouched for and no more came. */
  async #assemble(location: string, { sizeBytes }: Staging): Promise<Assembled | undefined> {
    const writer = await this.openUpload(location, sizeBytes)
    if (writer === undefined) return undefined
    try {
      await writer.syncBytes()
      return this.#writers.get(location)?.assembled
    } finally {
      await writer[Symbol.asyncDispose]()
    }
  }

  /** Null: there may be some that nobody knows of. */
  async #removeTailsOf(location: string, states: readonly StagedState[] | null): Promise<void> {
    if (states === null) return removeTails(this.#bucket, this.#keys.tailsOf(location))
    const numbers = new Set(
      states.flatMap(({ tails, litter }) => [...litter, ...tails.map(({ number }) => number)]),
    )
    await this.#bucket.delete([...numbers].map((number) => this.#keys.tail(location, number)))
  }
}
